"""Training text and held-out text of a run, kept apart: what is held out must not be trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from babyllama import console
from babyllama.artifacts import Manifest
from babyllama.config.sections import Config
from babyllama.corpus.mixing.sources import guess_domain, resolve_sources
from babyllama.corpus.reading import corpus_files
from babyllama.corpus.reading.files import plain_stem, same_text
from babyllama.errors import DataError, MissingTextError
from babyllama.text import listed, percent, plural


def text_files(config: Config, *, may_come_later: bool = False) -> tuple[list[Path], list[Path]]:
    """The files of `data.train_path` and of `data.eval_path`, no text in both.

    A training file that is a held-out one too, or holds the same text, is left out of the training text with a warning; so
    is said how much of the held-out text is of domains that the training text does not have. Raises DataError when a place
    holds no text (with `may_come_later` the held-out text may be missing), nothing is left to train on, or a source of `mixing`
    is held-out text.
    """
    data = config.data
    train = corpus_files(data.train_path, key="data.train_path")
    if data.eval_path is None:
        return train, []
    try:
        held_out = corpus_files(data.eval_path, key="data.eval_path")
    except MissingTextError:
        if may_come_later:
            return train, []
        raise
    _refuse_held_out_sources(config, held_out)
    kept = apart(train, held_out, key=f"data.eval_path = {data.eval_path}")
    if not kept:
        raise DataError(
            f"data.train_path = {data.train_path} and data.eval_path = {data.eval_path} name the same text "
            f"({listed([str(file) for file in train])}): a model must be measured on text it was not trained on. Name other "
            "held-out text, let a `mixing` section split some off (mixing.dev_budget), or set data.eval_path=null."
        )
    missing = share_of_other_domains(kept, held_out)
    if missing:
        of_what = ", ".join(f"{name} {percent(share, 0)} %" for name, share in missing.items())
        console.warn(
            f"{percent(sum(missing.values()), 0)} % of the held-out text ({data.eval_path}) is of domains that the training text "
            f"does not have ({of_what}): its loss is not that of the text you train on."
        )
    return kept, held_out


def apart(train: Sequence[Path], held_out: Sequence[Path], *, key: str) -> list[Path]:
    """The files of `train` that hold no text of `held_out`; a warning names the others. `key` says what holds it out."""
    shared = same_text(train, held_out)
    kept = [file for file in train if file not in shared]
    if kept and shared:
        names = [str(file) if file == other else f"{file} (the text of {other})" for file, other in shared.items()]
        console.warn(
            f"{plural(len(shared), 'file')} left out of the training text, being held out by {key}: {listed(names)}"
        )
    return kept


def _refuse_held_out_sources(config: Config, held_out: Sequence[Path]) -> None:
    for source in resolve_sources(config.mixing) if config.mixing else []:
        for file, other in same_text(source.files, held_out).items():
            same = f"{file}" if file == other else f"{file} (the same text as {other})"
            raise DataError(
                f"the source {source.name!r} of the mix and data.eval_path = {config.data.eval_path} both hold {same}: a model "
                "must be measured on text it was not trained on. Name other held-out text, or take it out of mixing.sources."
            )


def share_of_other_domains(train: Sequence[Path], held_out: Sequence[Path]) -> dict[str, float]:
    """The domains of `held_out` that `train` does not have, with their part of the held-out bytes.

    A mix knows its sources, any other file is of the domain that its name tells; where one tells none, nothing is known and
    the result is empty.
    """
    trained, held = _domains(train), _domains(held_out)
    if "default" in trained or "default" in held:
        return {}
    total = sum(held.values()) or 1
    return {name: count / total for name, count in held.most_common() if name not in trained}


def _domains(files: Sequence[Path]) -> Counter[str]:
    """Bytes of each domain."""
    found: Counter[str] = Counter()
    for file in files:
        manifest = Manifest.read(file.parent)
        if manifest is not None and manifest.stage == "mix" and file.name in manifest.files:
            for row in manifest.outputs["dev_sources" if file.suffix == ".dev" else "sources"]:
                found[" and ".join(row["domains"])] += row["bytes"]
        else:
            found[guess_domain(plain_stem(file))] += file.stat().st_size
    return found
