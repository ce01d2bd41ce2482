"""The mean of several models' weights as one model folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from evaluation_world import load, make_model, make_tokenizer, save_model, save_run

from babyllama.cli import main
from babyllama.errors import CheckpointError, TokenizerError, TrainingError
from babyllama.training.saving.averaging import average_models, last_checkpoints

pytestmark = pytest.mark.unit


def checkpoints(tmp_path: Path, words: tuple[int, ...] = (3, 1, 2)) -> Path:
    run = save_run(tmp_path / "run")
    for million in words:
        save_model(run / "checkpoints" / f"chck_{million}M", seed=million)
    return run


def test_weights_are_the_mean_and_the_folder_says_of_what(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = checkpoints(tmp_path)
    capfd.readouterr()
    assert main(["average", str(run), "--last", "2", "--output", str(tmp_path / "mean")]) == 0
    assert "it/s" not in capfd.readouterr().err  # no bar of transformers'
    found = load(tmp_path / "mean").model.state_dict()
    two, three = (make_model("Llama", seed=seed).state_dict() for seed in (2, 3))
    for name, weights in found.items():
        torch.testing.assert_close(weights, (two[name] + three[name]) / 2)
    facts = json.loads((tmp_path / "mean" / "checkpoint.json").read_text())
    assert [origin["model"] for origin in facts["average_of"]] == ["run/chck_2M", "run/chck_3M"]
    assert facts["words_seen"] == 3_000_000


def test_the_average_of_a_model_with_itself_is_that_model(tmp_path: Path) -> None:
    model = save_model(tmp_path / "one", "GPT2")
    average_models([model, model, model], tmp_path / "mean")
    for name, weights in load(tmp_path / "mean").model.state_dict().items():
        assert torch.equal(weights, load(model).model.state_dict()[name])


def test_models_of_other_shapes_tokenizers_or_too_few_are_refused(tmp_path: Path) -> None:
    llama, gpt2 = save_model(tmp_path / "llama"), save_model(tmp_path / "gpt2", "GPT2")
    with pytest.raises(CheckpointError, match="not of one shape"):
        average_models([llama, gpt2], tmp_path / "mean")
    other = save_model(tmp_path / "other", tokenizer=make_tokenizer(adds_marks=True))
    longer = make_tokenizer()
    longer.add_tokens(["tok"])
    with pytest.raises(TokenizerError, match="different tokenizers"):
        average_models([llama, save_model(tmp_path / "longer", tokenizer=longer, vocab_size=331)], tmp_path / "mean")
    average_models([llama, other], tmp_path / "mean")  # marks that are put around a text change no ids within it
    with pytest.raises(CheckpointError, match="has 3 checkpoints, and 4 are to be averaged"):
        last_checkpoints(checkpoints(tmp_path), 4)
    with pytest.raises(CheckpointError, match="nodir is no run folder"):
        last_checkpoints(tmp_path / "nodir", 2)


def test_nothing_is_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(save_model(tmp_path / "one"))
    assert main(["average", model, model, "--output", model]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["average", model, "--output", str(tmp_path / "mean")]) == 2
    assert main(["average", model, model, "--output", model, "--overwrite"]) == 0


def test_a_full_disk_is_told_with_what_to_do_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import PreTrainedModel

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    model = save_model(tmp_path / "one")
    monkeypatch.setattr(PreTrainedModel, "save_pretrained", full)
    with pytest.raises(TrainingError, match=r"No space left .* then run the same command again\."):
        average_models([model, model], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()
