"""Muon against torch's, parameter groups, schedules by hand, the moving average."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from training_world import FAMILY_NAMES, tiny_config, tiny_model, tiny_run

from babyllama.config.tables import OPTIMIZERS
from babyllama.errors import ConfigError
from babyllama.runs.rows import read_rows
from babyllama.training.optim import muon
from babyllama.training.optim.average import WeightAverage
from babyllama.training.optim.groups import ParameterGroups
from babyllama.training.optim.muon import Muon, build_muon, orthogonalize
from babyllama.training.optim.schedule import Schedule

pytestmark = pytest.mark.unit


def names(model: Any, parameters: list[Any]) -> set[str]:
    by_id = {id(parameter): name for name, parameter in model.named_parameters()}
    return {by_id[id(parameter)] for parameter in parameters}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_every_parameter_is_in_one_group_and_norms_and_biases_are_not_decayed(family: str, tied: bool) -> None:
    model = tiny_model(family, tied=tied)
    groups = ParameterGroups.of(model)
    found = [names(model, part) for part in (groups.hidden_matrices, groups.other_matrices, groups.vectors)]
    assert sum(map(len, found)) == len(list(model.parameters()))
    assert set.union(*found) == {name for name, _ in model.named_parameters()}
    ends = {
        name for name, _ in model.named_parameters() if any(end in name for end in ("embed", "wte", "wpe", "lm_head.w"))
    }
    assert found[1] == ends
    assert all(("norm" in name or "ln_" in name or "bias" in name) for name in found[2])
    for choice in ("adamw", "muon"):
        optimizer = OPTIMIZERS.get(choice)(
            model, tiny_config(Path(), model={"type": family}, optimization={"optimizer": choice, "weight_decay": 0.3})
        )
        decay = {name: g["weight_decay"] for g in optimizer.param_groups for name in names(model, g["params"])}
        assert decay == {name: 0.0 if name in found[2] else 0.3 for name, _ in model.named_parameters()}
        rates = {name: g["lr"] for g in optimizer.param_groups for name in names(model, g["params"])}
        assert rates == {
            name: 0.02 if choice == "muon" and name in found[0] else 3e-3 for name, _ in model.named_parameters()
        }


def test_orthogonalized_matrices_have_singular_values_around_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "has_fast_bf16", lambda device: False)
    torch.manual_seed(0)
    for shape in ((5, 24, 40), (2, 40, 24), (1, 32, 32)):
        matrices = torch.randn(shape)
        result = orthogonalize(matrices)
        values = torch.linalg.svdvals(result)
        assert 0.4 < float(values.min()) <= float(values.max()) < 1.3
        # The singular directions stay: U^T X V is diagonal.
        u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
        core = u.mT @ result @ vh.mT
        assert float((core - torch.diag_embed(torch.diagonal(core, dim1=-2, dim2=-1))).abs().max()) < 1e-3


def test_muon_steps_are_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch orthogonalises in bf16; ours does too here, where the question is momentum, decay and learning rate."""
    monkeypatch.setattr(muon, "has_fast_bf16", lambda device: True)
    torch.manual_seed(0)
    shapes = [(24, 24), (48, 24), (24, 48), (24, 24)]
    start = [torch.randn(shape) for shape in shapes]
    ours, theirs = ([torch.nn.Parameter(x.clone()) for x in start] for _ in range(2))
    pair = (
        (Muon(ours, lr=0.02, momentum=0.95, weight_decay=0.1), ours),
        (torch.optim.Muon(theirs, lr=0.02, momentum=0.95, weight_decay=0.1), theirs),
    )
    for step in range(4):
        for optimizer, parameters in pair:
            generator = torch.Generator().manual_seed(step)
            for parameter in parameters:
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            optimizer.step()
    for one, other, begin in zip(ours, theirs, start, strict=True):
        moved = (other - begin).norm()
        assert (one - other).norm() < 0.02 * moved


def muon_config(family: str) -> Any:
    return tiny_config(Path(), model={"type": family}, optimization={"optimizer": "muon", "weight_decay": 0.0})


def three_maps() -> torch.Tensor:
    """[3, 32, 32]: orthogonal gradients of very different size; the update of each map must not know of the others."""
    torch.manual_seed(0)
    return torch.linalg.qr(torch.randn(3, 32, 32))[0] * torch.tensor([10.0, 1.0, 0.1]).view(3, 1, 1)


def check_updates(updates: list[torch.Tensor]) -> None:
    for update in updates:
        values = torch.linalg.svdvals(update / 0.02)
        assert 0.4 < float(values.min()) <= float(values.max()) < 1.3


def test_muon_sees_the_maps_inside_a_stored_matrix() -> None:
    """GPT-2 stores [in, out] and query, key, value side by side: the update is that of three [out, in] matrices."""
    model = tiny_model("GPT2")
    weight = model.transformer.h[0].attn.c_attn.weight
    assert tuple(weight.shape) == (32, 96)
    optimizer = build_muon(model, muon_config("GPT2"))
    before, weight.grad = weight.detach().clone(), three_maps().flatten(0, 1).T.contiguous()
    optimizer.step()
    check_updates(list((before - weight.detach()).T.split(32)))


def test_muon_sees_the_heads_inside_a_stored_matrix() -> None:
    """GPT-NeoX stores each head's query, key and value together: the update is that of three matrices over all heads."""
    model = tiny_model("GPTNeoX")
    weight = model.gpt_neox.layers[0].attention.query_key_value.weight
    assert tuple(weight.shape) == (96, 32)
    optimizer = build_muon(model, muon_config("GPTNeoX"))
    by_head = three_maps().view(3, 2, 16, 32).transpose(0, 1)  # [head, part, 16, 32]
    before, weight.grad = weight.detach().clone(), by_head.reshape(96, 32).contiguous()
    optimizer.step()
    update = (before - weight.detach()).view(2, 3, 16, 32)
    check_updates([update[:, part].reshape(32, 32) for part in range(3)])


def test_joint_optimizer_state_round_trip_and_scheduling() -> None:
    config = tiny_config(Path(), model={"type": "GPTJ"}, optimization={"optimizer": "muon"})

    def trained(steps: int, model: Any, optimizer: Any, scheduler: Any, first: int = 0) -> None:
        for step in range(first, first + steps):
            generator = torch.Generator().manual_seed(step)
            for parameter in model.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            optimizer.step()
            scheduler.step()

    def fresh() -> tuple[Any, Any, Any]:
        model = tiny_model("GPTJ")
        optimizer = OPTIMIZERS.get(config.optimization.optimizer)(model, config)
        return model, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, Schedule.from_config(config, 10))

    whole, part, rest = fresh(), fresh(), fresh()
    trained(4, *whole)
    trained(2, *part)
    rest[0].load_state_dict(part[0].state_dict())
    rest[1].load_state_dict(part[1].state_dict())
    rest[2].load_state_dict(part[2].state_dict())
    trained(2, *rest, first=2)
    for one, other in zip(whole[0].parameters(), rest[0].parameters(), strict=True):
        assert torch.equal(one, other)
    # The scheduler reaches the groups of both inner optimizers, after a reload too.
    expected = Schedule.from_config(config, 10)(4)
    assert [g["lr"] for g in rest[1].parts[0].param_groups] == [pytest.approx(0.02 * expected)]
    assert rest[1].parts[1].param_groups[0]["lr"] == pytest.approx(3e-3 * expected)


def factors(kind: str, **more: Any) -> list[float]:
    schedule = Schedule(kind, 20, 4, **more)  # type: ignore[arg-type]
    return [schedule(step) for step in range(20)]


def test_schedules_by_hand() -> None:
    warm = [0.25, 0.5, 0.75, 1.0]
    assert factors("constant") == warm + [1.0] * 16
    assert factors("linear")[3:6] == [1.0, 1.0, pytest.approx(15 / 16)]
    assert factors("cosine")[12] == pytest.approx(0.5)
    assert factors("cosine")[4] == 1.0
    assert factors("cosine", min_ratio=0.1)[19] == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 15 / 16)))
    wsd = factors("wsd", cooldown_fraction=0.25)
    assert wsd[:16] == warm + [1.0] * 12
    assert wsd[16:] == [pytest.approx(x) for x in (0.8, 0.6, 0.4, 0.2)]


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant", "wsd"])
def test_schedules_never_leave_their_bounds(kind: str) -> None:
    for total, warmup in ((1, 0), (3, 200), (50, 10), (50, 49)):
        schedule = Schedule(kind, total, warmup, min_ratio=0.1)  # type: ignore[arg-type]
        values = [schedule(step) for step in range(total + 2)]
        assert all(0 < value <= 1 for value in values)
        assert (schedule.warning() is not None) == (warmup >= total)


def test_learning_rate_in_losses_csv_is_the_one_the_step_used(tmp_path: Path) -> None:
    sections: dict[str, Any] = {"training": {"warmup_steps": 4}, "optimization": {"schedule": "linear"}}
    _, paths = tiny_run(tmp_path, **sections)
    schedule = Schedule("linear", 10, 4)
    rates = [float(row["learning_rate"]) for row in read_rows(paths.losses)]
    assert rates == [pytest.approx(3e-3 * schedule(step), rel=1e-5) for step in range(10)]


def test_average_of_the_weights_by_hand(tmp_path: Path) -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, 1.0)
    average = WeightAverage(model, 0.5)
    expected = 1.0
    for step, value in enumerate((3.0, -1.0, 5.0, 2.0), start=1):
        torch.nn.init.constant_(model.weight, value)
        average.update(model, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    with average.applied(model):
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 2.0
    average.save(tmp_path)
    other = WeightAverage(model, 0.5)
    other.load(tmp_path)
    with other.applied(model):
        assert model.weight.item() == pytest.approx(expected)


def test_the_average_is_what_is_evaluated_and_shipped(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    _, plain = tiny_run(tmp_path / "plain")
    result, averaged = tiny_run(tmp_path / "averaged", optimization={"ema_decay": 0.99})
    losses = [[row["train_loss"] for row in read_rows(paths.losses)] for paths in (plain, averaged)]
    assert losses[0] == losses[1], "the average does not touch training"
    checkpoint = averaged.checkpoints / "checkpoint-10"
    kept, shipped = load_file(checkpoint / "ema.safetensors"), load_file(averaged.final / "model.safetensors")
    assert all(torch.equal(kept[name], shipped[name]) for name in shipped)
    assert not torch.equal(shipped["lm_head.weight"], load_file(checkpoint / "model.safetensors")["lm_head.weight"])
    assert result.eval_loss == pytest.approx(float(read_rows(averaged.losses)[-1]["eval_loss"]), abs=1e-7)


def test_muon_needs_hidden_matrices() -> None:
    class Bag(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(4, 2)

    with pytest.raises(ConfigError, match="no hidden matrices"):
        build_muon(Bag(), tiny_config(Path(), optimization={"optimizer": "muon"}))
