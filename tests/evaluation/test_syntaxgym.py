"""SyntaxGym: formulas, suites, and the surprisal of regions against a forward pass of the model itself."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evaluation_world import load, make_tokenizer, save_model, save_run

from babyllama.cli import main
from babyllama.errors import DataError
from babyllama.evaluation.region_formulas import RegionFormula
from babyllama.evaluation.tasks.syntaxgym import read_suite

BITS = {"a": {1: 4.0, 2: 1.0}, "b": {1: 2.5, 2: 2.5}}

# --------------------------------------------------------------------------------------------------------------------
# Formulas


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("(1;%a%) > (1;%b%)", True),
        ("(1;%a%)<(1;%b%)", False),
        ("[(1;%a%) > (1;%b%)] & [(2;%a%) < (2;%b%)]", True),
        ("(*;%a%) = (*;%b%)", True),
        ("(*;%a%) = 5.0009", True),
        ("(*;%a%) = 5.002", False),
        ("(((1;%a%) + (2;%a%)) - (1;%b%)) > 2", True),
        ("5 - 4 - 3 < 0", True),  # from left to right
        ("5-(3+2)=0", True),
        ("(1;%a%) - -1 = 5", True),
        ("1 > 2 & 1 > 2 | 2 > 1", True),
        ("2 > 1 | 1 > 2 & 1 > 2", False),  # & and | bind alike, from left to right
        ("(1;%a%) - (2;%a%) > (1;%b%) - (2;%b%)", True),
        ("( 1 ; %a% ) > 3.5", True),
    ],
)
def test_a_formula_is_read_as_syntaxgym_reads_it(text: str, holds: bool) -> None:
    assert bool(RegionFormula.parse(text, "here").holds(BITS)) is holds


def test_a_formula_names_its_regions_and_judges_arrays() -> None:
    formula = RegionFormula.parse("[(1;%a%) > (*;%b-c_1%)] & [(1;%a%) < 9]", "here")
    assert formula.regions == {("a", 1), ("b-c_1", None)}
    bits = {"a": {1: np.array([1.0, 5.0, np.nan, 10.0])}, "b-c_1": {1: np.array([2.0, 1.0, 1.0, 1.0]), 2: 1.0}}
    assert formula.holds(bits).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(1;%a%) > ", r"at character 11 '' ends where a region"),
        ("(1;%a%) + (2;%a%)", "at character 1 .* compares nothing"),
        ("(1;%a%) > __import__('os')", r"at character 11 \"__import__\('os'\)\" is nothing"),
        ("(1;a) > 2", "at character 3 ';a' is nothing|at character 3 ';a.*' is nothing"),
        ("[(1;%a%) > 2", r"at character 1 .* is never closed"),
        ("(1;%a%) > 2]", r"at character 12 '\]' is too much"),
        ("(1;%a%) > 2 > 1", "at character 13 '> 1' is too much"),
        ("(1;%a%) > 2 & 3", "at character 13 '& 3' joins what was compared"),
        ("(1 > 2) + 3 > 1", r"at character 9 .* takes surprisals and numbers"),
        ("- (1;%a%) > 2", "at character 1 .* is a sign of something that is no number"),
        ("> 2", "at character 1 '> 2' stands where a region"),
        ("(" * 60 + "1", "opens more than 50 brackets"),
        ("", "at character 1 '' ends where"),
    ],
)
def test_a_formula_that_is_none_is_refused_at_its_character(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        RegionFormula.parse(text, "x.json, prediction 2")
    assert str(caught.value).startswith("x.json, prediction 2: ")


# --------------------------------------------------------------------------------------------------------------------
# Suites


def sentence(condition: str, *contents: str) -> dict[str, Any]:
    regions = [{"region_number": n, "content": text} for n, text in enumerate(contents, 1)]
    return {"condition_name": condition, "regions": regions}


def suite(predictions: list[str] | None = None) -> dict[str, Any]:
    """Agreement, in the published format: an empty region, a comma of its own, a region that begins with a space."""
    items = [
        {
            "item_number": number,
            "conditions": [
                sentence("match", f"The {noun}", "", "that the dogs chased", ",", " is", "sleeping on the mat."),
                sentence("mismatch", f"The {noun}", "", "that the dogs chased", ",", " are", "sleeping on the mat."),
            ],
        }
        for number, noun in enumerate(("cat", "girl", "mirror", "house", "dog"), 1)
    ]
    formulas = predictions or ["(5;%match%) < (5;%mismatch%)", "(*;%match%) < (*;%mismatch%)"]
    return {
        "meta": {"name": "agreement", "metric": "sum"},
        "region_meta": {"1": "subject"},
        "predictions": [{"type": "formula", "formula": one} for one in formulas],
        "items": items,
    }


def write(file: Path, value: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value), encoding="utf-8")
    return file


def spoilt(change: Any) -> dict[str, Any]:
    value = suite()
    change(value)
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], "is no SyntaxGym suite"),
        ({"items": []}, "no list of objects in 'items'"),
        (spoilt(lambda v: v.pop("predictions")), "no list of objects in 'predictions'"),
        (spoilt(lambda v: v["meta"].update(metric="mean")), "meta.metric 'mean': the surprisals of a region are summed"),
        (spoilt(lambda v: v["items"][1].update(item_number=1)), "item 1: the number stands twice"),
        (spoilt(lambda v: v["items"][1].pop("conditions")), "item 2: no list of objects in 'conditions'"),
        (spoilt(lambda v: v["items"][1]["conditions"].append(sentence("match", "x"))), "item 2: a condition stands twice"),
        (spoilt(lambda v: v["items"][2]["conditions"][0]["regions"][1].update(region_number=1)),
         "item 3, condition 'match': region 1 has no number of its own"),
        (spoilt(lambda v: v["items"][2]["conditions"][0]["regions"][1].update(content=None)),
         "item 3, condition 'match': region 2 has no number of its own, or no text"),
        (spoilt(lambda v: v["items"][0]["conditions"].append(sentence("more", " ", ""))),
         "item 1, condition 'more': all regions are empty"),
        (spoilt(lambda v: v["items"][3]["conditions"].pop()),
         "prediction 1: item 4 has no condition 'mismatch'; it has match"),
        (suite(["(5;%match%) < (9;%mismatch%)"]), "prediction 1: item 1, condition 'mismatch' has no region 9"),
        (suite(["(5;%match%) < 9", "(5;%match%"]), "prediction 2: '(5;%match%': at character 3"),
        (spoilt(lambda v: v["predictions"].append({"relation": "greaterthan"})), "prediction 3: no 'formula'"),
    ],
)  # fmt: skip
def test_a_suite_that_is_none_is_named_with_file_and_item(tmp_path: Path, value: Any, message: str) -> None:
    file = write(tmp_path / "agr.json", value)
    with pytest.raises(DataError) as caught:
        read_suite(file)
    assert str(caught.value).startswith(str(file))
    assert message in str(caught.value)


@pytest.mark.parametrize(("content", "what"), [(b"", "it is not JSON"), (b"\xff\x00\x01", "it is not UTF-8 text")])
def test_a_file_of_the_users_that_holds_something_else_is_not_called_damaged(
    tmp_path: Path, content: bytes, what: str
) -> None:
    file = tmp_path / "agr.json"
    file.write_bytes(content)
    with pytest.raises(
        DataError, match=rf"agr\.json is no SyntaxGym suite: {what}.* with --data, and leave other"
    ) as caught:
        read_suite(file)
    assert "run the command that writes it again" not in str(caught.value)


def test_regions_are_joined_by_one_space_and_empty_ones_are_none(tmp_path: Path) -> None:
    found = read_suite(write(tmp_path / "agr.json", suite()))
    one = found.items["1"]["match"]
    assert one.text == "The cat that the dogs chased , is sleeping on the mat."
    assert [one.text[start:end] for start, end in one.spans] == [
        "The cat", "that the dogs chased", ",", "is", "sleeping on the mat."
    ]  # fmt: skip


# --------------------------------------------------------------------------------------------------------------------
# The task


def plain_bits(loaded: Any, text: str, ends: list[int]) -> list[float]:
    """Sum of bits of the tokens up to each of `ends` (characters), after those before: one forward pass."""
    encoded = loaded.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    head = [loaded.tokenizer.bos_token_id] if loaded.tokenizer.bos_token_id is not None else []
    ids = torch.tensor([[*head, *encoded["input_ids"]]])
    with torch.no_grad():
        log_p = loaded.model(ids).logits[0].log_softmax(-1)
    sums = [0.0] * len(ends)
    for place, (_, end) in enumerate(encoded["offset_mapping"], len(head)):
        bits = -log_p[place - 1, ids[0, place]].item() / math.log(2) if place else math.nan
        sums[next(n for n, last in enumerate(ends) if end <= last)] += bits
    return sums


@pytest.mark.integration
def test_accuracy_follows_from_a_forward_pass_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_run(tmp_path / "models" / "A")
    write(tmp_path / "suites" / "agr.json", suite())
    write(tmp_path / "suites" / "more.json", suite(["(5;%match%) < (5;%mismatch%) | (5;%match%) > (5;%mismatch%)"]))
    command = ["evaluate", "models/A", "--tasks", "syntaxgym", "--data", "suites", "--device", "cpu"]
    assert main([*command, "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]["syntaxgym"]
    loaded = load(tmp_path / "models" / "A")
    right = []
    for item in suite()["items"]:
        bits = {}
        for one in item["conditions"]:
            contents = [region["content"].strip() for region in one["regions"]]
            text = " ".join(filter(None, contents))
            ends = [len(" ".join(filter(None, contents[: n + 1]))) for n, content in enumerate(contents) if content]
            bits[one["condition_name"]] = plain_bits(loaded, text, ends)
        # The empty region leaves five: `is` and `are` are the fourth.
        right.append(bits["match"][3] < bits["mismatch"][3] and sum(bits["match"]) < sum(bits["mismatch"]))
        kept = map(json.loads, Path("models/A/evaluation/syntaxgym_predictions.jsonl").read_text().splitlines())
        row = next(row for row in kept if (row["uid"], row["item"]) == ("agr", str(item["item_number"])))
        ours = [value for number, value in row["surprisal"]["match"].items() if number != "2"]
        assert ours == pytest.approx(bits["match"], abs=1e-3)
        assert row["surprisal"]["match"]["2"] == 0
    agr, more = found["groups"]["agr"], found["groups"]["more"]
    assert agr["correct"] == sum(right)
    assert agr["n"] == 5
    assert more["accuracy"] == 1
    assert found["accuracy"] == pytest.approx((sum(right) / 5 + 1) / 2), "the plain mean over suites"
    assert found["accuracy_low"] <= found["accuracy"] <= found["accuracy_high"]
    # Two normal differences, one of which is a sixth of the other's variance (arcsine law).
    assert agr["chance"] == pytest.approx(0.25 + math.asin(6**-0.5) / (2 * math.pi), abs=0.02)
    assert more["chance"] == 1
    assert main([*command, "--paradigms"]) == 0
    printed = capsys.readouterr()
    assert "up to date, reused" in printed.err
    assert "agr: (*;%match%) < (*;%mismatch%)" in printed.out
    assert "SyntaxGym, mean of 2 suites, 10 items" in (tmp_path / "models" / "A" / "modelcard.md").read_text()


@pytest.mark.integration
def test_models_are_compared_item_by_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate("AB"):
        save_run(tmp_path / "models" / name, seed=number)
    write(tmp_path / "data" / "syntaxgym" / "agr.json", suite(["(5;%match%) < (5;%mismatch%)"]))
    command = ["evaluate", "models/A", "models/B", "--tasks", "syntaxgym", "--device", "cpu"]
    compared = []
    for _ in range(2):  # measured, then kept
        assert main([*command, "--json", "--quiet"]) == 0
        compared.append(json.loads(capsys.readouterr().out)["comparison"]["syntaxgym"])
    assert compared[0] == compared[1]
    first, second = compared[0]
    assert second["against_first"]["mean"][0] == pytest.approx(second["accuracy"] - first["accuracy"])


@pytest.mark.integration
def test_a_first_region_without_surprisal_holds_in_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "m", tokenizer=make_tokenizer(bos=None, eos=None))
    file = write(tmp_path / "x.json", suite(["(1;%match%) < 1000"]))
    command = ["evaluate", "m", "--tasks", "syntaxgym", "--data", str(file), "--device", "cpu"]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "5 items have no surprisal for a region that a prediction names" in said.err
    write(file, suite(["(5;%match%) < 1000"]))
    assert main([*command, "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["results"]["syntaxgym"]["accuracy"] == 1


@pytest.mark.integration
@pytest.mark.parametrize(
    ("family", "data", "message"),
    [
        ("Llama", "nowhere", "no SyntaxGym suites (*.json) in nowhere. Those of Hu et al. 2020"),
        ("Bert", "x.json", "masked language model"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    family: str,
    data: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "m", family)
    write(tmp_path / "x.json", suite())
    assert main(["evaluate", "m", "--tasks", "syntaxgym", "--data", data, "--device", "cpu"]) == 2
    assert message in capsys.readouterr().err
