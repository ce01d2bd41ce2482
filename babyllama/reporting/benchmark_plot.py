"""Benchmarks of several models as a picture: sanity checks on the left, speed on the right, never in one number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babyllama.reporting.figures import GREY, new_figure, save_figure, styled
from babyllama.text import plural

CHECKS = (
    ("completion", "accuracy", "sensible\ncompletions"),
    ("consistency", "distinct_2", "distinct\n2-grams"),
    ("repetition", "sampled_repetition", "repeated 4-grams,\nsampled"),
    ("repetition", "greedy_repetition", "repeated 4-grams,\ngreedy"),
)


@styled
def draw_benchmarks(reports: Sequence[dict[str, Any]], path: Path) -> Path:
    """Draw `reports` (of `BenchmarkSuite.run_all_benchmarks`) and return `path`."""
    figure, checks = new_figure(11, 4.2)
    figure.delaxes(checks)
    checks, speed = figure.subplots(1, 2)
    width = 0.8 / len(reports)
    for number, report in enumerate(reports):
        places = [place + (number - (len(reports) - 1) / 2) * width for place in range(len(CHECKS))]
        checks.bar(places, [report[part][key] for part, key, _ in CHECKS], width, label=report["model"])
        rows = report["speed"]["by_batch"]
        batches = [row["batch"] for row in rows]
        colour = f"C{number}"
        for key, style, what in (("prefill", "-o", "reading"), ("decode", "--s", "writing")):
            rates = [row[f"{key}_tokens_per_second"] for row in rows]
            speed.plot(batches, rates, style, color=colour, label=f"{report['model']}, {what}")
    checks.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    checks.set_xticks(range(len(CHECKS)), [label for *_, label in CHECKS])
    checks.set_title("sanity checks (dotted: chance of the first)")
    checks.legend()
    speed.set_xscale("log", base=2)
    speed.set_yscale("log")
    speed.set_xlabel("sequences at once")
    speed.set_ylabel("tokens per second")
    speed.set_title(f"speed on {reports[0]['speed']['device']}")
    speed.legend()
    return save_figure(figure, path)


@styled
def draw_blocks(value: dict[str, Any], path: Path) -> Path:
    """Draw what `babyllama benchmark blocks` measured, one stacked bar a family, and return `path`."""
    steps = value["steps"]
    figure, axes = new_figure(9, 0.7 * len(steps) + 1.8)
    names = list(dict.fromkeys(part["name"] for step in steps for part in step["parts"]))
    left = [0.0] * len(steps)
    for number, name in enumerate([*names, "rest"]):
        widths = [1000 * _spent(step, name) for step in steps]
        axes.barh(range(len(steps)), widths, left=left, label=name, color=GREY if name == "rest" else f"C{number}")
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(steps)), [step["family"] for step in steps])
    axes.invert_yaxis()
    axes.set_xlabel(f"ms of a step of {steps[0]['tokens']:,} tokens, forward and backward")
    axes.set_title(f"{value['device']}, {plural(value['threads'], 'thread')}, {value['precision']}", fontsize=10)
    axes.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    return save_figure(figure, path)


def _spent(step: dict[str, Any], name: str) -> float:
    if name == "rest":
        return float(step["rest"])
    return sum(part["forward"] + part["backward"] for part in step["parts"] if part["name"] == name)
