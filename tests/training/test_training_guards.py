"""What a run does when things go wrong: loss that is no number, memory, warnings; what it decides and says."""

from __future__ import annotations

import importlib.util
import re
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from training_world import FAMILY_NAMES, TinyBlocks, tiny_config, tiny_model, tiny_run, tiny_tokenizer

from babyllama import console
from babyllama.artifacts import read_json
from babyllama.device import Precision
from babyllama.errors import BabyLlamaError, CheckpointError, ConfigError, DataError, TrainingError
from babyllama.runs import RunPaths, RunRecord
from babyllama.runs.rows import read_rows
from babyllama.text import duration, perplexity
from babyllama.training import check_training, compiling, micro_batch, newest_checkpoint, train
from babyllama.training.data.batch_plan import BatchPlan
from babyllama.training.hooks.display import Display
from babyllama.training.hooks.guard import LossGuard
from babyllama.training.hooks.recorder import Recorder
from babyllama.training.hooks.state import Clock, RunState
from babyllama.training.machine import Machine
from babyllama.training.memory import out_of_memory

pytestmark = pytest.mark.integration


class PoisonedModel:
    """Makes a model's weights not a number once `blocks` have been read."""

    def __init__(self, model: Any, after: int) -> None:
        self.model, self.left = model, after

    def blocks(self) -> TinyBlocks:
        outer = self

        class Blocks(TinyBlocks):
            def block(self, index: int, offset: int = 0, documents: int = 0) -> dict[str, Any]:
                outer.left -= 1
                if outer.left == 0:
                    with torch.no_grad():
                        next(outer.model.parameters())[5:] = float("nan")
                return super().block(index, offset)

        return Blocks()


def run(folder: Path, model: Any, blocks: TinyBlocks, **sections: Any) -> RunPaths:
    config = tiny_config(folder, **sections)
    paths = RunPaths(folder / "tiny")
    train(
        config, model=model, tokenizer=tiny_tokenizer(), train_dataset=blocks, eval_dataset=None, paths=paths,
        record=RunRecord.new("tiny"),
    )  # fmt: skip
    return paths


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_way_back(tmp_path: Path) -> None:
    model = tiny_model()
    poison = PoisonedModel(model, after=8 * 4 + 3)
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, model, poison.blocks(), training={"save_steps": 2, "logging_steps": 1})
    message = str(caught.value)
    assert re.search(r"the loss of step 5 is nan \(learning rate 0\.00196, gradient norm nan\)", message)
    assert "checkpoint-4" in message
    assert "--resume_from_checkpoint" in message
    paths = RunPaths(tmp_path / "tiny")
    assert newest_checkpoint(paths) == paths.checkpoints / "checkpoint-4"
    assert [row["step"] for row in read_rows(paths.losses)] == ["1", "2", "3", "4"]
    assert not paths.final.exists()


def test_no_checkpoint_is_written_over_a_nan(tmp_path: Path) -> None:
    """With one checkpoint kept and one due in every step, the good one stays."""
    model = tiny_model()
    poison = PoisonedModel(model, after=8 * 3 + 1)
    with pytest.raises(TrainingError, match="checkpoint-3"):
        run(tmp_path, model, poison.blocks(), training={"save_steps": 1, "save_total_limit": 1})
    weights = torch.load(tmp_path / "tiny" / "checkpoints" / "checkpoint-3" / "optimizer.pt")
    assert all(torch.isfinite(state["exp_avg"]).all() for state in weights["state"].values())


def test_on_a_gpu_the_step_before_is_looked_at_and_the_current_one_before_a_checkpoint(tmp_path: Path) -> None:
    guard = LossGuard(tmp_path, learning_rate=lambda step: 1e-3 * step, immediate=False, fp16=False)
    guard.add(torch.tensor(float("nan")))
    guard.step(1, now=False)
    with pytest.raises(TrainingError, match="step 1 is nan"):
        guard.check_now()
    guard = LossGuard(tmp_path, learning_rate=lambda step: 1e-3 * step, immediate=False, fp16=False)
    guard.add(torch.tensor(float("inf")))
    guard.step(7, now=False)
    guard.add(torch.tensor(1.0))
    with pytest.raises(TrainingError, match="step 7 is inf"):
        guard.step(8, now=False)


def test_fp16_overflows_are_borne_until_the_scale_is_gone(tmp_path: Path) -> None:
    for fp16 in (False, True):
        guard = LossGuard(tmp_path, learning_rate=lambda step: 1e-3 * step, immediate=True, fp16=fp16)
        guard.add(torch.tensor(2.0))
        guard.gradient_norm = torch.tensor(float("inf"))
        if fp16:
            guard.step(1, now=False)
        else:
            with pytest.raises(TrainingError, match="gradient norm inf"):
                guard.step(1, now=False)
    guard.check_scale(9, 65536.0)
    with pytest.raises(TrainingError, match="overflows at every step"):
        guard.check_scale(9, 0.5)


def test_a_spike_is_noted_once_it_stands_out(capsys: pytest.CaptureFixture[str]) -> None:
    state = RunState()
    recorder = Recorder(
        state, Clock(state), parts={}, file=None, display=Display(100), total_steps=100, device=torch.device("cpu")
    )
    for step in range(1, 31):
        recorder.row(step, 0.1, [[3.0 if step != 30 else 4.5]], {"learning_rate": 0.1})
    text = capsys.readouterr().err
    assert text.count("loss spike") == 1
    assert "step 30: 4.500, 1.50 above" in text


def test_out_of_memory_names_keys_with_this_run_s_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config(tmp_path, training={"batch_size": 16, "gradient_accumulation_steps": 4})
    message = str(out_of_memory(config, BatchPlan(100, 16, 16, 4), torch.device("cpu")))
    assert "16 sequences of 16 tokens" in message
    assert "training.batch_size=8 training.gradient_accumulation_steps=8" in message
    assert "training.gradient_checkpointing=true" in message

    def full(*args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = tiny_model()
    monkeypatch.setattr(model.base_model, "forward", full)
    monkeypatch.setattr("babyllama.training.network.output_layer_agrees", lambda model: True)
    with pytest.raises(TrainingError, match=r"out of memory.*training\.batch_size=2"):
        run(tmp_path, model, TinyBlocks())


AUTO = {"batch_size": "auto", "effective_batch_size": 8, "gradient_accumulation_steps": 1}


def test_auto_takes_the_largest_divisor_that_fits() -> None:
    assert micro_batch.candidates(12, 1) == [12, 6, 4, 3, 2, 1]
    assert micro_batch.candidates(12, 2) == [6, 3, 2, 1]
    assert micro_batch.largest_that_fits([12, 6, 4], lambda size: size < 6) == 4
    assert micro_batch.smaller(4, 12, 1) == 3
    assert micro_batch.smaller(1, 12, 1) is None
    with pytest.raises(TrainingError, match="not even one sequence"):
        micro_batch.largest_that_fits([2, 1], lambda size: False)
    with pytest.raises(ConfigError, match="shared by 5 devices"):
        micro_batch.candidates(12, 5)


def test_auto_is_decided_once_kept_in_run_json_and_trains_like_any_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = RunPaths(tmp_path / "auto" / "tiny")
    result, _ = tiny_run(tmp_path / "auto", training={**AUTO, "save_steps": 4})
    assert result.micro_batch == 8
    assert read_json(paths.record)["decisions"]["micro_batch"] == 8
    _, plain = tiny_run(tmp_path / "plain", training={"batch_size": 8, "gradient_accumulation_steps": 1})
    losses = [[float(row["train_loss"]) for row in read_rows(p.losses)] for p in (paths, plain)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)

    def changed_mind(*args: Any) -> int:
        raise AssertionError("decided twice")

    monkeypatch.setattr(micro_batch, "choose", changed_mind)
    result, _ = tiny_run(
        tmp_path / "auto", resume=paths.checkpoints / "checkpoint-8", training={**AUTO, "save_steps": 4}
    )
    assert (result.micro_batch, result.resumed_from_step, result.steps) == (8, 8, 10)


def test_auto_halves_when_memory_runs_out_and_goes_on_from_the_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model's layers refuse more than two sequences from the seventh forward pass on, as a filling GPU would."""
    model = tiny_model()
    calls = [0]

    def limited(module: Any, args: Any, kwargs: Any) -> None:
        calls[0] += 1
        if calls[0] > 7 and len(kwargs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.base_model.register_forward_pre_hook(limited, with_kwargs=True)
    result, paths = tiny_run(tmp_path, model=model, training={**AUTO, "save_steps": 2}, eval_blocks=0)
    assert (result.micro_batch, result.accumulation, result.steps) == (2, 4, 10)
    assert result.resumed_from_step is not None
    assert RunRecord.load(paths).decisions.micro_batch == 2
    said = capsys.readouterr().err
    assert "out of memory with 8 sequences at once: going on with 4" in said
    assert "out of memory with 4 sequences at once: going on with 2" in said
    _, plain = tiny_run(tmp_path / "plain", training={"batch_size": 8, "gradient_accumulation_steps": 1}, eval_blocks=0)
    losses = [[float(row["train_loss"]) for row in read_rows(p.losses)] for p in (paths, plain)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_the_run_says_its_arithmetic_its_warnings_and_its_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny_config(tmp_path, training={"warmup_steps": 200, "logging_steps": 5})
    train(
        config, model=tiny_model(), tokenizer=tiny_tokenizer(), train_dataset=TinyBlocks(),
        eval_dataset=TinyBlocks(4), paths=RunPaths(tmp_path / "tiny"), record=RunRecord.new("tiny"),
    )  # fmt: skip
    out, said = capsys.readouterr()
    assert out == ""
    assert "4 sequences x 2 accumulation x 1 device = 8 sequences = 128 tokens per step" in said
    assert "40 blocks, 5 steps per epoch, 10 steps in all" in said
    assert "warmup_steps = 200 is not shorter than the run of 10 steps" in said
    assert re.search(r"step 5/10  epoch 1\.00  loss \d\.\d{3}  [\d,]+ tokens/s  \d+s left  lr \d\.\d\de-0\d", said)
    assert re.search(r"step 10: held-out block loss \d\.\d{4}, perplexity \d+\.\d\d", said)
    assert re.search(r"trained 10 steps in \d+s: 1,270 tokens, 988 words", said)
    assert "Warning" not in said
    assert "{'loss'" not in said


def test_a_terminal_gets_a_bar_and_notes_do_not_tear_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    row = {"step": 3, "epoch": 0.5, "train_loss": 4.25, "tokens_per_second": 12345.6, "learning_rate": 1e-3}
    display = Display(10, first_step=2)
    with display.shown():
        display.row(row, 65)
        display.step(3)
        display.step(4)
        console.say("a note")
        time.sleep(0.5)  # the bar is drawn ten times a second
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).strip() for line in re.split(r"[\r\n]+", screen.getvalue())]
    assert any("step 4/10  loss 4.250  12,346 tokens/s  1:05 left" in line for line in lines)
    assert "a note" in lines
    console.say("afterwards")
    assert screen.getvalue().endswith("afterwards\n")


def test_quiet_is_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from babyllama.console import quiet

    with quiet():
        tiny_run(tmp_path)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("asked", ["fp16", "bf16", "auto"])
def test_a_format_this_machine_lacks_trains_in_another(tmp_path: Path, asked: str) -> None:
    from babyllama.device import choose_device, choose_precision

    config = tiny_config(tmp_path, training={"precision": asked, "device": "cpu", "max_steps": 2})
    expected = choose_precision(config.training, choose_device("cpu")).name
    result, _ = tiny_run(tmp_path, training={"precision": asked, "device": "cpu", "max_steps": 2})
    assert result.precision == expected != "fp16"


def test_bf16_autocast_keeps_weights_and_optimizer_in_fp32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("babyllama.device.has_fast_bf16", lambda device: True)
    model = tiny_model()
    losses = []
    for precision in ("fp32", "bf16"):
        result, paths = tiny_run(
            tmp_path / precision, model=tiny_model(), training={"precision": precision, "max_steps": 4}
        )
        assert result.precision == precision
        losses.append([float(row["train_loss"]) for row in read_rows(paths.losses)])
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], abs=0.05)
    state = torch.load(paths.checkpoints / "checkpoint-4" / "optimizer.pt")["state"]
    assert {tensor.dtype for entry in state.values() for tensor in entry.values()} == {torch.float32}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_gradient_checkpointing_changes_nothing_but_memory(tmp_path: Path, family: str) -> None:
    found = []
    for on in (False, True):
        model = tiny_model(family, dropout=0.1)
        _, paths = tiny_run(tmp_path / str(on), model=model, training={"gradient_checkpointing": on, "max_steps": 4})
        found.append([float(row["train_loss"]) for row in read_rows(paths.losses)])
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_compiling_pays_only_in_long_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config(Path(), training={"torch_compile": "auto"})
    plan, cpu = BatchPlan(40, 16, 4, 2), Machine(torch.device("cpu"), Precision("fp32", ""))
    monkeypatch.setattr(compiling, "missing_compiler", lambda device: None)
    monkeypatch.setattr(compiling, "micro_batch_seconds", lambda *args: 0.5)
    assert not compiling.should_compile(None, config, None, plan, cpu, total_steps=10)
    assert "torch_compile auto: off (about 2s to gain in a run of 10s, 1:00 to compile)" in capsys.readouterr().err
    assert compiling.should_compile(None, config, None, plan, cpu, total_steps=2000)
    assert not compiling.should_compile(None, tiny_config(Path()), None, plan, cpu, total_steps=2000)
    monkeypatch.setattr(compiling, "missing_compiler", lambda device: "there is no compiler")
    asked = tiny_config(Path(), training={"torch_compile": True})
    assert not compiling.should_compile(None, asked, None, plan, cpu, total_steps=2000)
    assert "there is no compiler: training without it" in capsys.readouterr().err


@pytest.mark.unit
@pytest.mark.parametrize("section", ["training", "optimization", "logging"])
def test_every_key_is_read_somewhere(section: str) -> None:
    """A key without an effect would be a lie in the configuration reference."""
    package = Path(compiling.__file__).parents[1]
    rooms = [
        *package.glob("training/**/*.py"),
        *package.glob("settings/*.py"),
        *package.glob("config/sections/__init__.py"),
        *package.glob("*.py"),
    ]
    code = "\n".join(path.read_text() for path in rooms)
    for key in type(getattr(tiny_config(Path()), section)).model_fields:
        assert re.search(rf"(training|section|optimization|logging)\.{key}\b", code), key


@pytest.mark.parametrize(
    ("sections", "eval_blocks", "resume", "error", "message"),
    [
        ({"training": {"keep_best": True}}, None, None, ConfigError, r"data\.eval_path"),
        ({}, 0, None, TrainingError, r"data\.eval_path: the text fills no block"),
        ({"training": {"batch_size": 3, "effective_batch_size": 8}}, 6, None, ConfigError, "not a multiple"),
        ({"training": {"batch_size": "auto"}}, 6, None, ConfigError, "needs training.effective_batch_size"),
        ({"logging": {"report_to": ["trackio"]}}, 6, None, ConfigError, "trackio is not installed"),
        ({"training": {"blimp_every_words": 100}}, 6, None, DataError, "/none/here"),
        ({}, 6, "none/checkpoint-3", CheckpointError, "does not exist"),
        ({}, 6, ".", CheckpointError, "damaged"),
    ],
)
def test_what_a_user_can_mend_is_found_before_anything_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sections: dict[str, Any],
    eval_blocks: int | None,
    resume: str | None,
    error: type[BabyLlamaError],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    installed = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "trackio" else installed(name))
    config = tiny_config(tmp_path, **{"evaluation": {"blimp_data": "/none/here"}, **sections})
    given: dict[str, Any] = {
        "resume": resume,
        "train_dataset": TinyBlocks(),
        "eval_dataset": None if eval_blocks is None else TinyBlocks(eval_blocks, seed=1, ragged=False),
    }
    check_training(tiny_config(tmp_path), **{**given, "resume": "newest", "eval_dataset": None})
    with pytest.raises(error, match=message):
        check_training(config, **given)
    assert list(tmp_path.iterdir()) == []


def test_numbers_as_a_person_reads_them() -> None:
    assert [duration(x) for x in (0.4, 59.6, 61, 3600, 7325)] == ["0s", "1:00", "1:01", "1:00:00", "2:02:05"]
    assert duration(float("inf")) == "?"
    assert perplexity(0.0) == 1.0
    assert perplexity(1e6) == float("inf")
