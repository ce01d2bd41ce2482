"""GLUE: a classifier is trained for each task, under the rules of the BabyLM pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evaluation_world import load, save_model, save_run

from babyllama.cli import main
from babyllama.errors import DataError, EvaluationError
from babyllama.evaluation.runner import run_evaluations
from babyllama.finetuning import classification
from babyllama.finetuning.classification import (
    Recipe,
    Rows,
    build_classifier,
    encode,
    fine_tune,
    logits_of,
    training_step,
)
from babyllama.finetuning.glue_data import GLUE, Examples, floor, read_examples, scores

pytestmark = pytest.mark.integration

WORDS = ["cat", "dog", "girl", "mirror", "house", "mat"]
RECIPE = Recipe(lr=3e-3, batch_size=8, epochs=4, length=64, pooling="last")


def write_rows(folder: Path, task: str, count: int, *, seed: int = 0, labels: list[int] | None = None) -> Path:
    """`<task>.train.jsonl` and `.valid.jsonl` whose class is whether the second text names the first one's word."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    first, second = GLUE[task].first, GLUE[task].second[0]
    for part in ("train", "valid"):
        lines = []
        for number in range(count):
            word, other = rng.choice(WORDS, 2, replace=False)
            label = int(rng.integers(2)) if labels is None or part == "train" else labels[number]
            row: dict[str, Any] = dict.fromkeys(first, f"The {word} was there.")
            row |= {second: f"See the {word if label else other}.", "label": label, "idx": 100 + number}
            lines.append(json.dumps(row) + "\n")
        (folder / f"{task}.{part}.jsonl").write_text("".join(lines))
    return folder


def rows_of(loaded: Any, count: int = 24) -> Rows:
    texts = [("The cat that the dogs chased", "is " + "very " * (number % 5) + "here.") for number in range(count)]
    return encode(loaded, Examples(texts, np.arange(count) % 2, list(range(count))), 64)[0]


@pytest.mark.parametrize("family", ["Llama", "GPT2"])
def test_the_last_token_sees_what_it_would_see_with_padding_on_the_left(tmp_path: Path, family: str) -> None:
    """Reference: rows padded on the left, with a mask and positions that begin after the padding, as transformers reads them."""
    loaded = load(save_model(tmp_path / "m", family))
    rows = rows_of(loaded)
    classifier = build_classifier(loaded, GLUE["rte"], RECIPE).eval()
    width = max(map(len, rows.ids))
    ids = torch.tensor([[7] * (width - len(row)) + row for row in rows.ids])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows.ids])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        hidden = loaded.model.base_model(input_ids=ids, attention_mask=mask, position_ids=positions).last_hidden_state
        expected = classifier["head"](hidden[:, -1])
        found = logits_of(classifier, rows.ids, "last", loaded.device)
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_batch_in_parts_has_the_gradient_of_the_batch(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path / "m"))
    rows = rows_of(loaded)
    gradients = []
    for size in (24, 5):
        torch.manual_seed(1)
        classifier = build_classifier(loaded, GLUE["rte"], RECIPE).eval()  # no dropout
        optimizer = torch.optim.SGD(classifier.parameters(), lr=1.0)
        before = [weight.detach().clone() for weight in classifier.parameters()]
        batch = np.arange(24)
        training_step(classifier, rows, batch, RECIPE, loaded.device, optimizer, GLUE["rte"], rows_at_once=size)
        gradients.append([old - new for old, new in zip(before, classifier.parameters(), strict=True)])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*gradients, strict=True))
    assert any(gradient.abs().max() > 1e-3 for gradient in gradients[0])


def test_the_learning_rate_is_that_of_transformers_cosine_with_a_floor() -> None:
    from transformers import get_cosine_with_min_lr_schedule_with_warmup

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = get_cosine_with_min_lr_schedule_with_warmup(optimizer, 6, 100, min_lr_rate=0.1)
    for step in range(100):
        expected = schedule.get_last_lr()[0]
        assert classification.learning_rate_factor(step, 100, RECIPE) == pytest.approx(expected, abs=1e-12)
        optimizer.step()
        schedule.step()


def test_the_head_is_normalised_twice_without_learned_scale(tmp_path: Path) -> None:
    """Written out with torch.nn.functional."""
    loaded = load(save_model(tmp_path / "m"))
    head = build_classifier(loaded, GLUE["mnli"], RECIPE)["head"].eval()
    inner, outer = (layer for layer in head if isinstance(layer, torch.nn.Linear))
    x = torch.randn(3, 32)
    normal = torch.nn.functional.layer_norm
    hidden = torch.nn.functional.gelu(inner(normal(x, (32,))))
    assert torch.allclose(head(x), outer(normal(hidden, (32,))), atol=1e-6)
    assert head(x).shape == (3, 3)
    assert [layer.p for layer in head if isinstance(layer, torch.nn.Dropout)] == [0.1]


def test_f1_is_of_class_one_and_the_floor_of_one_class_for_all() -> None:
    labels, predicted = np.array([1, 1, 1, 0, 0]), np.array([1, 1, 0, 1, 0])
    assert scores(predicted, labels) == {"accuracy": 0.6, "f1": pytest.approx(2 / 3)}  # precision and recall are 2/3
    assert scores(np.zeros(5, dtype=int), labels)["f1"] == 0.0
    assert floor(GLUE["mrpc"], labels) == pytest.approx(0.75)  # precision 3/5, recall 1
    assert floor(GLUE["rte"], labels) == 0.6
    assert set(scores(np.array([2, 0]), np.array([2, 1]))) == {"accuracy"}


def test_rows_become_the_texts_of_the_pipeline(tmp_path: Path) -> None:
    row = {
        "question": "Why?", "answer": "So.", "paragraph": "It is.", "passage": "P", "premise": "A", "hypothesis": "B",
        "sentence1": "S1", "sentence2": "S2", "question1": "Q1", "question2": "Q2", "text": "Ann fed her cat.",
        "span1_text": "Ann", "span2_text": "her", "label": 1, "idx": 3,
    }  # fmt: skip
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n\n")
    assert {name: read_examples(tmp_path / "x.jsonl", task).pairs[0] for name, task in GLUE.items()} == {
        "boolq": ("Why?", "P"),
        "mnli": ("A", "B"),
        "mrpc": ("S1", "S2"),
        "multirc": ("Question: Why? Answer: So.", "It is."),
        "qqp": ("Q1", "Q2"),
        "rte": ("S1", "S2"),
        "wsc": ('Does "her" refer to "Ann" in this passage?', "Ann fed her cat."),
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"sentence1": "a"}', "no row of rte: it has no text in sentence2"),
        ('{"sentence1": "a", "sentence2": "b", "label": 2}', "label 2 is none of rte's classes, 0 to 1"),
        ('{"sentence1": "a", "sentence2": "b", "label": -1}', "A test set without labels"),
        ('{"sentence1": ', "line 2: no JSON"),
    ],
)
def test_a_row_of_something_else_is_named_by_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    good = '{"sentence1": "a", "sentence2": "b", "label": 1}'
    (tmp_path / "rte.valid.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(DataError, match=message) as error:
        read_examples(tmp_path / "rte.valid.jsonl", GLUE["rte"])
    assert "rte.valid.jsonl, line 2" in str(error.value)


# ---------------------------------------------------------------------------------------------------------------------

FAST = ["--glue-epochs", "2", "--glue-lr", "1e-3", "--device", "cpu", "--quiet", "--json"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_run(tmp_path / "models" / "tiny")
    for task in ("rte", "wsc"):
        write_rows(tmp_path / "data" / "evaluation" / "glue_filtered", task, 16)
    return tmp_path


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were trained, one entry a training."""
    names: list[str] = []
    real = classification.fine_tune

    def counted(loaded: Any, task: Any, *args: Any) -> Any:
        names.append(task.name)
        return real(loaded, task, *args)

    monkeypatch.setattr(classification, "fine_tune", counted)
    return names


def evaluate(capsys: pytest.CaptureFixture[str], *more: str) -> Any:
    assert main(["evaluate", "models/tiny", "--tasks", "glue", *FAST, *more]) == 0
    return json.loads(capsys.readouterr().out)["results"]["glue"]


def test_a_task_that_is_done_is_not_trained_again(
    world: Path, trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = evaluate(capsys, "--glue-tasks", "wsc")
    assert (trained, first["missing"]) == (["wsc"], ["boolq", "mnli", "mrpc", "multirc", "qqp", "rte"])
    both = evaluate(capsys)
    assert trained == ["wsc", "rte"]
    assert both["tasks"]["wsc"] == first["tasks"]["wsc"]
    assert both["mean"] == pytest.approx((both["tasks"]["rte"]["score"] + both["tasks"]["wsc"]["score"]) / 2)
    assert evaluate(capsys) == both
    assert trained == ["wsc", "rte"]
    assert evaluate(capsys, "--overwrite") == both  # a seed repeats itself
    assert trained == ["wsc", "rte", "rte", "wsc"]
    evaluate(capsys, "--glue-epochs", "1")
    assert trained[4:] == ["rte", "wsc"]
    write_rows(world / "data" / "evaluation" / "glue_filtered", "wsc", 16, seed=5)
    evaluate(capsys, "--glue-epochs", "1")
    assert trained[6:] == ["wsc"]


def test_what_was_interrupted_goes_on_after_the_last_whole_task(
    world: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = classification.fine_tune

    def killed(loaded: Any, task: Any, *args: Any) -> Any:
        if task.name == "wsc":
            raise KeyboardInterrupt
        return counted(loaded, task, *args)

    monkeypatch.setattr(classification, "fine_tune", killed)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        raise SystemExit(main(["evaluate", "models/tiny", "--tasks", "glue", *FAST]))
    capsys.readouterr()
    monkeypatch.setattr(classification, "fine_tune", counted)
    assert set(evaluate(capsys)["tasks"]) == {"rte", "wsc"}
    assert trained == ["rte", "wsc"]


def test_every_prediction_is_kept_and_gives_the_score(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(capsys, "--glue-seeds", "2")
    folder = world / "models" / "tiny" / "evaluation"
    rows = [json.loads(line) for line in (folder / "glue_2026_predictions.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * 2 * 16
    for name, one in found["tasks"].items():
        for seed, numbers in one["seeds"].items():
            own = [row for row in rows if row["task"] == name and row["seed"] == int(seed)]
            assert [row["idx"] for row in own] == list(range(100, 116))
            assert numbers["score"] == sum(row["pred"] == row["label"] for row in own) / 16
            assert numbers["score"] == max(numbers["by_epoch"])  # chosen on these very rows
        values = [numbers["score"] for numbers in one["seeds"].values()]
        assert one["score"] == values[0]
        assert (one["mean"], one["spread"]) == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))


def test_with_holdout_the_reported_labels_choose_nothing(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same predictions whatever the labels of the reported rows are."""
    folder = world / "data" / "evaluation" / "glue_filtered"
    predicted = []
    for flip in (False, True):
        rows = [json.loads(line) for line in (folder / "rte.valid.jsonl").read_text().splitlines()]
        if flip:
            text = "".join(json.dumps(row | {"label": 1 - row["label"]}) + "\n" for row in rows)
            (folder / "rte.valid.jsonl").write_text(text)
        assert main(["evaluate", "models/tiny", "--tasks", "glue", "--glue-tasks", "rte", "--holdout", *FAST]) == 0
        result = json.loads(capsys.readouterr().out)["results"]["glue_holdout"]
        assert result["tasks"]["rte"]["train_rows"] == 15
        kept = world / "models" / "tiny" / "evaluation" / "glue_2026_holdout_predictions.jsonl"
        predicted.append([json.loads(line)["pred"] for line in kept.read_text().splitlines()])
    assert predicted[0] == predicted[1]


def test_it_says_on_what_the_epoch_was_chosen(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "models/tiny", "--tasks", "glue", "--glue-tasks", "rte", *FAST[:-2]]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "chosen on the rows that are reported" in printed.err
    assert "boolq, mnli, mrpc, multirc, qqp, wsc not scored; the mean is over rte" in printed.err
    assert "GLUE under the rules of 2026, seed 42" in printed.out
    assert main([*command, "--holdout"]) == 0
    assert "chosen on the rows" not in capsys.readouterr().err


def test_a_classifier_learns_what_the_texts_tell_and_the_first_token_of_a_causal_model_tells_nothing(
    tmp_path: Path,
) -> None:
    loaded = load(save_model(tmp_path / "m"))
    folder = write_rows(tmp_path / "d", "rte", 160)
    train, valid = (
        encode(loaded, read_examples(folder / f"rte.{part}.jsonl", GLUE["rte"]), 64)[0] for part in ("train", "valid")
    )
    learned = fine_tune(loaded, GLUE["rte"], RECIPE, train, valid, None, 42)
    assert learned.epochs[learned.best - 1]["accuracy"] > 0.8
    blind = Recipe(lr=3e-3, batch_size=8, epochs=1, length=64, pooling="first")
    assert len(set(fine_tune(loaded, GLUE["rte"], blind, train, valid, None, 42).predicted)) == 1
    assert not any(weight.requires_grad for weight in loaded.model.parameters())


def test_the_rules_of_2025_go_by_the_year_and_a_masked_model_is_read_at_its_first_token(tmp_path: Path) -> None:
    from babyllama.evaluation.tasks import build_tasks

    causal, masked = load(save_model(tmp_path / "c")), load(save_model(tmp_path / "m", "Bert"))
    for year, model, pooling in (
        (2026, causal, "last"),
        (2025, causal, "first"),
        (2026, masked, "first"),
    ):
        (task,) = build_tasks(["glue"], {"year": year})
        assert task.recipe(GLUE["wsc"], model).pooling == pooling  # type: ignore[attr-defined]
    (task,) = build_tasks(["glue"], {})
    recipe = task.recipe(GLUE["wsc"], causal)  # type: ignore[attr-defined]
    assert (recipe.lr, recipe.batch_size, recipe.epochs, recipe.length) == (3e-5, 32, 30, 512)
    write_rows(tmp_path / "d", "rte", 8)
    options = {"data": tmp_path / "d", "glue_epochs": 1, "device": "cpu"}
    assert 0 <= run_evaluations(tmp_path / "m", ["glue"], **options)["results"]["glue"]["mean"] <= 1


def test_positions_that_are_learned_end_with_the_context(tmp_path: Path) -> None:
    from babyllama.evaluation.tasks import build_tasks

    (task,) = build_tasks(["glue"], {})
    lengths = {
        family: task.recipe(GLUE["rte"], load(save_model(tmp_path / family, family))).length  # type: ignore[attr-defined]
        for family in ("Llama", "GPT2", "GPTJ", "Bert")
    }
    assert lengths == {"Llama": 512, "GPT2": 64, "GPTJ": 64, "Bert": 64}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--glue-tasks", "rte,wcs"], "--glue-tasks wcs: no such task; did you mean 'wsc'?"),
        (["--glue-tasks", "mnli"], "lacks mnli.train.jsonl or mnli.valid.jsonl"),
        (["--data", "nowhere"], "no GLUE files (*.train.jsonl) in nowhere"),
        (["--year", "2024"], "--year 2024: must be 2025 or 2026"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    world: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "models/tiny", "--tasks", "glue", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_loss_that_is_no_number_says_so(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path / "m"))
    loaded.model.get_input_embeddings().weight.data[:] = float("nan")
    rows = rows_of(loaded)
    with pytest.raises(EvaluationError, match="rte: the loss is not a number"):
        fine_tune(loaded, GLUE["rte"], RECIPE, rows, rows, None, 42)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["rte", "wsc", "mrpc"])
def test_the_real_files_train_and_score(task: str, shared_data: Path, tmp_path: Path) -> None:
    """Two epochs on 64 rows; the counts are those of the whole validation files."""
    save_model(tmp_path / "m", context=128)
    options = {"glue_tasks": task, "glue_epochs": 1, "glue_train_rows": 64, "device": "cpu"}
    found = run_evaluations(tmp_path / "m", ["glue"], data=shared_data / "suite_2025", **options)["results"]["glue"]
    one = found["tasks"][task]
    assert one["rows"] == {"rte": 139, "wsc": 52, "mrpc": 204}[task]
    assert one["train_rows"] == 64
    assert 0 <= one["score"] <= 1
    assert one["floor"] >= 0.5
