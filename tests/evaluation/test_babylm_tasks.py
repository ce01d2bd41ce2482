"""The zero-shot tasks of the BabyLM suites against plain recomputations from their files: a forward pass for every item."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from evaluation_world import load, make_tokenizer, save_model
from suite_world import plain_scores, write_comps, write_entities, write_ewok, write_lines, write_suite

from babyllama.errors import DataError
from babyllama.evaluation.suites.sizes import ENTITY_TRACKING, ENTITY_TRACKING_FILTERED
from babyllama.evaluation.tasks import NoData, build_tasks
from babyllama.evaluation.tasks.babylm import count_remarks

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="module", params=["causal", "mlm"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    family = {"causal": "Llama", "mlm": "Bert"}[request.param]
    folder = tmp_path_factory.mktemp("model") / request.param
    return load(save_model(folder, family, make_tokenizer(adds_marks=True), context=128))


def rows_of(*files: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def run(name: str, loaded: Any, data: Path, **settings: Any) -> Any:
    (task,) = build_tasks([name], {"data": data, **settings})
    return task.score(loaded, task.data(None))


def right(
    loaded: Any, options: list[tuple[str, str]], label: int = 0, reduce: Callable[[list[float]], float] = sum
) -> float:
    """Is the option `label` of (prefix, completion) the best one?"""
    backend = "mlm" if loaded.masked else "causal"
    scores = [reduce(plain_scores(loaded, prefix + end, len(prefix), backend)) for prefix, end in options]
    assert len(set(scores)) == len(scores), "a tie, which this test does not know"
    return float(np.argmax(scores) == label)


@pytest.mark.parametrize(
    ("name", "folder"), [("blimp_filtered", "blimp_filtered"), ("supplement", "supplement_filtered")]
)
def test_minimal_pairs(name: str, folder: str, loaded: Any, data: Path) -> None:
    files = sorted((data / "full_eval" / folder).glob("*.jsonl"))
    expected = [
        fmean(right(loaded, [("", row["sentence_good"]), ("", row["sentence_bad"])]) for row in rows_of(file))
        for file in files
    ]
    found = run(name, loaded, data, year=2025)
    assert found.numbers["accuracy"] == pytest.approx(fmean(expected))
    assert (found.key, found.numbers["protocol"]) == (name, "babylm-2025")
    assert found.score().value == pytest.approx(100 * fmean(expected))


@pytest.mark.parametrize("year", [2025, 2026])
def test_ewok(year: int, loaded: Any, data: Path) -> None:
    expected = []
    for file in sorted((data / "full_eval" / "ewok_filtered").glob("*.jsonl")):
        credits = []
        for row in rows_of(file):
            given = [("Context1", "Target1"), ("Context1", "Target2") if year == 2025 else ("Context2", "Target1")]
            credits.append(right(loaded, [(row[context], " " + row[target]) for context, target in given]))
        expected.append(fmean(credits))
    found = run("ewok", loaded, data, year=year)
    assert found.numbers["accuracy"] == pytest.approx(fmean(expected))
    assert list(found.numbers["groups"]) == ["made-up-people", "made-up-places"]


@pytest.mark.parametrize("year", [2025, 2026])
def test_entity_tracking(year: int, loaded: Any, data: Path) -> None:
    by_file = []
    for file in ("regular", "ambiref", "move_contents"):
        groups: dict[int, list[float]] = {}
        for row in rows_of(data / "full_eval" / "entity_tracking" / f"{file}.jsonl"):
            if year == 2026 and any("nothing" in option for option in row["options"]):
                continue
            options = [(row["input_prefix"], option) for option in row["options"]]
            groups.setdefault(row["numops"], []).append(right(loaded, options))
        by_file.append(fmean(fmean(group) for group in groups.values()))
    found = run("entity_tracking", loaded, data, year=year)
    assert found.numbers["accuracy"] == pytest.approx(fmean(by_file))
    assert found.numbers["chance"] == pytest.approx(1 / 3)


def test_comps(loaded: Any, data: Path) -> None:
    files = sorted((data / "full_eval" / "comps").glob("*.jsonl"))
    expected = [
        fmean(
            right(
                loaded,
                [
                    (f"{row[prefix]} ", row["property_phrase"])
                    for prefix in ("prefix_acceptable", "prefix_unacceptable")
                ],
            )
            for row in rows_of(file)
        )
        for file in files
    ]
    found = run("comps", loaded, data)
    assert found.numbers["accuracy"] == pytest.approx(fmean(expected))
    assert list(found.numbers["groups"]) == ["base", "wugs", "wugs_dist_before", "wugs_dist_in_between"]
    official = json.loads("".join(found.files("comps")["official/comps_predictions.json"]))
    rows = rows_of(files[0])
    texts = [
        {f"{row[p]} {row['property_phrase']}" for p in ("prefix_acceptable", "prefix_unacceptable")} for row in rows
    ]
    assert all(one["pred"] in text for one, text in zip(official["base"]["predictions"], texts, strict=True))
    assert [one["id"] for one in official["base"]["predictions"]] == [f"base_{k}" for k in range(len(rows))]


@pytest.mark.parametrize("name", ["wug_adj", "wug_past"])
def test_wug(name: str, loaded: Any, data: Path) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    (file,) = (data / "full_eval").glob(f"{name}*/*.jsonl")
    backend = "mlm" if loaded.masked else "causal"
    probabilities, ratios = [], []
    for row in rows_of(file):
        scores = np.array([sum(plain_scores(loaded, form, 0, backend)) for form in row["sentences"].split("\t")])
        probabilities.append(float(np.exp(scores[0] - np.logaddexp.reduce(scores))))
        ratios.append(row["ratio"])
    found = run(name, loaded, data, year=2025)
    assert found.numbers["spearman"] == pytest.approx(scipy_stats.spearmanr(probabilities, ratios)[0], abs=1e-9)
    official = json.loads("".join(found.files("x")["official/x_predictions.json"]))
    assert [one["prob"] for one in official[name]["predictions"]] == pytest.approx(probabilities, abs=1e-4)


def test_global_piqa_alone_is_divided_by_the_number_of_tokens(loaded: Any, data: Path) -> None:
    expected = []
    for name in ("global_piqa_parallel", "global_piqa_nonparallel"):
        credits = []
        for row in rows_of(data / "full_eval" / name / "test.jsonl"):
            solutions = [row[f"solution{k}"] for k in range(4) if f"solution{k}" in row]
            credits.append(right(loaded, [(row["prompt"], f" {one}") for one in solutions], row["label"], fmean))
        expected.append(fmean(credits))
    found = run("global_piqa", loaded, data)
    assert found.numbers["accuracy"] == pytest.approx(fmean(expected))
    assert found.numbers["reduction"] == "mean"
    assert found.numbers["chance"] == pytest.approx((1 / 4 + 1 / 2) / 2)


# --------------------------------------------------------------------------------------------------------------------
# Data that are missing, of another year, or damaged


def test_filtered_entity_tracking_is_refused_under_the_rules_of_2025(tmp_path: Path) -> None:
    write_entities(tmp_path / "entity_tracking")
    for file in (tmp_path / "entity_tracking").glob("*.jsonl"):
        write_lines(file, [row for row in rows_of(file) if "nothing." not in row["options"]])
    (task,) = build_tasks(["entity_tracking"], {"data": tmp_path, "year": 2025})
    with pytest.raises(DataError, match="holds the filtered items of 2026"):
        task.data(None)
    (task,) = build_tasks(["entity_tracking"], {"data": tmp_path, "year": 2026})
    assert len(task.data(None).content.items) > 0


def test_counts_that_are_not_the_published_ones_are_said() -> None:
    whole = [uid for uid, n in ENTITY_TRACKING_FILTERED.items() for _ in range(n)]
    assert count_remarks("entity_tracking", whole, ENTITY_TRACKING_FILTERED) == []
    (part,) = count_remarks("entity_tracking", whole[10:], ENTITY_TRACKING_FILTERED)
    assert part == f"entity_tracking: a part of the published data: {len(whole) - 10:,} of {len(whole):,} items"
    (more,) = count_remarks(
        "entity_tracking", [uid for uid, n in ENTITY_TRACKING.items() for _ in range(n)], ENTITY_TRACKING_FILTERED
    )
    assert "not the published data: regular_0_ops has 606 items, the published files have 517" in more


def test_the_real_entity_files_lose_what_the_filter_drops(shared_data: Path) -> None:
    folder = shared_data / "suite_2025"
    items = {}
    for year in (2025, 2026):
        (task,) = build_tasks(["entity_tracking"], {"data": folder, "year": year})
        items[year] = task.data(None).content.items
    assert len(items[2025]) == 2371
    kept = [item for item in items[2025] if not any("nothing" in option.predicted for option in item.options)]
    assert items[2026] == kept
    # A quarter of the items, so that about a quarter of those published as filtered are left.
    assert len(kept) == pytest.approx(sum(ENTITY_TRACKING_FILTERED.values()) / 4, rel=0.02)


def test_missing_data_say_where_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_comps(tmp_path / "data" / "evaluation" / "comps")
    assert build_tasks(["comps"], {})[0].data(None).content.items
    with pytest.raises(
        NoData, match=r"no folder ewok_filtered/ .* terms that you accept at https://huggingface.co/datasets/ewok"
    ):
        build_tasks(["ewok"], {})[0].data(None)
    with pytest.raises(NoData, match=r"no folder entity_tracking/ or .* `babyllama fetch babylm-2026-evals` brings"):
        build_tasks(["entity_tracking"], {})[0].data(None)
    with pytest.raises(DataError, match="no evaluation data at nowhere: there is no such folder"):
        build_tasks(["comps"], {"data": "nowhere"})[0].data(None)


def test_a_fast_set_is_never_made_from_the_full_one(tmp_path: Path) -> None:
    write_ewok(tmp_path / "ewok_filtered")
    (task,) = build_tasks(["ewok"], {"data": tmp_path, "fast": True})
    with pytest.raises(NoData, match="its fast set is missing: no folder ewok_fast/"):
        task.data(None)


@pytest.mark.parametrize(
    ("name", "file", "line", "message"),
    [
        ("comps", "comps/comps_base.jsonl", '{"prefix_acceptable": "A cat"}', "line 1: no 'prefix_unacceptable', 'property_phrase'"),
        ("comps", "comps/other.jsonl", "{}", "is no file of COMPS"),
        ("ewok", "ewok_filtered/a.jsonl", "{broken", "line 1: broken JSON"),
        ("wug_past", "wug_past_tense/a.jsonl", '{"sentences": "a\\tb", "ratio": 0.5}', "2 sentences parted by tabs, where 3 belong"),
        ("wug_adj", "wug_adj_nominalization/a.jsonl", '{"sentences": "a\\tb", "ratio": 1.5}', "'ratio' 1.5 is no share"),
        ("entity_tracking", "entity_tracking/regular.jsonl", '{"input_prefix": "a ", "options": ["b"], "numops": 0}', "'options' is no list"),
    ],
)  # fmt: skip
def test_broken_files_are_named_with_their_line(name: str, file: str, line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(line + "\n")
    with pytest.raises(DataError, match=message):
        build_tasks([name], {"data": tmp_path})[0].data(None)
