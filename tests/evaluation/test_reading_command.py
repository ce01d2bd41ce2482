"""Surprisal against any table: formulas, the models with and without, the command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from evaluation_world import load, save_model
from suite_world import write_reading

from babyllama.cli import main
from babyllama.errors import EvaluationError
from babyllama.evaluation.regression import Formula, explained
from babyllama.evaluation.tasks import build_tasks

pytestmark = pytest.mark.integration


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "m")
    rows = write_reading(tmp_path / "reading" / "reading_data.csv")
    with (tmp_path / "my.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "item": row["item"] or "None"} for row in rows)
    return tmp_path


def test_the_reading_score_is_a_formula(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = load(table / "m")
    (task,) = build_tasks(["reading"], {"data": table})
    expected = task.score(loaded, task.data(None)).numbers
    words = "(Subtlex_log10 + length + context_length)**2"
    for scorer in ("correct", "official"):
        formula = f"RTgopast ~ {words} + surprisal"
        capsys.readouterr()
        arguments = [
            "--data",
            "my.csv",
            "--formula",
            formula,
            "--scorer",
            scorer,
            "--device",
            "cpu",
            "--json",
            "--quiet",
        ]
        assert main(["reading", "m", *arguments, "--output", "out.csv"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["gain_percent"] == pytest.approx(expected[scorer]["measures"]["RTgopast"], abs=1e-6)
    lines = list(csv.DictReader((table / "out.csv").open()))
    assert {"surprisal", "previous_surprisal", "RTgopast"} <= set(lines[0])
    assert float(lines[3]["surprisal"]) > 0
    assert (
        main(["reading", "m", "--data", "my.csv", "--formula", "RTgopast ~ length * surprisal", "--device", "cpu"]) == 0
    )
    assert "part of the rest that it explains" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("y ~ a + b", ["a", "b"]),
        ("y ~ a*b", ["a", "b", "ab"]),
        ("y ~ a:b + a", ["ab", "a"]),
        ("y ~ (a + b + c)**2 + d", ["a", "b", "c", "ab", "ac", "bc", "d"]),
        ("y ~ a*b*c", ["a", "b", "c", "ab", "ac", "bc", "abc"]),
    ],
)
def test_formulas_are_those_of_r(text: str, terms: list[str]) -> None:
    assert [frozenset(term) for term in terms] == list(Formula.parse(text).terms)


@pytest.mark.parametrize("text", ["y", "y ~", "~ a", "y ~ a - b", "y ~ log(a)", "y ~ (a + )**2"])
def test_what_is_no_formula_ends_in_one_line(text: str) -> None:
    with pytest.raises(EvaluationError, match="--formula"):
        Formula.parse(text)


def test_models_are_those_of_statsmodels() -> None:
    smf = pytest.importorskip("statsmodels.formula.api")
    pandas = pytest.importorskip("pandas")
    draw = np.random.default_rng(0)
    data = {name: draw.normal(size=200) for name in ("a", "b", "surprisal")}
    data["y"] = data["a"] + 0.3 * data["surprisal"] * data["b"] + draw.normal(size=200)
    data["a"][:5] = np.nan
    frame = pandas.DataFrame(data).dropna()
    formula = "y ~ a * b + surprisal * b"
    larger, smaller = (smf.ols(text, data=frame).fit() for text in (formula, "y ~ a * b"))
    found = explained(Formula.parse(formula), data, "surprisal")
    assert found.rows == 195
    assert (found.without, found.with_it) == pytest.approx((smaller.rsquared, larger.rsquared), abs=1e-9)
    assert found.log_likelihood == pytest.approx(larger.llf - smaller.llf, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--formula", "RTgopast ~ length"], "no term holds surprisal"),
        (["--formula", "RTgopast ~ lenght + surprisal"], "has no column 'lenght'; did you mean 'length'"),
        (["--formula", "sentence ~ surprisal"], "'sentence' holds no number"),
        (["--formula", "RTgopast ~ surprisal", "--word-column", "wort"], "has no column 'wort'; did you mean 'word'"),
    ],
)
def test_mistakes_end_in_one_line(
    arguments: list[str], message: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reading", "m", "--data", "my.csv", "--device", "cpu", *arguments]) == 2
    assert message in capsys.readouterr().err
