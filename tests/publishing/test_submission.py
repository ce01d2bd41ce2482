"""A submission: the tree and the collated file of the pipelines, checked against the data; tampered ones are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import save_metrics, save_model, save_run
from suite_world import write_suite

from babyllama.artifacts import fingerprint_file, read_sealed, write_sealed
from babyllama.cli import main
from babyllama.evaluation import acquisition_data
from babyllama.evaluation.tasks import aoa, comps, entity_tracking, ewok, global_piqa, reading, supplement
from babyllama.finetuning import glue_data
from babyllama.publishing import submission, submission_layout
from babyllama.publishing.submission_layout import STRICT, STRICT_SMALL, model_stem

pytestmark = pytest.mark.integration

TRACK = ("chck_1M", "chck_2M", "chck_3M")
MINE = "results/my-model"


def counts_of(folder: Path) -> dict[str, int]:
    return {file.stem: len(file.read_text().splitlines()) for file in folder.glob("*.jsonl")}


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    """Undone after the module."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, patched: pytest.MonkeyPatch) -> Path:
    """A run with three checkpoints, and data of every task."""
    root = tmp_path_factory.mktemp("world")
    patched.chdir(root)
    data = write_suite(root / "eval") / "full_eval"
    aoa = data / "aoa"
    aoa.mkdir()
    ages = list(range(16, 31))
    words = {"cat": 19.0, "dog": 21.0, "girl": 25.0}
    contexts = {word: [{"context": "Once there was a"}, {"context": "See the"}] for word in words}
    (aoa / "cdi_childes.json").write_text(json.dumps(contexts))
    rows = [
        f"{word},{','.join(f'{1 / (1 + np.exp(age - month)):.2f}' for month in ages)}" for word, age in words.items()
    ]
    (aoa / "cdi_human.csv").write_text("\n".join(["word," + ",".join(map(str, ages)), *rows]) + "\n")
    for task, one in glue_data.GLUE.items():
        for part in ("train", "valid"):
            lines = [
                {**dict.fromkeys(one.first, f"The {word} ran."), one.second[0]: "It ran.", "label": n % 2, "idx": n}
                for n, word in enumerate(("cat", "dog", "girl"))
            ]
            file = data / "glue_filtered" / f"{task}.{part}.jsonl"
            file.parent.mkdir(exist_ok=True)
            file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = save_run(root / "models" / "tiny", context=128)
    save_metrics(run)
    for number, name in enumerate(TRACK):
        save_model(run / "checkpoints" / name, context=128, seed=number + 1)
    return root


@pytest.fixture(scope="module")
def published(world: Path, patched: pytest.MonkeyPatch) -> None:
    """The made-up files are the whole of what was published."""
    full = world / "eval" / "full_eval"
    patched.setattr(supplement.BlimpFilteredTask, "full", counts_of(full / "blimp_filtered"))
    patched.setattr(supplement.BlimpFilteredTask, "small", counts_of(world / "eval" / "fast_eval" / "blimp_fast"))
    patched.setattr(supplement.SupplementTask, "full", counts_of(full / "supplement_filtered"))
    patched.setattr(ewok.EwokTask, "full", counts_of(full / "ewok_filtered"))
    patched.setattr(comps.CompsTask, "full", {comps.UIDS[stem]: n for stem, n in counts_of(full / "comps").items()})
    patched.setattr(global_piqa.GlobalPiqaTask, "full", {"global_piqa_parallel": 6, "global_piqa_nonparallel": 5})
    read = len((full / "reading" / "reading_data.csv").read_text().splitlines()) - 1
    patched.setattr(reading, "READING_WORDS", read)
    entities: dict[str, int] = {}
    for file in (full / "entity_tracking").glob("*.jsonl"):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if not any("nothing" in option for option in row["options"]):
                uid = f"{file.stem}_{row['numops']}_ops"
                entities[uid] = entities.get(uid, 0) + 1
    patched.setattr(entity_tracking, "ENTITY_TRACKING_FILTERED", entities)
    for module in (acquisition_data, submission, aoa):
        patched.setattr(module, "CONTEXTS_IN_ALL", 6)
    for name, one in glue_data.GLUE.items():
        patched.setitem(glue_data.GLUE, name, replace(one, rows=3))
    patched.setitem(submission_layout.TRACKS, "strict-small", TRACK)


def evaluate(*more: str) -> None:
    command = ["evaluate", "models/tiny", "--suite", "babylm-2026", "--data", "eval", "--device", "cpu", "--quiet"]
    assert main([*command, "--glue-epochs", "1", *more]) == 0


def submit(*more: str) -> int:
    return main(["submit", "models/tiny", "--suite", "babylm-2026", "--data", "eval", *more])


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


@pytest.fixture(scope="module")
def once(world: Path, published: None) -> Path:
    """Everything scored that there are data for: the fast sets of EWoK and the supplement are not there."""
    evaluate("--revisions", "all")
    return world


@pytest.fixture
def scored(once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it."""
    shutil.copytree(once, tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    return tmp_path / "world"


@pytest.fixture
def made(scored: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert submit("--repo-id", "someone/my-model", "--output", "out") == 0
    return scored / "out"


def test_the_tree_and_the_collated_file_are_those_of_the_pipelines(made: Path) -> None:
    tree = {path.relative_to(made / MINE).as_posix() for path in (made / MINE).rglob("*.json")}
    zero_shot = "main/zero_shot/causal"
    assert {name for name in tree if name.startswith("main")} == {
        f"{zero_shot}/blimp/blimp_filtered/predictions.json",
        f"{zero_shot}/blimp/supplement_filtered/predictions.json",
        f"{zero_shot}/ewok/ewok_filtered/predictions.json",
        f"{zero_shot}/entity_tracking/entity_tracking/predictions.json",
        f"{zero_shot}/comps/comps/predictions.json",
        f"{zero_shot}/global_piqa_parallel/global_piqa_parallel/predictions.json",
        f"{zero_shot}/global_piqa_nonparallel/global_piqa_nonparallel/predictions.json",
        f"{zero_shot}/reading/predictions.json",
        f"{zero_shot}/AoA_word/surprisal.json",
        f"{zero_shot}/AoA_word/aoa_score.json",
        *(f"main/finetune/{task}/predictions.json" for task in glue_data.GLUE),
    }
    assert "chck_2M/zero_shot/causal/blimp/blimp_fast/predictions.json" in tree
    assert "chck_3M/zero_shot/causal/entity_tracking/entity_tracking_fast/predictions.json" in tree
    collated = read(made, f"{MINE}/all_full_preds_and_fast_scores_causal.json")
    assert set(collated) == {
        "blimp", "blimp_supplement", "ewok", "entity_tracking_filtered", "comps", "global_piqa_parallel",
        "global_piqa_nonparallel", "reading", "glue", "aoa", "aoa_surprisals", "fast_eval_results",
    }  # fmt: skip
    assert collated["blimp"]["causative"]["predictions"][1].keys() == {"id", "pred"}
    assert collated["blimp"]["causative"]["predictions"][1]["id"] == "causative_1"
    assert collated["blimp"] == read(made, f"{MINE}/{zero_shot}/blimp/blimp_filtered/predictions.json")
    assert collated["global_piqa_parallel"]["3"]["predictions"][0]["id"] == "3_0"
    assert [row["id"] for row in collated["glue"]["wsc"]["predictions"]] == ["wsc_0", "wsc_1", "wsc_2"]
    first = collated["aoa_surprisals"]["results"][0]
    assert {key: first[key] for key in ("step", "word_count", "target_word", "context_id", "context")} == {
        "step": "chck_1M", "word_count": 1_000_000, "target_word": "cat", "context_id": 0, "context": "Once there was a",
    }  # fmt: skip
    assert len(collated["aoa_surprisals"]["results"]) == 3 * 6
    assert {name: len(values) for name, values in collated["fast_eval_results"].items()} == dict.fromkeys(
        (
            "blimp",
            "blimp_supplement",
            "ewok",
            "entity_tracking_filtered",
            "global_piqa_parallel",
            "global_piqa_nonparallel",
            "reading",
        ),
        3,
    )
    assert set(collated["fast_eval_results"]["reading"][0]) == {"spr", "rt"}
    assert collated["fast_eval_results"]["ewok"] == [None] * 3


def test_the_boards_scores_are_those_of_the_tasks_and_their_plain_mean(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = read_sealed(made / "submission.json")
    kept = made.parent / "models" / "tiny" / "evaluation"
    suite = read(kept, "suite_babylm-2026.json")
    expected = {name: column["score"]["value"] for name, column in suite["columns"].items()}
    assert record["scores"] == {name: pytest.approx(value, abs=1e-6) for name, value in expected.items()}
    assert record["averages"]["Overall"] == pytest.approx(sum(expected.values()) / 9)
    assert record["averages"]["NLP"] == pytest.approx(sum(list(expected.values())[:7]) / 7)
    assert record["evaluator"]["babyllama"]
    assert record["predictions"]["form.json"] == fingerprint_file(made / "form.json")
    form = read(made, "form.json")
    assert (form["hf_repo"], form["model_name"], form["num_parameters"]) == ("someone/my-model", "my-model", "5000")
    assert form["seed"] == "42"
    assert "/" not in form["training_data"], "folders of this machine are not published"
    assert form["main_contributions"] == ""


def test_what_is_missing_is_listed_with_what_it_costs(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert submit("--repo-id", "someone/my-model", "--output", "out") == 0
    said = capsys.readouterr()
    assert "missing: ewok, 3 revisions, chck_1M to chck_3M: not scored" in said.err
    assert "for you to fill in (form.json): model_sha, main_contributions" in said.err
    assert "here it is the context and Target1" in said.err
    shutil.rmtree(scored / "models" / "tiny" / "checkpoints" / "chck_2M")
    (scored / "models" / "tiny" / "evaluation" / "comps_2026.json").unlink()
    assert submit("--repo-id", "someone/my-model", "--output", "less") == 0
    said = capsys.readouterr()
    assert "missing: all, chck_2M: the run has no such checkpoint" in said.err
    assert "missing: comps, main: not scored" in said.err
    whole, less = (read_sealed(scored / name / "submission.json") for name in ("out", "less"))
    lost = whole["scores"]["comps"] + whole["scores"]["aoa"]
    assert less["averages"]["Overall"] == pytest.approx(whole["averages"]["Overall"] - lost / 9)
    assert read(scored / "less", f"{MINE}/all_full_preds_and_fast_scores_causal.json")["comps"] is None


@pytest.mark.parametrize(
    ("published_counts", "why"),
    [
        ({"made-up-places": 16, "made-up-people": 8}, "16 of 24 predictions: the board takes no part"),
        ({"places": 8, "people": 8}, "16 predictions, but not of the groups that were published"),
    ],
)
def test_what_is_not_the_published_data_counts_nothing_on_the_board(
    scored: Path,
    published_counts: dict[str, int],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ewok.EwokTask, "full", published_counts)
    assert submit("--dry-run", "--output", "out") == 0
    said = capsys.readouterr()
    assert f"missing: ewok, main: {why}" in said.err
    record = read_sealed(scored / "out" / "submission.json")
    assert record["scores"]["ewok"] is None
    assert read(scored / "out", "results/tiny/all_full_preds_and_fast_scores_causal.json")["ewok"] is None
    assert (scored / "out" / "results/tiny/main/zero_shot/causal/ewok/ewok_filtered/predictions.json").is_file()


def edit(file: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def reseal(folder: Path) -> None:
    """As one would who knows how the folder is made: the record fits the files again."""
    record = read_sealed(folder / "submission.json")
    record["predictions"] = {
        name: fingerprint_file(folder / name) for name in record["predictions"] if (folder / name).is_file()
    }
    write_sealed(folder / "submission.json", record)


def white_space(folder: Path) -> None:
    for name in (
        "main/zero_shot/causal/blimp/blimp_filtered/predictions.json",
        "all_full_preds_and_fast_scores_causal.json",
    ):

        def change(value: Any) -> None:
            row = value.get("blimp", value)["causative"]["predictions"][0]
            row["pred"] = row["pred"].replace(" on ", "  on ")

        edit(folder / MINE / name, change)


def other_checkpoint(folder: Path) -> None:
    shutil.rmtree(folder / MINE / "chck_2M")


def better_score(folder: Path) -> None:
    def change(value: Any) -> None:
        value["fast_eval_results"]["blimp"][1] = {"causative": 1.5, "wh_island": 1.5}

    edit(folder / MINE / "all_full_preds_and_fast_scores_causal.json", change)


def wrong_id(folder: Path) -> None:
    for name in ("main/zero_shot/causal/comps/comps/predictions.json", "all_full_preds_and_fast_scores_causal.json"):
        edit(
            folder / MINE / name, lambda value: value.get("comps", value)["base"]["predictions"][0].update(id="base_7")
        )


def one_less(folder: Path) -> None:
    for name in ("main/finetune/rte/predictions.json", "all_full_preds_and_fast_scores_causal.json"):
        edit(folder / MINE / name, lambda value: value.get("glue", value)["rte"]["predictions"].pop())


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (white_space, "main blimp: causative: prediction 0 differs from the data in its white space"),
        (other_checkpoint, "chck_2M blimp: not scored, and the record does not say so"),
        (better_score, "chck_2M blimp: fast_eval_results are not what the predictions give"),
        (wrong_id, "main comps: base: prediction 0 has the id 'base_7'"),
        (one_less, "main glue rte: rte has 2 predictions, the data have 3"),
    ],
)
def test_a_tampered_submission_is_refused(
    made: Path, tamper: Callable[[Path], None], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit("--check", "out") == 0
    tamper(made)
    assert submit("--check", "out") == 2
    assert "has changed since it was written" in (said := capsys.readouterr().err) or "is missing" in said
    reseal(made)
    assert submit("--check", "out") == 2
    assert message in capsys.readouterr().err


def test_the_results_of_another_model_are_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = save_run(made.parent / "models" / "other", context=128, seed=7)
    save_metrics(other)
    shutil.copytree(made.parent / "models" / "tiny" / "evaluation", other / "evaluation")
    assert main(["submit", "models/other", "--check", "out", "--data", "eval"]) == 2
    assert "main: the predictions are of another model than models/other/final" in capsys.readouterr().err
    assert main(["submit", "models/other", "--data", "eval", "--dry-run", "--output", "o2"]) == 0
    assert "ewok_2026.json is the result of another model: evaluate again" in capsys.readouterr().err
    assert set(read_sealed(made.parent / "o2" / "submission.json")["scores"].values()) == {None}


def test_data_of_another_year_are_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made.parent / "eval" / "full_eval" / "comps"
    for file in folder.glob("*.jsonl"):
        file.write_text(file.read_text().replace("sleep", "be asleep"))
    assert submit("--check", "out") == 2
    assert "main comps: base: prediction 0 is none of the data's texts" in capsys.readouterr().err
    assert submit("--dry-run", "--output", "again") == 0
    assert "comps_2026.json is of other data than those in" in capsys.readouterr().err


def test_without_the_data_it_says_what_it_could_not_check(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scored / "empty").mkdir()
    assert main(["submit", "models/tiny", "--data", "empty", "--dry-run", "--output", "out"]) == 0
    said = capsys.readouterr().err
    assert "not checked, their data are not here: main blimp, main blimp_supplement, main ewok" in said
    (scored / "models" / "tiny" / "evaluation" / "comps_2026.json").unlink()
    assert main(["submit", "models/tiny", "--data", "empty", "--dry-run", "--output", "out"]) == 0
    assert "missing: comps, main: not scored: its data are missing: no folder comps/ with" in capsys.readouterr().err


def test_the_board_of_2025_takes_nothing_that_is_missing(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["submit", "models/tiny", "--suite", "babylm-2025", "--data", "eval", "--repo-id", "a/b"]
    assert main(command) == 2
    assert (
        "takes no submission with missing parts:\n  blimp, 4 revisions, main to chck_3M: not scored"
        in capsys.readouterr().err
    )


def test_it_asks_where_the_model_is_and_for_a_folder_that_was_made(
    scored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit() == 2
    assert "--repo-id OWNER/NAME" in capsys.readouterr().err
    assert submit("--check", "models") == 2
    assert "models holds no submission" in capsys.readouterr().err


def test_tracks_ask_for_the_checkpoints_of_the_challenge() -> None:
    assert (len(STRICT_SMALL), STRICT_SMALL[8:11], STRICT_SMALL[-1]) == (
        19,
        ("chck_9M", "chck_10M", "chck_20M"),
        "chck_100M",
    )
    assert (len(STRICT), STRICT[17:20], STRICT[-1]) == (28, ("chck_90M", "chck_100M", "chck_200M"), "chck_1000M")
    assert [model_stem(name) for name in ("someone/my-model", "gpt-0.5", "tiny")] == ["my-model", "gpt-0", "tiny"]
