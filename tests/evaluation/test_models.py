"""Which model and tokenizer a path means, and what is refused."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from evaluation_world import load, make_model, make_tokenizer, save_metrics, save_model, save_run

from babyllama.errors import CheckpointError, ConfigError, TokenizerError
from babyllama.evaluation import load_model

pytestmark = pytest.mark.unit


def test_run_final_and_checkpoint(tmp_path: Path) -> None:
    run = save_run(tmp_path / "Tiny")
    save_model(run / "checkpoints" / "chck_3M", seed=1)
    save_metrics(run, words_seen=7_000_000)
    for path in (run, run / "final", Path(f"{run}/")):
        loaded = load(path)
        assert (loaded.name, loaded.place.checkpoint, loaded.place.words_seen) == ("Tiny", None, 7_000_000)
        assert loaded.run is not None
        assert loaded.run.root == run
    loaded = load(run / "checkpoints" / "chck_3M")
    assert (loaded.name, loaded.place.checkpoint, loaded.place.words_seen) == ("Tiny/chck_3M", "chck_3M", 3_000_000)
    assert loaded.run is not None
    save_model(run / "checkpoints" / "checkpoint-50")
    (run / "checkpoints" / "checkpoint-50" / "babyllama_state.json").write_text('{"words_seen": 123}')
    assert load(run / "checkpoints" / "checkpoint-50").place.words_seen == 123


def test_a_plain_model_folder_belongs_to_no_run(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path / "some_model", "GPT2", context=32))
    assert (loaded.name, loaded.run, loaded.masked) == ("some_model", None, False)
    assert loaded.context_length == 32
    assert loaded.parameters == sum(p.numel() for p in loaded.model.parameters())
    assert not loaded.model.training
    assert not any(p.requires_grad for p in loaded.model.parameters())


def test_masked_models_are_recognised(tmp_path: Path) -> None:
    assert load(save_model(tmp_path, "Bert")).masked


def test_checkpoint_without_a_tokenizer_takes_its_runs(tmp_path: Path) -> None:
    run = save_run(tmp_path / "run")
    make_model("Llama").save_pretrained(run / "checkpoints" / "checkpoint-5")
    assert len(load(run / "checkpoints" / "checkpoint-5").tokenizer) == 330


def test_a_damaged_model_of_a_run_is_not_scored(tmp_path: Path) -> None:
    """One flipped bit gives other numbers; a cut file, or one that is gone, may load as something else."""
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        run = save_run(tmp_path / name)
        file = run / "final" / name
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        with pytest.raises(CheckpointError, match=rf"is damaged: the content of {name} has changed"):
            load(run)
        file.unlink()
        with pytest.raises(CheckpointError, match=r"is damaged|holds no model|no finished model"):
            load(run)
    run = save_run(tmp_path / "without")
    (run / "final" / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"no readable manifest\.json"):
        load(run)


def test_another_tokenizer_than_the_one_it_was_trained_with_is_refused(tmp_path: Path) -> None:
    run = save_run(tmp_path / "run")
    checkpoint = run / "checkpoints" / "chck_1M"
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["word"])
    save_model(checkpoint, tokenizer=tokenizer, vocab_size=400)
    with pytest.raises(TokenizerError, match=r"sha256:\w+\.\.\.\) is not the one the run was trained with \(sha256:"):
        load(checkpoint)


def test_a_tokenizer_that_does_not_say_how_it_is_used_is_damage(tmp_path: Path) -> None:
    run = save_run(tmp_path / "run")
    checkpoint = save_model(run / "checkpoints" / "chck_1M")
    (checkpoint / "tokenizer_config.json").unlink()
    with pytest.raises(TokenizerError, match=r"is damaged: it has no tokenizer_config\.json"):
        load(checkpoint)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "nowhere", "the folder does not exist"),
        (lambda p: p.mkdir() or p, "holds no model: there is neither config.json nor final/config.json"),
        (lambda p: (p.write_text("x"), p)[1], "is a file; a model is a folder"),
        (lambda p: ((p / "checkpoints" / "checkpoint-7").mkdir(parents=True), p)[1], "no finished model.*checkpoint-7"),
        (lambda p: (save_model(p), (p / "model.safetensors").unlink(), p)[2], "no weights"),
        (
            lambda p: (save_model(p), (p / "model.safetensors").write_bytes(b"junk"), p)[2],
            "cannot load a language model",
        ),
        (lambda p: (save_model(p), (p / "config.json").write_text("{"), p)[2], "cannot load a language model"),
    ],
)
def test_no_model_there(tmp_path: Path, make: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        load(make(tmp_path / "x"))


def test_a_path_below_a_folder_that_exists_is_no_hub_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no model at models/Llama-1OM: the folder does not exist"):
        load_model("models/Llama-1OM")


def test_pickled_weights_are_read_only_on_request(tmp_path: Path) -> None:
    import torch

    model = save_model(tmp_path)
    weights = make_model("Llama").state_dict()
    (model / "model.safetensors").unlink()
    torch.save(weights, model / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin holds its weights as a pickle.*--allow-pickle"):
        load(model)
    assert torch.equal(load(model, allow_pickle=True).model.lm_head.weight, weights["lm_head.weight"])


def test_missing_weights_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    model = save_model(tmp_path)
    weights = load_file(model / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lack lm_head\.weight: they would be random"):
        load(model)


def test_tokenizer_must_belong_to_the_model(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="has 330 entries and the model's embedding 300 rows"):
        load(save_model(tmp_path / "a", vocab_size=300))
    make_model("Llama").save_pretrained(tmp_path / "b")
    with pytest.raises(TokenizerError, match="holds no tokenizer"):
        load(tmp_path / "b")


def test_number_formats(tmp_path: Path) -> None:
    import torch

    model = save_model(tmp_path)
    assert load(model).model.dtype == torch.float32
    assert load(model, dtype="bf16").dtype == "bf16"
    with pytest.raises(ConfigError, match=r"fp64.*auto, fp32, bf16"):
        load(model, dtype="fp64")
    with pytest.raises(ConfigError, match=r"not present|not a device"):
        load_model(model, device="cuda:77")


@pytest.mark.parametrize(
    "name",
    ["models/none", "./nosuch", "../nosuch", "~nobody/x", "a/b/c", "-x", "a b", "a--b", "x\ny", "a\x00b", "x\udcff"],
)
def test_what_can_be_no_hub_name_is_answered_at_once(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no model at") as error:
        load_model(name)
    assert "\n" not in str(error.value)


def test_a_mistyped_path_is_answered_before_any_model_library_is_imported(tmp_path: Path, repository: Path) -> None:
    code = (
        "import sys; from babyllama.cli import main; "
        "codes = [main([c, './nosuch', *more]) for c, more in (('evaluate', []), ('surprisal', ['--text', 't.txt']), "
        "('generate', ['x']), ('benchmark', []))]; "
        "print(codes, sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    (tmp_path / "t.txt").write_text("x")
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )
    assert done.stdout.strip() == "[2, 2, 2, 2] []"
    assert done.stderr.count("error: no model at ./nosuch") == 4


def test_a_hub_that_cannot_be_reached_is_said_without_trying_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[str] = []

    def refuse(name: str, **options: Any) -> None:
        asked.append(name)
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "model_info", refuse)
    with pytest.raises(CheckpointError, match=r"no model at nosuchmodel: .*\(no route to host\)"):
        load_model("nosuchmodel")
    assert asked == ["nosuchmodel"]


@pytest.mark.parametrize("content", ["{}", "[]", "{broken", "[" * 100_000])
def test_a_tokenizer_config_that_says_nothing_is_damage(tmp_path: Path, content: str) -> None:
    run = save_run(tmp_path / "run")
    checkpoint = save_model(run / "checkpoints" / "chck_1M")
    (checkpoint / "tokenizer_config.json").write_text(content)
    with pytest.raises(TokenizerError, match=r"is damaged: .*tokenizer_config\.json") as error:
        load(checkpoint)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("part", ["model", "tokenizer"])
def test_code_that_comes_with_a_model_is_never_run_nor_asked_about(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_model(tmp_path / "model")
    (model / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass C: ...\n")
    file = model / ("config.json" if part == "model" else "tokenizer_config.json")
    values = json.loads(file.read_text())
    values |= {"model_type": "own"} if part == "model" else {"tokenizer_class": "Own"}
    names = (
        {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.C"}
        if part == "model"
        else {"AutoTokenizer": ["evil.C", None]}
    )
    file.write_text(json.dumps({**values, "auto_map": names}))
    monkeypatch.setattr("builtins.input", lambda *text: pytest.fail(f"asked: {text}"))
    with contextlib.suppress(CheckpointError, TokenizerError):
        load(model)
    assert not (tmp_path / "ran").exists()
