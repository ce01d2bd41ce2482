"""Runs side by side in Markdown: the page of a folder of runs, and the lines of a card about its siblings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babyllama.artifacts import read_json, write_json, write_text
from babyllama.errors import DamagedFileError, RunError
from babyllama.evaluation.results import Result, fullest, result_of
from babyllama.runs import RunFacts, RunPaths, read_run
from babyllama.runs.run import learned_settings
from babyllama.text import code, duration, markdown, markdown_table, one_line

MARK = "<!-- written by babyllama card --compare; it is replaced when the command is run again -->"


def write_comparison(runs: Sequence[RunPaths], output: Path) -> None:
    """Write the page `output` on all `runs` (at least two), which become siblings: the card of each then names the others.

    RunError when one run stands twice, or when `output` is a page that was not written here.
    """
    if len({paths.root.resolve() for paths in runs}) < max(2, len(runs)):
        raise RunError("--compare needs at least two different run folders.")
    if output.exists() and (output.is_dir() or MARK not in output.read_text(encoding="utf-8", errors="replace")):
        raise RunError(f"{output} is no comparison that was written here; name another file with --output.")
    facts = [read_run(paths) for paths in runs]
    write_text(output, comparison_page(facts, output.parent))
    for paths in runs:
        others = [os.path.relpath(other.root.resolve(), paths.root.resolve()) for other in runs if other != paths]
        write_json(paths.siblings, [Path(other).as_posix() for other in others])


def comparison_page(facts: Sequence[RunFacts], folder: Path) -> str:
    """The page as Markdown, with links that start in `folder`."""
    links = [f"[{markdown(one.name)}]({_link(one.paths.card, folder)})" for one in facts]
    names = " ".join(one.paths.root.as_posix() for one in facts)
    sections = (
        MARK,
        "# " + " and ".join(markdown(one.name) for one in facts),
        side_by_side(facts, links),
        "## What differs in their configurations",
        _settings(facts),
        "Only figures under the same name compare, and a difference may be chance: "
        + code(f"babyllama evaluate {names}")
        + " tests every one on the same items.",
    )
    return "\n\n".join(sections) + "\n"


def siblings(paths: RunPaths) -> list[RunFacts]:
    """The runs that this one was compared with, as far as they still lie there; DamagedFileError for a broken list."""
    if not paths.siblings.is_file():
        return []
    listed = read_json(paths.siblings)
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise DamagedFileError(f"{paths.siblings} is damaged: it holds no list of folders. Remove it.")
    others = [RunPaths(Path(os.path.normpath(paths.root / one))) for one in listed]
    return [read_run(other) for other in others if other.config.is_file()]


def side_by_side(facts: Sequence[RunFacts], headings: Sequence[str]) -> str:
    """A Markdown table of what the runs are and what they scored, one column a run."""
    columns = [_facts(one) | figures(one) for one in facts]
    labels = dict.fromkeys(label for column in columns for label in column)
    rows = [[label, *(column.get(label, "-") for column in columns)] for label in labels]
    return markdown_table(["", *headings], rows)


def shown(facts: RunFacts) -> list[Result]:
    """Perplexities first, as they were kept; of the parts of one set only the fullest."""
    found = [result_of(kept, facts.paths.evaluation) for kept in facts.results]
    return sorted(fullest(one for one in found if one is not None), key=lambda one: one.kind != "perplexity")


def figures(facts: RunFacts) -> dict[str, str]:
    """The results of a run by name, as its card states them: perplexities, the block loss, everything else."""
    results = shown(facts)
    found = {one.label: one.text for result in results if result.kind == "perplexity" for one in result.headline()}
    if facts.metrics and facts.metrics.eval_loss is not None:
        found["held-out block loss, nats per token"] = f"{facts.metrics.eval_loss:.4f}"
    return found | {
        one.label: one.text for result in results if result.kind != "perplexity" for one in result.headline()
    }


def _facts(facts: RunFacts) -> dict[str, str]:
    model, metrics = facts.config.model, facts.metrics
    found = {
        "architecture": markdown(model.architecture_name),
        "layers x width": f"{model.n_layer} x {model.hidden_size}",
        "text": code(facts.config.data.train_path) + (" (synthetic)" if facts.synthetic else ""),
    }
    if metrics:
        found["parameters"] = f"{metrics.parameters:,}"
        found["tokens seen"] = f"{metrics.tokens_seen:,}"
        found["training time"] = duration(metrics.training_time)
    return found


def _settings(facts: Sequence[RunFacts]) -> str:
    settings = [learned_settings(one.config) for one in facts]
    keys = sorted({key for one in settings for key in one})
    rows = [
        [code(key), *(_value(one.get(key)) for one in settings)]
        for key in keys
        if any(one.get(key) != settings[0].get(key) for one in settings)
    ]
    return markdown_table(["key", *(markdown(one.name) for one in facts)], rows) if rows else "Nothing."


def _value(value: Any) -> str:
    return "-" if value is None else code(one_line(str(value)))


def _link(target: Path, folder: Path) -> str:
    path = Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix()
    return f"<{path}>" if any(char in path for char in " ()<>") else path
