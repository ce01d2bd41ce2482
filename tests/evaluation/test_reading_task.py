"""The reading task: surprisals of both scorers against plain forward passes, scores against plain least squares."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import load, make_tokenizer, save_model
from suite_world import write_reading

from babyllama.errors import DataError, EvaluationError
from babyllama.evaluation.regression import Formula, explained
from babyllama.evaluation.tasks import build_tasks
from babyllama.evaluation.tasks.reading import reading_scores

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("reading")
    return folder, write_reading(folder / "reading" / "reading_data.csv")


def next_probability(loaded: Any, text: str, token: int, backend: str) -> float:
    """p(token | text) at the last place, or at the first of three masks behind the text."""
    import torch

    options = {}
    if backend == "causal":
        ids = loaded.tokenizer(text)["input_ids"]
        at = -1
    else:
        published = copy.deepcopy(loaded.tokenizer)
        published.split_special_tokens = False  # as AutoTokenizer loads it: the mask's name in a text is the mask
        ids = published(text + 3 * published.mask_token)["input_ids"]
        assert published.mask_token_id in ids
        at = -3 if ids[-1] == loaded.tokenizer.mask_token_id else -4
        if backend == "mntp":
            at -= 1
            options = {"attention_mask": torch.zeros(1, 1, len(ids), len(ids))}
    with torch.no_grad():
        logits = loaded.model(torch.tensor([ids]), **options).logits[0, at]
    return float(torch.softmax(logits, -1)[token])


def official_surprisal(loaded: Any, text: str, word: str, backend: str) -> float:
    """As the BabyLM pipelines take it: the word encoded apart, each later piece once more from its decoded text."""
    tokenizer = loaded.tokenizer
    first, *later = tokenizer(word, add_special_tokens=False)["input_ids"]
    product = next_probability(loaded, text, first, backend)
    text += tokenizer.decode(first)
    for token in later:
        piece = tokenizer.decode(token)
        again = tokenizer(piece, add_special_tokens=False)["input_ids"][0]
        product *= next_probability(loaded, text, again, backend)
        text += piece
    return -math.log(product)


@pytest.mark.parametrize(
    ("family", "backend", "marks"), [("Llama", "causal", False), ("Bert", "mlm", True), ("Llama", "mntp", True)]
)
def test_official_surprisals_are_the_pipelines(
    family: str, backend: str, marks: bool, rows: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder, lines = rows
    loaded = load(save_model(tmp_path / "m", family, make_tokenizer(adds_marks=marks)))
    (task,) = build_tasks(["reading"], {"data": folder, "backend": backend})
    found = task.score(loaded, task.data(None))
    values = found.measured[1]
    for number, line in list(enumerate(lines))[:40]:
        expected = official_surprisal(loaded, line["item"] or "None", line["word"], backend)
        assert values["official", "pred"][number] == pytest.approx(expected, abs=1e-4)
        if line["prev_item"]:
            expected = official_surprisal(loaded, line["prev_item"], line["prev_word"], backend)
            assert values["official", "prev_pred"][number] == pytest.approx(expected, abs=1e-4)
        else:
            assert math.isnan(values["official", "prev_pred"][number])
    table = {name: np.array([float(line[name] or "nan") for line in lines]) for name in lines[0] if name in _NUMERIC}
    table |= {name: values["official", name] for name in ("pred", "prev_pred")}
    eye, self_paced = least_squares_scores(table)
    assert found.numbers["official"]["eye_tracking"] == pytest.approx(eye, abs=1e-6)
    assert found.numbers["official"]["self_paced"] == pytest.approx(self_paced, abs=1e-6)
    assert found.score().value == pytest.approx((eye + self_paced) / 2, abs=1e-6)


def test_correct_surprisals_are_those_of_running_text(rows: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    import torch

    folder, lines = rows
    loaded = load(save_model(tmp_path / "m"))
    (task,) = build_tasks(["reading"], {"data": folder})
    found = task.score(loaded, task.data(None))
    assert found.numbers["first_pieces_as_in_text"] == 0, "a byte-level tokenizer without prefix space"
    for number, line in list(enumerate(lines))[:40]:
        before = line["item"] or "None"
        encoded = loaded.tokenizer(f"{before} {line['word']}", return_offsets_mapping=True)
        ids = [loaded.tokenizer.bos_token_id, *encoded["input_ids"]]
        with torch.no_grad():
            logs = torch.log_softmax(loaded.model(torch.tensor([ids])).logits[0], -1)
        places = [k + 1 for k, (_, end) in enumerate(encoded["offset_mapping"]) if end > len(before)]
        expected = -sum(float(logs[k - 1, ids[k]]) for k in places)
        assert found.measured[1]["correct", "pred"][number] == pytest.approx(expected, abs=1e-4)


def test_a_tokenizer_that_loses_the_column_is_told(rows: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    from tokenizers import pre_tokenizers

    notes = {}
    for prefix in (False, True):
        tokenizer = make_tokenizer()
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
        loaded = load(save_model(tmp_path / str(prefix), tokenizer=tokenizer))
        (task,) = build_tasks(["reading"], {"data": rows[0]})
        found = task.score(loaded, task.data(None))
        notes[prefix] = [note for note in found.notes() if "loses the column" in note]
        assert found.numbers["first_pieces_as_in_text"] == (found.numbers["n"] if prefix else 0)
    assert len(notes[False]) == 1
    assert "tokenizer.add_prefix_space: true" in notes[False][0]
    assert notes[True] == []


_NUMERIC = frozenset(
    ("RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound", "self_paced_reading_time", "Subtlex_log10", "length",
     "context_length", "prev_length")
)  # fmt: skip


def least_squares_scores(table: dict[str, np.ndarray]) -> tuple[float, float]:
    """(eye tracking, self-paced) by the normal equations, columns written out by hand."""

    def explained(y: np.ndarray, columns: list[np.ndarray]) -> float:
        design = np.column_stack([np.ones(len(y)), *columns]).astype(np.longdouble)
        weights = np.linalg.solve((design.T @ design).astype(float), (design.T @ y).astype(float))
        return float(1 - ((y - design @ weights) ** 2).sum() / ((y - y.mean()) ** 2).sum())

    def score(target: str, names: tuple[str, ...]) -> float:
        keep = ~np.isnan(np.column_stack([table[name] for name in (target, "pred", *names)])).any(axis=1)
        # Scaled columns keep the normal equations solvable; R2 does not depend on the scale.
        part = {name: table[name][keep] for name in (target, "pred", *names)}
        part |= {name: part[name] / np.abs(part[name]).max() for name in names}
        columns = [part[name] for name in names]
        columns += [part[a] * part[b] for i, a in enumerate(names) for b in names[i + 1 :]]
        base = explained(part[target], columns)
        return 100 * (explained(part[target], [*columns, part["pred"]]) - base) / (1 - base)

    words = ("Subtlex_log10", "length", "context_length")
    eye = [score(name, words) for name in ("RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound")]
    return sum(eye) / 4, score("self_paced_reading_time", (*words, "prev_length", "prev_pred"))


def test_scores_are_those_of_statsmodels(shared_data: Path) -> None:
    """The formulas of the published pipeline on the real reading times, with surprisals drawn at random."""
    smf = pytest.importorskip("statsmodels.formula.api")
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(shared_data / "suite_2025" / "reading" / "reading_data.csv", dtype={"item": str})
    draw = np.random.default_rng(3)
    frame["pred"] = draw.gamma(4, 2, len(frame)) + 0.02 * frame["RTgopast"]
    frame["prev_pred"] = np.where(frame["prev_item"].isna(), np.nan, draw.gamma(4, 2, len(frame)))
    found = reading_scores({name: frame[name].to_numpy(float) for name in (*_NUMERIC, "pred", "prev_pred")})

    def official(target: str, formula: str, names: list[str]) -> float:
        kept = frame[[target, "pred", *names]].dropna()
        base = smf.ols(f"{target} ~ {formula}", data=kept).fit().rsquared
        return 100 * (smf.ols(f"{target} ~ {formula} + pred", data=kept).fit().rsquared - base) / (1 - base)

    words = ["Subtlex_log10", "length", "context_length"]
    for target, value in found["measures"].items():
        assert value == pytest.approx(official(target, f"({' + '.join(words)})**2", words), abs=1e-6)
    more = [*words, "prev_length", "prev_pred"]
    expected = official("self_paced_reading_time", f"({' + '.join(more)})**2", more)
    assert found["self_paced"] == pytest.approx(expected, abs=1e-6)


def test_too_few_rows_for_a_regression_end_in_one_line() -> None:
    table = {name: np.arange(5.0) for name in ("y", "a", "b", "x")}
    with pytest.raises(EvaluationError, match="5 rows have a number in each of y, a, b, x: too few for 5 coefficients"):
        explained(Formula.with_products("y", ("a", "b"), "x"), table, "x")


def test_a_table_that_is_no_reading_data_is_named(tmp_path: Path) -> None:
    (tmp_path / "reading").mkdir()
    (tmp_path / "reading" / "reading_data.csv").write_text("a,b\n1,2\n")
    (task,) = build_tasks(["reading"], {"data": tmp_path})
    with pytest.raises(DataError, match=r"no column 'item'\. It is not the reading data"):
        task.data(None)
