"""The names users import, on a tiny world: text to tokenizer, blocks, model, scores."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import babyllama
from babyllama.errors import DataError


@pytest.mark.unit
def test_the_root_scripts_export_their_names(repository: Path) -> None:
    code = (
        "from data_utils import DataProcessor, DomainCleaners\n"
        "from evaluate import ModelEvaluator, compare_models\n"
        "from benchmark import BenchmarkSuite\n"
        "from train import load_config, create_model\n"
        "print(load_config('config/llama-10M.yaml').model.type, DomainCleaners.wikipedia('A  b '))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repository)
    assert (done.returncode, done.stdout) == (0, "Llama A b\n"), done.stderr


@pytest.mark.unit
def test_every_exported_name_is_there() -> None:
    for name in babyllama.__all__:
        assert getattr(babyllama, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = babyllama.nothing


@pytest.mark.unit
def test_a_tokenizer_is_trained_and_saved(small_tokenizer: Any, small_text: Path) -> None:
    assert small_tokenizer.decode(small_tokenizer.encode("The cat sees").ids) == "The cat sees"
    assert small_tokenizer.get_vocab_size() <= 300
    listed = babyllama.train_bpe_tokenizer([small_text / "a.train"], "listed.json", vocab_size=300)
    assert Path("listed.json").read_text() == Path("tok.json").read_text() == listed.to_str(pretty=True)
    with pytest.raises(DataError, match="absent"):
        babyllama.train_bpe_tokenizer("absent", "x.json")


@pytest.mark.unit
def test_a_model_fits_its_tokenizer(small_tokenizer: Any, repository: Path) -> None:
    from babyllama.settings import config_from_values

    values = {"model": {"type": "Llama", "hidden_size": 16, "n_layer": 1, "n_head": 2}, "data": {"seq_length": 16}}
    for given in (small_tokenizer, babyllama.DataProcessor("tok.json").tokenizer):
        model = babyllama.create_model(config_from_values(values), given)
        assert model.get_input_embeddings().weight.shape == (small_tokenizer.get_vocab_size(), 16)
        assert model.config.pad_token_id == 0
    values["data"]["tokenizer_path"] = "tok.json"
    assert babyllama.create_model(config_from_values(values)).config.vocab_size == small_tokenizer.get_vocab_size()
    values["data"]["tokenizer_path"] = "./absent.json"
    assert babyllama.create_model(config_from_values(values)).config.vocab_size == 16000


@pytest.mark.unit
def test_a_model_has_the_marks_of_a_foreign_tokenizer(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    from babyllama.settings import config_from_values

    foreign = Tokenizer(models.WordLevel({"a": 0, "b": 1, "c": 2, "<|endoftext|>": 3}, unk_token="a"))
    foreign.save(str(tmp_path / "foreign.json"))
    values = {
        "model": {"type": "Llama", "hidden_size": 16, "n_layer": 1, "n_head": 2},
        "data": {"tokenizer_path": str(tmp_path / "foreign.json")},
    }
    for model in (
        babyllama.create_model(config_from_values(values)),
        babyllama.create_model(config_from_values(values), foreign),
    ):
        assert (model.config.bos_token_id, model.config.eos_token_id, model.config.pad_token_id) == (3, 3, None)


@pytest.mark.integration
@pytest.mark.slow
def test_a_trained_run_is_taken_wherever_a_model_is(small_text: Path) -> None:
    from babyllama.settings import config_from_values

    values = {
        "data": {"train_path": "text", "eval_path": None, "tokenizer_path": "./tok.json", "seq_length": 16},
        "tokenizer": {"vocab_size": 300},
        "model": {"type": "Llama", "name": "tiny", "hidden_size": 16, "n_layer": 1, "n_head": 2},
        "training": {"batch_size": 4, "max_steps": 2, "precision": "fp32"},
    }
    run = babyllama.train_model(config_from_values(values), quiet=True)
    assert run.metrics.steps == 2

    class Counting(babyllama.ModelEvaluator):
        def evaluate(self, tasks: Any = None, **options: Any) -> dict[str, Any]:
            return {"results": {"letters": len(self.generate("The", max_length=3, seed=0))}}

    assert Counting(run, device="cpu").evaluate()["results"]["letters"] >= 3
    assert (
        babyllama.ModelEvaluator(run, device="cpu").calculate_perplexity(["The cat sees a dog.", "One day it sleeps."])
        > 1
    )
    row = babyllama.evaluate_model(run, device="cpu", tasks=["perplexity"], eval_text=str(small_text))
    assert row["perplexity"] > 1
    assert row["parameters"] == sum(p.numel() for p in babyllama.ModelEvaluator(run).model.parameters())
    suite = babyllama.BenchmarkSuite(run, device="cpu")
    assert 0 <= suite.run_completion_benchmark([("The cat sees a", " dog", " home")])["accuracy"] <= 1


@pytest.mark.parametrize("line", ["evaluate.load('accuracy')", "from evaluate import load"])
def test_the_hidden_evaluate_of_hugging_face_is_told_apart(line: str, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import evaluate\n{line}"], cwd=repository, capture_output=True, text=True, check=False
    )
    assert "belongs to Hugging Face's package `evaluate`, which" in done.stderr.splitlines()[-1]
    assert "python -P" in done.stderr.splitlines()[-1]
