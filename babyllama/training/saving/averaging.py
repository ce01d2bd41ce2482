"""One model from several of the same shape: the mean of their weights (stochastic weight averaging, Izmailov et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babyllama.errors import CheckpointError
from babyllama.evaluation.model_tokenizer import check_same_tokenizer
from babyllama.evaluation.models import load_model, model_content
from babyllama.runs import ModelPlace, RunPaths, locate_model
from babyllama.training.arguments import quiet_libraries
from babyllama.training.saving.model_folder import save_model_folder


def last_checkpoints(run: str | Path, count: int) -> list[Path]:
    """The `count` checkpoints of a run that have seen the most words, oldest first. CheckpointError when there are fewer."""
    paths = RunPaths(Path(run))
    if not paths.is_run:
        raise CheckpointError(
            f"--last {count}: {run} is no run folder of ours; name the run whose checkpoints are averaged."
        )
    folders = [path for path in paths.checkpoints.glob("*") if (path / "config.json").is_file() and path != paths.best]
    by_words = {locate_model(path).words_seen or 0: path for path in sorted(folders)}
    if len(by_words) < count:
        raise CheckpointError(
            f"{run} has {len(by_words)} checkpoints, and {count} are to be averaged. A run keeps the last two unless "
            "training.save_total_limit says otherwise; training.word_checkpoints keeps those by words seen."
        )
    return [by_words[words] for words in sorted(by_words)[-count:]]


def average_models(models: Sequence[str | Path], output: str | Path) -> dict[str, Any]:
    """Write the model whose weights are the mean of those of `models` to the folder `output`; returns its facts.

    The mean is taken in fp64 and kept in fp32. CheckpointError when the models are not of one shape, TokenizerError when
    their tokenizers differ.
    """
    places = [locate_model(path) for path in models]
    first = load_model(models[0], device="cpu")
    sums = {name: tensor.double() for name, tensor in first.model.state_dict().items() if tensor.is_floating_point()}
    for path in models[1:]:
        other = load_model(path, device="cpu")
        check_same_tokenizer([(one.name, one.tokenizer) for one in (first, other)])
        theirs = other.model.state_dict()
        _check_same_shape(first.name, first.model.state_dict(), other.name, theirs)
        for name, total in sums.items():
            total += theirs[name].double()
    first.model.load_state_dict({name: total / len(models) for name, total in sums.items()}, strict=False)
    facts = {"average_of": [_origin(place) for place in places], **_words_seen(places)}
    with quiet_libraries():
        save_model_folder(Path(output), first.model, first.tokenizer, facts=facts, then="run the same command again")
    return facts


def _check_same_shape(name: str, own: dict[str, Any], other: str, theirs: dict[str, Any]) -> None:
    for key in sorted({*own, *theirs}):
        mine, its = (tuple(weights[key].shape) if key in weights else "none" for weights in (own, theirs))
        if mine != its:
            raise CheckpointError(
                f"{name} and {other} are not of one shape: {key} is {mine} and {its}. Weights are averaged over "
                "checkpoints of one run; `evaluate --ensemble` averages the probabilities of any models with one tokenizer."
            )


def _origin(place: ModelPlace) -> dict[str, str]:
    return {"model": place.name, "fingerprint": model_content(place)}


def _words_seen(places: Sequence[ModelPlace]) -> dict[str, int]:
    """Checkpoints of one run have seen what the last of them has; of models that were trained apart nothing is said."""
    seen = [place.words_seen for place in places]
    runs = {place.run.root.resolve() if place.run is not None else None for place in places}
    if len(runs) > 1 or None in runs or None in seen:
        return {}
    return {"words_seen": max(words for words in seen if words is not None)}
