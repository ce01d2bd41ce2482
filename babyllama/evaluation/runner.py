"""Running evaluations for one model and keeping their results in its run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from babyllama.artifacts import fingerprint_files
from babyllama.errors import DataError, EvaluationError
from babyllama.evaluation.minimal_pairs import score_minimal_pairs
from babyllama.evaluation.models import LoadedModel, load_model
from babyllama.evaluation.pair_results import MinimalPairResults
from babyllama.evaluation.pairs import PairSet, default_pair_folder, read_pairs
from babyllama.evaluation.perplexity import PerplexityResult, perplexity_by_domain
from babyllama.evaluation.protocols import DEFAULT_PROTOCOL
from babyllama.evaluation.quality import generation_quality
from babyllama.evaluation.result_files import run_data, write_results
from babyllama.evaluation.scoring.masked import Metric
from babyllama.evaluation.scoring.sequences import Progress

TASKS = ("perplexity", "blimp", "generation")
"""What can be evaluated; generation is only done when it is asked for by name."""
DEFAULT_TASKS = ("perplexity", "blimp")

Note = Callable[[str], None]
NewProgress = Callable[[str], Progress]
"""Makes a progress callback for a task of the given name."""


def run_evaluations(
    model_path: str | Path | LoadedModel,
    tasks: Sequence[str] | None = None,
    *,
    blimp_data: str | Path | None = None,
    eval_text: str | Path | None = None,
    protocol: str = DEFAULT_PROTOCOL,
    pairs_per_paradigm: int | None = None,
    seed: int = 42,
    device: str = "auto",
    dtype: str = "auto",
    masked_metric: Metric = "original",
    stride: int | None = None,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
    note: Note | None = None,
    progress: NewProgress | None = None,
    keep: Callable[[str, MinimalPairResults | PerplexityResult | dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Evaluate one model: `{"model": name, "results": {task: numbers}}`, as `--json` prints it.

    `tasks` None takes perplexity and minimal pairs, each skipped with a note when its data are not there; a
    task that is named and cannot be done is an error. Minimal pairs appear under the name of their set:
    `blimp`, `blimp_synthetic`, or the folder's. Results of a run's model are written into its `evaluation`
    folder (of a checkpoint: into `evaluation/checkpoints/<name>`); perplexity on another text than the run's own
    as `perplexity_<its name>.json`. `keep` receives each task's full result object.
    """
    say = note or (lambda line: None)
    wanted = check_tasks(tasks)
    loaded = (
        model_path
        if isinstance(model_path, LoadedModel)
        else load_model(
            model_path,
            device,
            "bf16" if dtype == "bf16" else "fp32",
            allow_pickle=allow_pickle,
            trust_remote_code=trust_remote_code,
        )
    )
    for line in loaded.notes:
        say(line)
    if loaded.masked and tasks is None:
        wanted.remove("perplexity")
        say(f"perplexity skipped: {loaded.name} is a masked language model, which gives no text a probability")
    folder = results_folder(loaded)
    results: dict[str, Any] = {}
    for task in wanted:
        try:
            callback = progress(task) if progress is not None else None
            name, found = _evaluate(
                task,
                loaded,
                blimp_data=blimp_data,
                eval_text=eval_text,
                protocol=protocol,
                pairs_per_paradigm=pairs_per_paradigm,
                seed=seed,
                dtype=dtype,
                masked_metric=masked_metric,
                stride=stride,
                say=say,
                progress=callback,
            )
        except _NoData as error:
            if tasks is not None:
                raise
            say(f"{task} skipped: {error}")
            continue
        results[name] = found if isinstance(found, dict) else found.to_json()
        if folder is not None:
            write_results(folder, name, loaded, found)
        if keep is not None:
            keep(name, found)
    return {"model": loaded.name, "results": results}


def check_tasks(tasks: Sequence[str] | None) -> list[str]:
    """The tasks to run; EvaluationError naming the choices for one that does not exist."""
    for task in tasks or ():
        if task not in TASKS:
            raise EvaluationError(f"unknown task {task!r}; there are {', '.join(TASKS)}.")
    return list(dict.fromkeys(tasks)) if tasks is not None else list(DEFAULT_TASKS)


def results_folder(loaded: LoadedModel) -> Path | None:
    """Where the results of `loaded` are kept; None for a model that is no run of ours."""
    return loaded.place.results


class _NoData(DataError):
    """A task's data are not there: an error when the task was asked for, else a note."""


def _evaluate(
    task: str,
    loaded: LoadedModel,
    *,
    blimp_data: str | Path | None,
    eval_text: str | Path | None,
    protocol: str,
    pairs_per_paradigm: int | None,
    seed: int,
    dtype: str,
    masked_metric: Metric,
    stride: int | None,
    say: Note,
    progress: Progress | None,
) -> tuple[str, MinimalPairResults | PerplexityResult | dict[str, Any]]:
    if task == "perplexity":
        return task, evaluate_perplexity(loaded, eval_text, stride=stride, say=say, progress=progress)
    if task == "generation":
        return task, generation_quality(loaded, seed=seed)
    pairs = _pairs(blimp_data)
    scored = score_minimal_pairs(
        loaded,
        pairs,
        protocol=protocol,
        pairs_per_paradigm=pairs_per_paradigm,
        seed=seed,
        dtype=dtype,
        masked_metric=masked_metric,
        progress=progress,
        note=say,
    )
    return scored.name, scored


def _pairs(blimp_data: str | Path | None) -> PairSet:
    if blimp_data is not None:
        return read_pairs(blimp_data)
    try:
        folder = default_pair_folder()
    except DataError as error:
        raise _NoData(str(error)) from error
    return read_pairs(folder)


def evaluate_perplexity(
    loaded: LoadedModel,
    eval_text: str | Path | None = None,
    *,
    stride: int | None = None,
    say: Note = lambda line: None,
    progress: Progress | None = None,
) -> PerplexityResult:
    """Perplexity on `eval_text` (file, folder or glob), else on the run's own data.eval_path; per file when
    several."""
    from babyllama.corpus.reading import corpus_files, read_documents

    path, errors = _evaluation_text(loaded, eval_text)
    files = corpus_files(path, key="--eval-text" if eval_text is not None else "data.eval_path")
    domains = {}
    for file in files:
        name = file.name if file.name not in domains else str(file)
        domains[name] = read_documents([file], errors=errors)
    result = perplexity_by_domain(
        loaded,
        domains,
        token_counts=_token_counts(loaded, say),
        stride=stride,
        progress=progress,
        total_bytes=sum(file.stat().st_size for file in files),
    )
    result.text, result.text_fingerprint = path, fingerprint_files(files)
    if result.unscored_tokens:
        say(
            f"the tokenizer has neither BOS nor EOS: the first token of each of {result.unscored_tokens:,} "
            "documents "
            "has no context and is not counted"
        )
    if result.nan_tokens:
        say(f"{result.nan_tokens:,} tokens have a probability that is not a number: the model's weights are broken")
    return result


def _evaluation_text(loaded: LoadedModel, eval_text: str | Path | None) -> tuple[str, str]:
    """(path, errors mode) of the evaluation text."""
    if eval_text is not None:
        return str(eval_text), "strict"
    data = run_data(loaded.run)
    path = data.get("eval_path")
    if not path:
        whose = (
            f"the run {loaded.name} was trained without data.eval_path"
            if loaded.run
            else f"{loaded.name} is no run of ours"
        )
        raise _NoData(f"no evaluation text: {whose}. Name a file or folder with --eval-text PATH.")
    if not Path(path).exists() and not any(sign in path for sign in "*?["):
        raise _NoData(
            f"the evaluation text of {loaded.name}, data.eval_path = {path!r}, is not there. Run the command "
            "where that path "
            "leads, or name a file or folder with --eval-text PATH."
        )
    return str(path), str(data.get("errors") or "strict")


def _token_counts(loaded: LoadedModel, say: Note) -> np.ndarray | None:
    if loaded.run is None or not loaded.run.token_counts.is_file():
        return None
    try:
        counts = np.load(loaded.run.token_counts, allow_pickle=False)
    except (OSError, ValueError) as error:
        say(f"no unigram perplexity: {loaded.run.token_counts} cannot be read ({error})")
        return None
    return counts
