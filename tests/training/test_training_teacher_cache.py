"""The teacher cache: an estimate without bias, the same blocks as live teachers, and never one of something else."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from logit_rows import LogitRows
from test_training_distillation import CPU, IGNORED, teacher
from training_world import LENGTH, VOCABULARY, TinyBlocks, tiny_config, tiny_model, tiny_run, tiny_tokenizer

from babyllama.artifacts import Manifest
from babyllama.runs.rows import read_numbers
from babyllama.training.data.batches import TrainingBlocks
from babyllama.training.data.blocks import BlockKey
from babyllama.training.network import training_network
from babyllama.training.objectives import distillation as distillation_module
from babyllama.training.objectives.cross_entropy import LossOptions
from babyllama.training.objectives.distillation import Distillation
from babyllama.training.objectives.soft_loss import SoftOptions, soft_loss
from babyllama.training.objectives.teacher_cache import CacheShape
from babyllama.training.objectives.teacher_samples import draw, kept_soft_loss, likeliest

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two of different families."""
    root = tmp_path_factory.mktemp("teachers")
    return [teacher(root / "gpt2", "GPT2", seed=3), teacher(root / "llama", "Llama", seed=4)]


def objective(folder: Path, paths: list[str], *, blocks: Any = None, seed: int = 42, **keys: Any) -> Distillation:
    """A prepared objective; `cache_teachers=False` among the keys gives live teachers."""
    keys = {"cache_teachers": True, "teachers": paths, "temperature": 1.5, "alpha": 0.3, **keys}
    config = tiny_config(folder, training={"objective": "distillation", "seed": seed}, distillation=keys)
    made = Distillation.build(config, tiny_tokenizer())
    made.prepare(None, CPU, blocks or TinyBlocks(8))
    return made


def sums_and_gradient(made: Distillation, *indices: int) -> tuple[np.ndarray, np.ndarray]:
    """(objective, cross-entropy, soft loss) of some blocks for one student, and the gradient of the objective."""
    blocks = TrainingBlocks(TinyBlocks(8))
    rows = [blocks[BlockKey(0, place, index, 0)] for place, index in enumerate(indices or (4, 1, 7))]
    inputs, model = made.collator(training=True)(rows), tiny_model(seed=5)
    inputs.pop("counts")
    with training_network(model, made):
        sums = model(**inputs)
        sums["objective"].backward()
    gradient = torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).numpy()
    names = ("objective", "cross_entropy", "soft_loss")
    return np.array([sums[name].item() for name in names], dtype=np.float64), gradient.astype(np.float64)


def assert_same_in_expectation(found: np.ndarray, wanted: np.ndarray) -> None:
    """The mean of found [R, ...] is `wanted` within five standard errors, and the standard errors are small enough to tell."""
    error = found.std(0, ddof=1) / np.sqrt(len(found))
    scale = np.abs(wanted).max()
    assert (np.abs(found.mean(0) - wanted) < 5 * error + 2e-5 * scale).all()
    assert error.max() < 0.05 * scale
    assert found.std(0).max() > 1e-4 * scale, "every sample the same: nothing was drawn"


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_loss_and_gradient_from_a_sample_are_those_of_the_whole_distribution_in_expectation(temperature: float) -> None:
    torch.manual_seed(0)
    logits, log_p = 2 * torch.randn(12, 30), torch.log_softmax(2 * torch.randn(12, 30), 1)
    valid, options = torch.arange(12) % 5 > 0, SoftOptions(0.5, temperature)
    # The start is the only chance there is, so a mean over evenly spaced starts is the expectation itself.
    starts = (torch.arange(4000) + 0.5) / 4000
    found = [kept_soft_loss(logits, draw(log_p, start.expand(12), 4), valid, options) for start in starts]
    loss, gradient = soft_loss(logits, log_p, valid, options)
    assert max(float((one - loss).abs().max()) for one, _ in found) > 0.1
    torch.testing.assert_close(torch.stack([one for one, _ in found]).mean(0), loss, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(torch.stack([one for _, one in found]).mean(0), gradient, rtol=1e-3, atol=2e-4)


def test_a_sample_has_every_id_as_often_as_its_probability_says_up_to_one() -> None:
    torch.manual_seed(0)
    log_p = torch.log_softmax(3 * torch.randn(50, 40), 1)
    for count in (1, 16, 300):
        ids = draw(log_p, torch.rand(50), count).ids_nK
        times = torch.zeros(50, 40).scatter_add_(1, ids, torch.ones(50, count))
        assert ids.shape == (50, count)
        assert float((times - count * log_p.exp()).abs().max()) < 1 + 1e-4


def test_the_gradient_is_that_of_the_loss_from_what_is_kept() -> None:
    torch.manual_seed(0)
    logits, log_p = torch.randn(20, 30, requires_grad=True), torch.log_softmax(torch.randn(20, 30), 1)
    valid = torch.arange(20) % 5 > 0
    log_q = torch.log_softmax(logits / 1.7, 1)
    sample, best = draw(log_p, torch.rand(20), 6), likeliest(log_p, 6)
    assert best.probability_nK is not None
    p, rest = best.probability_nK, 1 - best.probability_nK.sum(1)
    chosen = log_q.gather(1, best.ids_nK)
    with_tail = (p * (p.log() - chosen)).sum(1) + rest * (rest.log() - (1 - chosen.exp().sum(1)).log())
    entropy = -(log_p.exp() * log_p).sum(1)
    for kept, wanted in ((sample, -log_q.gather(1, sample.ids_nK).mean(1) - entropy), (best, with_tail)):
        found, gradient = kept_soft_loss(logits.detach(), kept, valid, SoftOptions(0.5, 1.7))
        torch.testing.assert_close(found, (wanted * valid).detach(), rtol=1e-4, atol=1e-6)
        reference = torch.autograd.grad((wanted * valid).sum(), logits, retain_graph=True)[0]
        torch.testing.assert_close(gradient, reference, rtol=1e-3, atol=1e-6)


def test_the_likeliest_ids_are_biased_below_and_exact_with_all_of_them() -> None:
    torch.manual_seed(0)
    logits, log_p = torch.randn(20, 30), torch.log_softmax(torch.randn(20, 30), 1)
    valid, options = torch.ones(20, dtype=torch.bool), SoftOptions(0.5, 2.0)
    whole, gradient = soft_loss(logits, log_p, valid, options)
    some, _ = kept_soft_loss(logits, likeliest(log_p, 5), valid, options)
    assert bool((some < whole).all())
    every, same = kept_soft_loss(logits, likeliest(log_p, 30), valid, options)
    torch.testing.assert_close(every, whole, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(same, gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 0.7])
def test_the_quick_way_of_a_sample_is_the_general_one(tmp_path: Path, teachers: list[str], temperature: float) -> None:
    """The general way is taken where label smoothing, here of next to nothing, belongs to the cross-entropy alone."""
    made = objective(tmp_path, teachers, temperature=temperature)
    made.options = LossOptions(chunk=7)
    quick = sums_and_gradient(made)
    made.options = LossOptions(label_smoothing=1e-12, chunk=7)
    general = sums_and_gradient(made)
    np.testing.assert_allclose(quick[0], general[0], rtol=1e-5)
    np.testing.assert_allclose(quick[1], general[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 1.5])
def test_cached_and_live_teachers_agree_in_expectation(
    tmp_path: Path, teachers: list[str], temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over many seeds of the cache: the objective, the soft loss, and the gradient of every weight of the student."""
    keys = {"temperature": temperature, "cache_count": 8}
    live = objective(tmp_path, teachers, cache_teachers=False, **keys)
    monkeypatch.setattr(Distillation, "_load", lambda self, machine: live.teachers)
    wanted, slope = sums_and_gradient(live)
    found = [sums_and_gradient(objective(tmp_path / str(seed), teachers, seed=seed, **keys)) for seed in range(40)]
    losses = np.stack([sums for sums, _ in found])
    assert np.ptp(losses[:, 1]) == 0
    assert losses[0, 1] == pytest.approx(wanted[1], rel=1e-6)
    assert_same_in_expectation(losses[:, [0, 2]], wanted[[0, 2]])
    gradients = np.stack([gradient for _, gradient in found])
    # Of thousands of weights many are far from normal: so in some directions, and all together.
    directions = np.random.default_rng(0).choice([-1.0, 1.0], (50, len(slope)))
    projected, aim = gradients @ directions.T, directions @ slope
    error = projected.std(0, ddof=1) / np.sqrt(len(projected))
    assert (np.abs(projected.mean(0) - aim) < 4 * error).all()
    noise = (gradients.var(0, ddof=1) / len(gradients)).sum()
    distance = ((gradients.mean(0) - slope) ** 2).sum()
    assert 0.6 * noise < distance < 1.5 * noise
    assert distance < 0.05 * (slope**2).sum()


def test_a_cached_run_is_the_live_one_where_everything_is_kept(tmp_path: Path, teachers: list[str]) -> None:
    """All likeliest ids are the distribution: blocks, positions and documents are those that live teachers read."""
    tables = {}
    for name, keys in (("live", {}), ("cached", {"cache_teachers": True, "cache_kind": "top_k", "cache_count": 1000})):
        _, paths = tiny_run(
            tmp_path / name,
            training={"objective": "distillation", "num_epochs": 3, "lr": 1e-2},
            distillation={"teachers": teachers, "alpha": 0.2, "temperature": 2.0, **keys},
        )
        tables[name] = read_numbers(paths.losses)
        assert (paths.root / "run.json").read_text().count("weight 0.5, sha256:") == 2
    assert "640 positions x 67 likeliest ids" in (paths.root / "run.json").read_text()
    soft = [row["soft_loss"] or 0.0 for row in tables["live"]]
    assert soft[-1] < 0.9 * soft[0]
    for one, other in zip(*tables.values(), strict=True):
        for column in ("train_loss", "soft_loss", "eval_loss"):
            assert one[column] == (None if other[column] is None else pytest.approx(other[column], rel=2e-3))


def test_the_loss_does_not_depend_on_accumulation(tmp_path: Path, teachers: list[str]) -> None:
    tables = []
    for size, steps in ((8, 1), (2, 4)):
        training = {"objective": "distillation", "batch_size": size, "gradient_accumulation_steps": steps}
        _, paths = tiny_run(
            tmp_path / str(size),
            training={**training, "max_steps": 7},
            distillation={"teachers": teachers, "cache_teachers": True, "cache_count": 4},
        )
        tables.append(read_numbers(paths.losses))
    for one, other in zip(*tables, strict=True):
        for column in ("train_loss", "soft_loss"):
            assert one[column] == pytest.approx(other[column], rel=1e-4)


def test_a_cache_that_fits_is_reused_without_its_teachers_and_any_other_is_made_again(
    tmp_path: Path, teachers: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changing = teacher(tmp_path / "changing", "GPT2", seed=8)
    folder = [*teachers, changing]
    first = objective(tmp_path, folder)
    assert first.cache is not None
    said = capsys.readouterr().err
    assert "128 positions x 32 sampled ids, 9 kB; teachers read the text once" in said
    assert said.index("teachers read the text once") < said.index("teacher: gpt2")
    assert sum((first.cache.path / name).stat().st_size for name in first.cache.shape.files) == first.cache.shape.bytes

    loaded: list[str] = []
    load = distillation_module.load_teacher
    monkeypatch.setattr(
        distillation_module,
        "load_teacher",
        lambda path, *more, **keys: loaded.append(path) or load(path, *more, **keys),
    )
    wanted = sums_and_gradient(first)[0]
    again = objective(tmp_path, folder)
    assert "up to date, reused" in capsys.readouterr().err
    assert loaded == []
    assert (sums_and_gradient(again)[0] == wanted).all()
    assert again.facts() == first.facts()

    def made_again(reason: str, **keys: Any) -> None:
        objective(tmp_path, folder, **keys)
        assert f"made again ({reason}" in capsys.readouterr().err
        assert loaded == folder
        loaded.clear()

    made_again("changed input: text", blocks=TinyBlocks(8, seed=3))
    made_again("changed input: text")
    teacher(tmp_path / "changing", "GPT2", seed=9)
    made_again("changed input: teacher 3")
    ids = first.cache.path / "ids.bin"
    ids.write_bytes(ids.read_bytes()[:-1])
    made_again("ids.bin has 8,191 bytes instead of 8,192")
    (first.cache.path / "manifest.json").write_text("{}")
    made_again("its manifest.json is damaged")
    for keys in ({"seed": 1}, {"temperature": 1.0}, {"cache_count": 4}, {"average": "logits"}, {"cache_kind": "top_k"}):
        other = objective(tmp_path, folder, **keys)  # type: ignore[arg-type]
        assert other.cache is not None
        assert other.cache.path != first.cache.path
    assert "up to date" not in capsys.readouterr().err


def test_alpha_of_one_makes_no_cache(tmp_path: Path) -> None:
    assert objective(tmp_path, [str(tmp_path / "nobody")], alpha=1.0).cache is None
    assert not (tmp_path / "packed").exists()


def test_a_cache_goes_to_the_loader_s_processes_without_its_maps(tmp_path: Path, teachers: list[str]) -> None:
    made = objective(tmp_path, teachers)
    assert made.cache is not None
    entries = made.cache.entries([5, -1, 2])
    copy = pickle.loads(pickle.dumps(made.collator(training=True)))
    assert len(pickle.dumps(copy)) < 4000
    for name, entry in copy.cache.entries([5, -1, 2]).items():
        assert torch.equal(entry, entries[name])
    assert entries["teacher_ids"].shape == (3, LENGTH, 32)


def test_logits_of_all_positions_never_exist(tmp_path: Path, teachers: list[str]) -> None:
    """Neither while the teachers read, whose chunks hold many positions here, nor while the student learns."""
    watch = LogitRows(VOCABULARY)
    with pytest.MonkeyPatch.context() as patch, watch:
        patch.setattr("babyllama.training.objectives.teacher_cache.chunk_tokens", lambda vocabulary, device: 4)
        made = objective(tmp_path, teachers)
    assert watch.sizes.count(4) > 100
    assert max(size for size in watch.sizes if size != VOCABULARY) <= 32
    watch.sizes.clear()
    made.options = LossOptions(chunk=4)
    with watch:
        sums_and_gradient(made)
    assert watch.sizes.count(4) > 30
    assert max(size for size in watch.sizes if size != VOCABULARY) <= 32


def test_a_large_vocabulary_has_wider_ids() -> None:
    for vocabulary, each in ((1 << 16, 2), ((1 << 16) + 1, 4)):
        assert CacheShape(3, 5, 7, vocabulary, "sample").bytes == 3 * 5 * (7 * each + 4)
        assert CacheShape(3, 5, 7, vocabulary, "top_k").bytes == 3 * 5 * (7 * (each + 2) + 4)


def test_a_block_without_targets_adds_nothing(tmp_path: Path, teachers: list[str]) -> None:
    """What a device reads that gets no block of the last micro-batch."""
    made = objective(tmp_path, teachers)
    alone, filled = sums_and_gradient(made, 4), sums_and_gradient(made, 4, -1)
    np.testing.assert_allclose(alone[0], filled[0], rtol=1e-6)
    np.testing.assert_allclose(alone[1], filled[1], atol=1e-6)
    assert IGNORED == -100


def test_a_cache_says_what_went_in(tmp_path: Path, teachers: list[str]) -> None:
    made = objective(tmp_path, teachers, weights=[2.0, 1.0])
    assert made.cache is not None
    manifest = Manifest.read(made.cache.path)
    assert manifest is not None
    assert set(manifest.inputs) == {"teacher 1", "teacher 2", "text"}
    assert manifest.settings["weights"] == [2.0, 1.0]
    assert manifest.settings["precision"] == "fp32"
