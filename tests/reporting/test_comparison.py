"""Runs side by side: a page with their figures and what differs, cards that name their siblings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from evaluation_world import save_metrics

from babyllama.cli import main
from babyllama.runs import RunPaths, StoredResult, save_result

pytestmark = pytest.mark.unit


def write_run(root: Path, width: int, perplexity: float, **training: Any) -> RunPaths:
    """A run without a model: configuration, metrics, one result."""
    paths = RunPaths(root)
    root.mkdir(parents=True)
    model = {"type": "Llama", "name": root.name, "hidden_size": width, "n_layer": 2, "n_head": 4}
    paths.config.write_text(yaml.safe_dump({"model": model, "training": training}))
    save_metrics(root, parameters=1000 * width, eval_loss=None)
    numbers = {"perplexity": perplexity, "bits_per_byte": 1.5, "text": "dev"}
    save_result(paths.evaluation, StoredResult("perplexity", "perplexity", "perplexity", numbers, {}, {}), {})
    return paths


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunPaths, RunPaths]:
    monkeypatch.chdir(tmp_path)
    return write_run(Path("A"), 32, 20.5), write_run(Path("B"), 64, 10.25, lr=0.002)


def row(page: str, name: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {name}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_two_runs_are_compared_on_one_page(pair: tuple[RunPaths, RunPaths], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "--compare", "A", "B", "--output", "README.md"]) == 0
    assert capsys.readouterr().out.split() == ["README.md", "A/modelcard.md", "B/modelcard.md"]
    page = Path("README.md").read_text()
    assert "[A](A/modelcard.md)" in page
    assert row(page, "parameters") == ["32,000", "64,000"]
    assert row(page, "held-out perplexity on `dev`, per document") == ["20.50", "10.25"]
    assert row(page, "`model.hidden_size`") == ["`32`", "`64`"]
    assert row(page, "`training.lr`")[1] == "`0.002`"
    assert "`model.n_layer`" not in page, "the same in both"


def test_a_card_states_its_siblings_figures(pair: tuple[RunPaths, RunPaths]) -> None:
    main(["card", "A"])
    assert "## Beside" not in pair[0].card.read_text()
    main(["card", "--compare", "A", "B", "--output", "README.md"])
    for paths, other in (pair, pair[::-1]):
        card = paths.card.read_text()
        assert f"## Beside {other.root.name}" in card
        assert set(row(card.split("## Beside")[1], "held-out perplexity on `dev`, per document")) == {"20.50", "10.25"}
    main(["card", "A"])
    assert "## Beside B" in pair[0].card.read_text(), "it is still its sibling"
    pair[1].root.rename("moved")
    assert main(["card", "A"]) == 0
    assert "## Beside" not in pair[0].card.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--compare", "A", "B"], "belong together"),
        (["A", "--output", "x.md"], "belong together"),
        (["--compare", "A", "--output", "x.md"], "two different"),
        (["--compare", "A", "./A/", "--output", "x.md"], "two different"),
        (["--compare", "A", "nowhere", "--output", "x.md"], "not a run folder"),
        (["--compare", "A", "B", "--output", "mine.md"], "no comparison that was written here"),
        (["--compare", "A", "B", "--output", "A"], "no comparison that was written here"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused(
    pair: tuple[RunPaths, RunPaths], arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.md").write_text("my notes")
    assert main(["card", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert Path("mine.md").read_text() == "my notes"
    assert not Path("x.md").exists()
    assert not pair[0].siblings.exists()


def test_a_broken_list_of_siblings_is_named(
    pair: tuple[RunPaths, RunPaths], capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("[1]", "{}", "["):
        pair[0].siblings.write_text(text)
        assert main(["card", "A"]) == 2
        assert "siblings.json is damaged" in capsys.readouterr().err
