"""A student and its teachers: the loss against torch's own, what it needs of memory, that nothing is left to chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from logit_rows import LogitRows
from training_world import (
    LENGTH,
    VOCABULARY,
    TinyBlocks,
    tiny_config,
    tiny_model,
    tiny_run,
    tiny_section,
    tiny_tokenizer,
)

from babyllama.architectures import build_model
from babyllama.device import Precision
from babyllama.errors import CheckpointError, TokenizerError
from babyllama.runs.rows import read_numbers
from babyllama.settings import resolved_yaml
from babyllama.settings.checks import cross_checks
from babyllama.training.data.blocks import BlockKey
from babyllama.training.machine import Machine
from babyllama.training.network import training_network
from babyllama.training.objectives.causal import Causal, next_token_targets
from babyllama.training.objectives.cross_entropy import LossOptions
from babyllama.training.objectives.distillation import Distillation
from babyllama.training.objectives.soft_loss import SoftOptions, soft_loss
from babyllama.training.objectives.teachers import found as found_teacher
from babyllama.training.saving.model_folder import save_model_folder

pytestmark = pytest.mark.unit

IGNORED = -100
CPU = Machine(torch.device("cpu"), Precision("fp32", "", None))


def teacher(folder: Path, name: str = "GPT2", *, tokenizer: Any = None, **keys: Any) -> str:
    """A model folder with a teacher that is sure of something."""
    model = tiny_model(name, initializer_range=0.3, **keys)
    model.eval()
    save_model_folder(folder, model, tokenizer or tiny_tokenizer())
    return str(folder)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two of different families."""
    root = tmp_path_factory.mktemp("teachers")
    return [teacher(root / "gpt2", "GPT2", seed=3), teacher(root / "llama", "Llama", seed=4)]


def objective(paths: list[str], *, prepared: bool = True, **keys: Any) -> Distillation:
    config = tiny_config(Path(), training={"objective": "distillation"}, distillation={"teachers": paths, **keys})
    made = Distillation.build(config, tiny_tokenizer())
    if prepared:
        made.prepare(None, CPU, TinyBlocks(8))
    return made


def batch(made: Distillation, *blocks: int) -> dict[str, Any]:
    """Rows with boundaries between documents, the last of them padded."""
    world = TinyBlocks(8)
    return made.collator(training=True)([world.block(index) for index in blocks or (1, 4, 7)])


@pytest.mark.parametrize("divergence", ["forward", "reverse"])
def test_divergence_and_gradient_are_torch_s_own(divergence: Any) -> None:
    torch.manual_seed(0)
    logits, other = torch.randn(40, 30, requires_grad=True), torch.randn(40, 30)
    valid = torch.arange(40) % 5 > 0
    log_p = torch.log_softmax(other / 1.7, 1)
    found, gradient = soft_loss(logits.detach(), log_p, valid, SoftOptions(0.5, 1.7, divergence))
    log_q = torch.log_softmax(logits / 1.7, 1)
    ours, theirs = (log_q, log_p) if divergence == "forward" else (log_p, log_q)
    reference = torch.nn.functional.kl_div(ours, theirs, log_target=True, reduction="none").sum(1) * valid
    torch.testing.assert_close(found, reference.detach(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(gradient, torch.autograd.grad(reference.sum(), logits)[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("average", ["probabilities", "logits"])
@pytest.mark.parametrize(("fused", "smoothing", "z_loss"), [(True, 0.0, 0.0), (False, 0.0, 0.0), (True, 0.1, 1e-2)])
def test_the_loss_is_the_formula_on_full_logits(
    teachers: list[str], average: str, fused: bool, smoothing: float, z_loss: float
) -> None:
    """alpha x cross-entropy + (1 - alpha) x T^2 x KL over the targets, documents and padding honoured, chunked or not; smoothing
    and z-loss belong to the cross-entropy."""
    made = objective(teachers, average=average, temperature=2.0, alpha=0.3, weights=[3.0, 1.0])
    made.options = LossOptions(smoothing, z_loss, chunk=7)
    model, inputs = tiny_model(seed=5), batch(made)
    counts = inputs.pop("counts")
    assert counts["soft_targets"] == counts["targets"] < 3 * (LENGTH - 1)
    targets = next_token_targets(inputs["labels"])
    assert "document_ids" in inputs
    with training_network(model, made, fused=fused):
        sums = model(**inputs)
        sums["objective"].backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()

    assert made.teachers is not None
    plain = {name: tensor for name, tensor in inputs.items() if name != "labels"}
    with training_network(model, Causal(LossOptions())) as network:
        student = network.logits(plain).flatten(0, 1)
    with torch.no_grad():
        scaled = [one.network.logits(plain).flatten(0, 1) / 2.0 for one in made.teachers.teachers]
    if average == "logits":
        mean = torch.softmax(0.75 * scaled[0] + 0.25 * scaled[1], 1)
    else:
        mean = 0.75 * torch.softmax(scaled[0], 1) + 0.25 * torch.softmax(scaled[1], 1)
    valid = targets != IGNORED
    hard = torch.nn.functional.cross_entropy(student[valid], targets[valid], reduction="sum")
    soft = torch.nn.functional.kl_div(torch.log_softmax(student[valid] / 2.0, 1), mean[valid], reduction="sum")
    own = torch.nn.functional.cross_entropy(student[valid], targets[valid], reduction="sum", label_smoothing=smoothing)
    own = own + z_loss * (torch.logsumexp(student[valid], 1) ** 2).sum()
    (0.3 * own + 0.7 * 4.0 * soft).backward()
    assert float(sums["cross_entropy"]) == pytest.approx(hard.item(), rel=1e-5)
    assert float(sums["soft_loss"]) == pytest.approx(soft.item(), rel=1e-4)
    assert float(sums["objective"].detach()) == pytest.approx((0.3 * own + 2.8 * soft).item(), rel=1e-4)
    for ours, parameter in zip(gradients, model.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cached", [False, True])
def test_rows_of_a_student_beyond_the_tokenizer_learn_from_the_text_alone(
    teachers: list[str], tmp_path: Path, cached: bool
) -> None:
    config = tiny_config(
        tmp_path,
        training={"objective": "distillation"},
        distillation={"teachers": teachers, "cache_teachers": cached, "cache_kind": "top_k", "cache_count": VOCABULARY},
    )
    made = Distillation.build(config, tiny_tokenizer())
    made.prepare(None, CPU, TinyBlocks(8))
    found = {}
    for name, rows in (("wide", VOCABULARY + 9), ("narrow", VOCABULARY)):
        model: Any = build_model(tiny_section(), vocab_size=VOCABULARY + 9, seq_length=LENGTH, seed=5)
        # Rows that say nothing: without them the soft loss is the same.
        model.resize_token_embeddings(rows, mean_resizing=False)
        read = [{**TinyBlocks(8).block(index), "key": BlockKey(0, index, index, 0)} for index in (1, 4)]
        inputs = made.collator(training=True)(read)
        inputs.pop("counts")
        with training_network(model, made):
            sums = model(**inputs)
            sums["objective"].backward()
        found[name] = float(sums["soft_loss"]), model.get_output_embeddings().weight.grad
    assert found["wide"][0] == pytest.approx(found["narrow"][0], rel=1e-5)
    assert float(found["wide"][1][VOCABULARY:].abs().max()) > 0


def test_batchmean_counts_the_divergence_once_for_each_target_of_a_row(teachers: list[str]) -> None:
    found = []
    for reduction in ("mean", "batchmean"):
        made, model = objective(teachers, reduction=reduction, temperature=2.0), tiny_model()
        inputs = batch(made)
        inputs.pop("counts")
        with training_network(model, made):
            sums = model(**inputs)
        found.append(float(sums["objective"].detach() - 0.5 * sums["cross_entropy"]) / float(sums["soft_loss"]))
    assert found == pytest.approx([0.5 * 4, 0.5 * 4 * (LENGTH - 1)], rel=1e-4)


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_a_student_that_is_its_own_teacher_has_nothing_to_learn(tmp_path: Path, average: str) -> None:
    made = objective([teacher(tmp_path / "t", seed=7)], average=average, alpha=0.0)
    inputs = batch(made)
    inputs.pop("counts")
    for seed, same in ((7, True), (8, False)):
        model = tiny_model("GPT2", initializer_range=0.3, seed=seed)
        with training_network(model, made):
            sums = model(**inputs)
            sums["objective"].backward()
        gradient = max(float(parameter.grad.abs().max()) for parameter in model.parameters())
        assert (abs(float(sums["soft_loss"])) < 1e-3, gradient < 1e-3) == (same, same)


def test_logits_of_all_positions_never_exist(teachers: list[str]) -> None:
    made = objective(teachers)
    made.options = LossOptions(chunk=4)
    watch = LogitRows(VOCABULARY)
    model, inputs = tiny_model(seed=5), batch(made)
    inputs.pop("counts")
    with training_network(model, made), watch:
        model(**inputs)["objective"].backward()
    assert watch.sizes.count(4) > 30
    assert max(size for size in watch.sizes if size != VOCABULARY) <= 32, (
        "rows of a matrix of weights' gradients, no positions"
    )


def test_alpha_of_one_is_causal_training_bit_for_bit(tmp_path: Path, teachers: list[str]) -> None:
    found = {}
    for name, keys in (("causal", None), ("distillation", {"alpha": 1.0, "teachers": teachers})):
        _, paths = tiny_run(
            tmp_path / name,
            training={"objective": name, "max_steps": 6},
            **({} if keys is None else {"distillation": keys}),
        )
        losses = [(row["train_loss"], row["eval_loss"]) for row in read_numbers(paths.losses)]
        found[name] = losses, (paths.final / "model.safetensors").read_bytes()
    assert found["distillation"] == found["causal"]
    assert {row["soft_loss"] for row in read_numbers(paths.losses)} == {None}


def test_the_soft_loss_falls_and_does_not_depend_on_accumulation(tmp_path: Path, teachers: list[str]) -> None:
    tables = []
    for size, steps in ((8, 1), (2, 4)):
        training = {"objective": "distillation", "batch_size": size, "gradient_accumulation_steps": steps}
        _, paths = tiny_run(
            tmp_path / str(size),
            training={**training, "max_steps": 15, "lr": 1e-2},
            distillation={"teachers": teachers, "alpha": 0.2},
        )
        tables.append(read_numbers(paths.losses))
    soft = [row["soft_loss"] or 0.0 for row in tables[0]]
    assert soft[-1] < 0.9 * soft[0]
    for one, other in zip(*tables, strict=True):
        for column in ("train_loss", "soft_loss"):
            assert one[column] == pytest.approx(other[column], rel=1e-4)
    record = (paths.root / "run.json").read_text()
    assert "gpt2, " in record
    assert record.count("weight 0.5, sha256:") == 2


def test_teachers_that_cannot_teach_are_named(tmp_path: Path, teachers: list[str]) -> None:
    with pytest.raises(CheckpointError, match="no model at"):
        objective([str(tmp_path / "nowhere")])
    foreign = teacher(tmp_path / "foreign", tokenizer=tiny_tokenizer(mask=False))
    with pytest.raises(
        TokenizerError, match=r"another tokenizer \(sha256:\w{12}\.\.\., 67 entries\) than the student \(sha256:\w"
    ):
        objective([teachers[0], foreign], prepared=False)
    short = teacher(tmp_path / "short", "GPT2", max_position_embeddings=LENGTH)
    config = tiny_config(
        Path(),
        data={"seq_length": 2 * LENGTH},
        training={"objective": "distillation"},
        distillation={"teachers": [short]},
    )
    with pytest.raises(CheckpointError, match=r"reads at most 16 tokens, and data\.seq_length is 32"):
        Distillation.build(config, tiny_tokenizer()).prepare(None, CPU, TinyBlocks(8))


def test_a_teacher_of_the_hub_is_known_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--some--teacher"
    seen = []
    for commit in ("a" * 40, "b" * 40):
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "config.json").write_text("{}")
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / "main").write_text(commit)
        seen += [found_teacher("some/teacher")[1], found_teacher("some/teacher")[1]]
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_self_distillation_takes_a_finished_run_of_the_same_configuration_only(tmp_path: Path) -> None:
    def config(path: str, **model: Any) -> Any:
        return tiny_config(
            tmp_path,
            model={**tiny_model().tiny_keys, "name": "student", **model},
            training={"objective": "distillation"},
            distillation={"teachers": [path], "self_distillation": True},
        )

    _, paths = tiny_run(tmp_path, training={"max_steps": 1})
    born = tiny_config(tmp_path, model=tiny_model().tiny_keys, training={"max_steps": 1})
    paths.config.write_text(resolved_yaml(born))
    teacher_run = str(paths.root)
    assert Distillation.inputs(config(teacher_run)).keys() == {"teacher 1"}
    with pytest.raises(CheckpointError, match=r"another configuration than the student \(model\.n_layer: 2 -> 3\)"):
        Distillation.inputs(config(teacher_run, n_layer=3))
    with pytest.raises(CheckpointError, match="is no run folder of ours"):
        Distillation.inputs(config(teacher(tmp_path / "folder")))
    paths.metrics.unlink()
    with pytest.raises(CheckpointError, match="has not finished training"):
        Distillation.inputs(config(teacher_run))


def test_self_distillation_has_one_teacher(tmp_path: Path) -> None:
    for teachers in ([], ["a", "b"]):
        config = tiny_config(
            tmp_path,
            training={"objective": "distillation"},
            distillation={"teachers": teachers, "self_distillation": True},
        )
        assert "distillation.self_distillation" in dict(cross_checks(config))
