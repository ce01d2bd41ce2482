"""The report on runs: every view holds the numbers of the run, what is missing is named, what users wrote is escaped."""

from __future__ import annotations

import html
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_world import keep, pair_result, report_run

from babyllama.cli import main
from babyllama.reporting.report_file import save_report
from babyllama.reporting.views.base import Block, DotChart, Heat, LineChart, Report, Samples, Section
from babyllama.reporting.views.curves import curves_section, extremes
from babyllama.reporting.views.overview import differences_section
from babyllama.reporting.views.reading import read_runs
from babyllama.reporting.views.report import build_report
from babyllama.runs import RunPaths
from babyllama.runs.rows import read_columns, read_numbers

pytestmark = pytest.mark.unit


def blocks(report: Report, kind: type) -> list[Any]:
    """All blocks of a kind."""

    def below(section: Section) -> list[Block]:
        return [*section.blocks, *(block for part in section.parts for block in below(part))]

    return [block for section in report.sections for block in below(section) if isinstance(block, kind)]


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunPaths, RunPaths]:
    monkeypatch.chdir(tmp_path)
    return report_run(Path("a")), report_run(Path("b"), seed=2)


def page_data(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    value: dict[str, Any] = json.loads(found[1])
    return value


def test_one_file_shows_both_runs_and_loads_nothing(pair: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "a", "b", "--output", "report.html"]) == 0
    assert capsys.readouterr().out == "report.html\n"
    page = Path("report.html").read_text()
    assert "default-src 'none'" in html.unescape(page)
    assert not re.search(r"""(src|href)=["'](https?:|//|\.)""", page)
    for shown in ("123,456", "246,912", "model.hidden_size", "20.50", "10.25", "the cat sat, 7 times.", "text.train"):
        assert shown in page, shown
    assert page_data(page)["runs"] == ["a", "b"]
    assert len(page) < 300_000


def test_curves_hold_what_losses_csv_holds(pair: tuple[RunPaths, RunPaths]) -> None:
    chart = blocks(build_report(read_runs(["a", "b"])), LineChart)[0]
    train, held_out = chart.lines[:2]
    rows = read_numbers(pair[0].losses)
    assert list(train.y) == pytest.approx([row["train_loss"] for row in rows], rel=1e-5)
    assert list(held_out.x["step"]) == [20, 40, 60]
    assert list(train.x["tokens"])[-1] == 60_000
    assert list(train.x["words"])[-1] == 42_000
    assert list(train.x["seconds"])[-1] == 120, "60,000 tokens at 500 a second"
    assert "lowest 3.516 at step 60" in chart.alt


def test_scores_have_intervals_and_paired_differences(pair: Any) -> None:
    report = build_report(read_runs(["a", "b"]))
    scores, differences, *_ = blocks(report, DotChart)
    first = scores.dots[0]
    assert first.intervals["whom"][0] < first.values["whom"] < first.intervals["whom"][1]
    mean = "mean over paradigms"
    assert differences.title == "b: difference from a"
    change = scores.dots[1].values[mean] - first.values[mean]
    assert differences.dots[0].values[mean] == pytest.approx(change)
    assert differences.dots[0].intervals[mean][0] < change < differences.dots[0].intervals[mean][1]
    assert differences.dots[0].run == 1, "in the colour of the run that is compared"
    (heat,) = blocks(report, Heat)
    assert heat.columns == ["a", "b"]


def test_learning_curves_run_over_words_seen(pair: Any) -> None:
    section = next(one for one in build_report(read_runs(["a", "b"])).sections if one.anchor == "learning")
    chart = section.blocks[0]
    assert isinstance(chart, LineChart)
    assert [list(line.x["words"]) for line in chart.lines] == [[10_000, 20_000, 42_000]] * 2
    assert all(low < y < high for y, (low, high) in zip(chart.lines[0].y, chart.lines[0].intervals, strict=True))


def test_settings_that_differ_are_listed_and_only_those(pair: Any) -> None:
    (table,) = differences_section(read_runs(["a", "b"])).blocks
    assert [row[0] for row in table.rows] == ["model.hidden_size"]  # type: ignore[union-attr]


def test_a_result_of_any_task_is_shown(tmp_path: Path) -> None:
    """Through the interface of results alone: a task that this test makes up is on the page."""
    from babyllama.config.tables import TASKS
    from babyllama.evaluation.results import Bars, Measure, Result, Table

    class Letters(Result):
        kind = "letters"

        def headline(self) -> list[Measure]:
            return [Measure("share of the letter", f"{self.numbers['share']:.3f}")]

        def tables(self, *, details: bool = False) -> list[Table]:
            return [Table("letters", ("share",), [("q", f"{self.numbers['share']:.3f}")])]

        def bars(self) -> Bars:
            return Bars("letters", "share", {"q": self.numbers["share"]}, ("all", self.numbers["share"]))

    class LettersTask:
        name, title, result = "letters", "how often a letter stands there", Letters

    paths = report_run(tmp_path / "a")
    keep(paths.evaluation, Letters({"share": 0.125}), "letters", "letters")
    assert any("'letters'" in problem for problem in read_runs([paths.root])[0].problems), "the task is not known yet"
    with TASKS.restored():
        TASKS.register("letters", LettersTask)
        save_report([paths.root], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "how often a letter stands there" in page
    assert "share of the letter" in page


@pytest.mark.parametrize("missing", ["training_config.yaml", "run.json", "training_metrics.json", "losses.csv"])
def test_a_missing_file_is_named_and_the_rest_is_shown(missing: str, tmp_path: Path) -> None:
    paths = report_run(tmp_path / "a")
    (paths.root / missing).unlink()
    report = build_report(read_runs([paths.root]))
    assert any(f"{missing} is " in problem for problem in report.problems)
    assert blocks(report, DotChart)
    assert bool(blocks(report, LineChart)[0].title == "Block loss") is (missing != "losses.csv")
    save_report([paths.root], tmp_path / "r.html")
    assert f"{missing} is " in (tmp_path / "r.html").read_text()


def test_damaged_files_are_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    paths = report_run(tmp_path / "a")
    (paths.evaluation / "perplexity.json").write_text('{"task": "perplexity", "kind": "x", "seal": "no"}')
    paths.losses.write_text("step,train_loss\n1,abc\n2,3.5\n")
    problems = read_runs([paths.root])[0].problems
    assert any("perplexity.json is damaged" in problem for problem in problems)
    assert any("losses.csv is damaged: it has a cell that is no number" in problem for problem in problems)
    assert "One day" in str(blocks(build_report(read_runs([paths.root])), Samples))


def test_a_run_in_training_is_shown_up_to_its_newest_row(tmp_path: Path) -> None:
    paths = report_run(tmp_path / "a")
    paths.metrics.unlink()
    with paths.losses.open("a") as handle:
        handle.write("61,1.0,61000,42700,3.4")  # the rest of the line is being written
    assert len(read_columns(paths.losses)["step"]) == 60
    page = tmp_path / "r.html"
    save_report([paths.root], page, refresh=60)
    assert '<meta http-equiv="refresh" content="60">' in page.read_text()
    assert "not finished" in page.read_text()


def test_watch_writes_until_nobody_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = report_run(tmp_path / "a")
    paths.lock.write_text("{}")
    pages, page = [], tmp_path / "r.html"

    def pause(seconds: float) -> None:
        pages.append(page.read_text())
        assert seconds == 60
        if len(pages) == 2:
            paths.lock.unlink()

    monkeypatch.setattr(time, "sleep", pause)
    assert main(["report", str(paths.root), "--output", str(page), "--watch"]) == 0
    assert ["refresh" in one for one in pages] == [True, True]
    assert 'http-equiv="refresh"' not in page.read_text()


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        report_run(tmp_path / folder / "llama", name="llama")
    labels = [one.label for one in read_runs([tmp_path / "x/llama", tmp_path / "y/llama", tmp_path / "x/../x/llama"])]
    assert labels == ["llama (x/llama)", "llama (y/llama)"]


@pytest.mark.parametrize("name", ["小さい", "मॉडल", "نموذج", "a&b 'c' \"d\""])
def test_names_in_any_script_are_shown(name: str, tmp_path: Path) -> None:
    report_run(tmp_path / "a", name=name)
    save_report([tmp_path / "a"], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert page_data(page)["runs"] == [name]


def test_what_users_wrote_is_escaped(tmp_path: Path) -> None:
    evil = "<script>document.title='owned'</script>"
    paths = report_run(tmp_path / "a", name=evil, prompt=evil)
    keep(paths.evaluation, pair_result(0.5, 1, name="</script><img src=x>"), "evil", "blimp")
    for output in ("r.html", "r.md"):
        save_report([paths.root], tmp_path / output)
        page = (tmp_path / output).read_text()
        assert "<script>document" not in page
        assert not re.search(r"(?<!\\)<img", page)


def test_thinning_keeps_the_ends_and_the_extremes() -> None:
    values = np.random.default_rng(0).normal(size=100_003)
    values[[777, 99_999]] = [50, -50]
    kept = extremes(values, 1000)
    assert len(kept) <= 1010
    assert {0, 777, 99_999, 100_002} <= set(kept.tolist())
    assert list(extremes(values[:10], 1000)) == list(range(10))


@pytest.mark.slow
def test_a_losses_file_of_many_rows(tmp_path: Path) -> None:
    paths = report_run(tmp_path / "a")
    paths.metrics.unlink()
    lines = [f"{n},1.0,{n}000,{n}00,{'99.5' if n == 154_321 else '3.5'},,0.001,1000.0" for n in range(1, 200_001)]
    paths.losses.write_text("\n".join([paths.losses.read_text().splitlines()[0], *lines]) + "\n")
    save_report([paths.root], tmp_path / "r.html")
    assert (tmp_path / "r.html").stat().st_size < 5_000_000
    section = curves_section(read_runs([paths.root]))
    assert 99.5 in section.blocks[0].lines[0].y  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "not a run folder"),
        ([".", "--output", "r.html"], "not a run folder"),
        (["a", "--output", "r.pdf"], "must end in .html or .md"),
        (["a", "--output", "mine.html"], "no report that was written here"),
        (["a", "--output", "folder.html"], "is a folder"),
        (["a", "--watch"], "needs --output"),
    ],
)
def test_a_report_that_cannot_be_made_is_refused(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    report_run(Path("a"))
    Path("mine.html").write_text("<p>mine</p>")
    Path("folder.html").mkdir()
    assert main(["report", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert Path("mine.html").read_text() == "<p>mine</p>"


def test_the_report_as_text(pair: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "a", "b", "--tables"]) == 0
    shown = capsys.readouterr().out
    assert "model.hidden_size" in shown
    assert "b: difference from a" in shown
    assert main(["report", "a", "--output", "r.md"]) == 0
    assert main(["report", "a", "--output", "r.md"]) == 0, "its own file is written anew"
    assert "| parameters | 123,456 |" in Path("r.md").read_text()
