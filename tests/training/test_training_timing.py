"""How long a run will take, and configurations from measured rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from babyllama.cli import main
from babyllama.errors import ConfigError
from babyllama.settings import config_from_values, load_config
from babyllama.training import suggest as suggesting
from babyllama.training.machine import Machine
from babyllama.training.timing import MOST_TOKENS, SHORT, StepTime, on_the_line, step_time

pytestmark = pytest.mark.integration


def configuration(**model: Any) -> Any:
    sizes = {"type": "Llama", "hidden_size": 32, "n_layer": 2, "n_head": 2, "name": "tiny"} | model
    training = {"batch_size": 4, "precision": "fp32", "device": "cpu"}
    return config_from_values({"data": {"seq_length": 16}, "model": sizes, "training": training})


def test_the_time_of_a_step_is_a_line_over_layers_and_grows_with_the_passes() -> None:
    tried = [(1.0 + 10.0 * layers, 0.5 * layers) for layers in SHORT]
    assert on_the_line(tried, 5, 12.0) == StepTime(passes=12 * 51.0, update=2.5)
    noise = [(11.0, 0.5), (10.0, 0.4)]
    assert on_the_line(noise, 5, 1.0) == StepTime(passes=11.0, update=0.5), "a deeper model is never quicker"


def test_more_rows_than_are_tried_take_as_much_longer() -> None:
    """4,096 tokens are tried at most: a thousand times as many rows take a thousand times as long, whatever the machine does."""
    config = configuration(hidden_size=8, intermediate_size=8)
    machine, most = Machine.here(config.training), MOST_TOKENS // config.data.seq_length
    few, many = (
        step_time(config, vocab_size=64, micro_batch=rows, accumulation=1, machine=machine, seconds=0.02)
        for rows in (most, 1000 * most)
    )
    assert few is not None
    assert many is not None
    assert 50 < many.passes / few.passes < 20_000


def test_a_model_too_large_to_be_tried_has_no_time() -> None:
    config = configuration(hidden_size=20_000)
    machine = Machine.here(config.training)
    assert step_time(config, vocab_size=64, micro_batch=1, accumulation=1, machine=machine) is None


def test_the_plan_says_how_long_training_takes(small_text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small_text.parent / "c.yaml").write_text(
        "data: {train_path: text, eval_path: null, tokenizer_path: ./tok.json, seq_length: 16}\n"
        "tokenizer: {vocab_size: 300}\n"
        "model: {type: Llama, hidden_size: 16, n_layer: 2, n_head: 2}\n"
        "training: {max_steps: 10, batch_size: 2, threads: 1, device: cpu}\n"
    )
    assert main(["train", "--config", "c.yaml", "--dry-run"]) == 0
    assert "time        about " in capsys.readouterr().out


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which a step takes a second for each 128 of the width."""

    def step(config: Any, **_: Any) -> StepTime:
        return StepTime(config.model.hidden_size / 128, 0.0)

    monkeypatch.setattr(suggesting, "step_time", step)


@pytest.mark.usefixtures("slow")
def test_a_suggestion_is_the_largest_model_that_sees_the_text_most_often_in_the_time() -> None:
    # 300,000 words are 570,000 tokens, 278 steps of 2,048: ten passes are 46 minutes at width 128, 93 at 256.
    hour = suggesting.suggest(300_000, 60, device="cpu")
    assert (hour.config.model.hidden_size, hour.config.model.n_layer, hour.config.training.num_epochs) == (128, 4, 10)
    assert hour.config.optimization.weight_decay == 1.0
    assert hour.seconds == 2780
    long = suggesting.suggest(300_000, 240, device="cpu")
    assert long.config.model.hidden_size == 256
    assert long.reasons["model.hidden_size"] == "the widest for this much text"
    short = suggesting.suggest(300_000, 20, device="cpu")
    assert (short.config.training.num_epochs, short.config.optimization.weight_decay) == (3, 0.1)
    with pytest.raises(ConfigError, match=r"needs about .* for one pass over the text here"):
        suggesting.suggest(300_000, 2, device="cpu")
    with pytest.raises(ConfigError, match="--words 10: must be at least 1,000"):
        suggesting.suggest(10, 2)


@pytest.mark.usefixtures("slow")
def test_the_suggested_file_is_a_configuration_with_its_reasons(
    tmp_path: Path, small_text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "suggest", "--words", "300k", "--minutes", "60", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    (tmp_path / "suggested.yaml").write_text(printed)
    config = load_config(tmp_path / "suggested.yaml")
    assert (config.tokenizer.vocab_size, config.optimization.optimizer) == (2048, "muon")
    assert "# training takes about 46:20 on this machine" in printed
    assert "  # ten passes: the BabyLM rule" in printed
    for arguments, said in (
        (["--words", "2MB"], "give words"),
        (["--words", "many"], "is not an amount of text"),
        ([], "how much text is there"),
        (["--text", "text"], "--words 512: must be at least"),
    ):
        assert main(["config", "suggest", *arguments]) == 2
        assert said in capsys.readouterr().err
