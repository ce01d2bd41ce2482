"""The files that evaluations leave in a run's folder, and what they are called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from babyllama.artifacts import read_json
from babyllama.evaluation.models import LoadedModel, model_fingerprint
from babyllama.evaluation.pair_results import MinimalPairResults
from babyllama.evaluation.perplexity import PerplexityResult
from babyllama.evaluation.protocols import DEFAULT_PROTOCOL
from babyllama.runs import RunPaths, StoredResult, save_result


def write_results(
    folder: Path, name: str, loaded: LoadedModel, found: MinimalPairResults | PerplexityResult | dict[str, Any]
) -> None:
    """Write the results of the task `name` into `folder`, beside those under other protocols and on other texts."""
    stem = name
    if isinstance(found, MinimalPairResults) and found.protocol != DEFAULT_PROTOCOL:
        stem += f"_{found.protocol}"  # scores under two protocols are two results
    stem = _file_name(stem)
    numbers = found if isinstance(found, dict) else found.to_json()
    if isinstance(found, PerplexityResult) and not _is_own_text(found.text, loaded.run):
        stem = _stem_for_text(folder, stem, numbers)  # so are perplexities of two texts
    kind = "generation" if isinstance(found, dict) else "perplexity"
    beside: dict[str, Iterable[str]] = {}
    if isinstance(found, MinimalPairResults):
        kind = "minimal_pairs"
        beside = {
            f"{stem}.csv": [found.to_csv()],
            f"{stem}_predictions.jsonl": (json.dumps(row, ensure_ascii=False) + "\n" for row in found.predictions()),
            # In a folder of its own, so that whoever reads evaluation/*.json as results does not meet it.
            f"official/{stem}_predictions.json": [json.dumps(found.official_predictions(), ensure_ascii=False)],
        }
    task = "blimp" if kind == "minimal_pairs" else kind
    save_result(folder, StoredResult(stem, task, kind, numbers, {}, {}, evaluated=model_fingerprint(loaded)), beside)


def _stem_for_text(folder: Path, stem: str, numbers: dict[str, Any]) -> str:
    """`stem` with the text's name; with its folders' names before that while the file there is of another text."""
    place = Path(numbers["text"]).resolve()
    name = place.stem
    for parent in place.parents:
        if not _is_of_another_text(folder / f"{stem}_{_file_name(name)}.json", numbers):
            break
        name = f"{parent.name}_{name}"
    return f"{stem}_{_file_name(name)}"


def _is_of_another_text(kept: Path, numbers: dict[str, Any]) -> bool:
    try:
        there = read_json(kept)
        text, fingerprint = there["text"], there["text_fingerprint"]
    except (OSError, ValueError, LookupError, TypeError):  # no results, or a damaged file, which is replaced
        return False
    same_place = Path(text).resolve() == Path(numbers["text"]).resolve()
    return not same_place and fingerprint != numbers["text_fingerprint"]


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)


def _is_own_text(text: str, run: RunPaths | None) -> bool:
    own = run_data(run).get("eval_path")
    return own is not None and Path(own).resolve() == Path(text).resolve()


def run_data(run: RunPaths | None) -> dict[str, Any]:
    """The section `data` of the run's configuration; empty where there is none."""
    import yaml

    if run is None:
        return {}
    try:
        value = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return {}
    return (value.get("data") or {}) if isinstance(value, dict) else {}
