"""The names users import, on a tiny world: text to tokenizer, blocks, model, scores."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import babyllama
from babyllama.corpus.cleaning import CLEANERS, register_cleaner
from babyllama.errors import DataError

SENTENCES = ["The cat sees a dog.", "A small bird sings, and the dog sleeps.", "One day the children went home."]


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text of 40 documents; the process works beside it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "text"
    folder.mkdir()
    documents = [f"{SENTENCES[number % 3]} {SENTENCES[number % 2]}" for number in range(40)]
    (folder / "a.train").write_text("\n<|endoftext|>\n".join(documents) + "\n")
    return folder


@pytest.fixture
def tokenizer(text: Path) -> Any:
    return babyllama.train_bpe_tokenizer(text, "tok.json", vocab_size=300)


@pytest.fixture
def clean_registry() -> Iterator[None]:
    with CLEANERS.restored():
        yield


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
def test_a_tokenizer_is_trained_and_saved(tokenizer: Any, text: Path) -> None:
    assert tokenizer.decode(tokenizer.encode("The cat sees").ids) == "The cat sees"
    assert tokenizer.get_vocab_size() <= 300
    listed = babyllama.train_bpe_tokenizer([text / "a.train"], "listed.json", vocab_size=300)
    assert Path("listed.json").read_text() == Path("tok.json").read_text() == listed.to_str(pretty=True)
    with pytest.raises(DataError, match="absent"):
        babyllama.train_bpe_tokenizer("absent", "x.json")


@pytest.mark.unit
def test_a_processor_reads_cleans_and_cuts(tokenizer: Any, text: Path) -> None:
    processor = babyllama.DataProcessor("tok.json")
    documents = processor.load_text_files(text)
    assert len(documents) == 40
    assert processor.load_text_files([text / "a.train", text / "a.train"]) == documents * 2
    assert processor.clean_text("Two  spaces ") == "Two spaces"
    blocks = processor.tokenize_and_chunk(documents[:2], seq_length=8)
    row = [1, *tokenizer.encode(documents[0]).ids, 2, 1, *tokenizer.encode(documents[1]).ids, 2]
    assert [token for block in blocks for token in block] == row
    assert {len(block) for block in blocks[:-1]} == {8}


@pytest.mark.unit
def test_a_tokenizer_may_be_given_in_any_form(tokenizer: Any, text: Path) -> None:
    from babyllama.tokenizer import load_tokenizer

    expected = None
    for given in ("tok.json", Path("tok"), tokenizer, load_tokenizer("tok.json")):
        dataset = babyllama.DataProcessor(given).prepare_dataset(text, seq_length=16)
        block = dataset.block(0)["input_ids"].tolist()
        expected = expected or block
        assert block == expected
        assert block[0] == 1


@pytest.mark.unit
def test_every_tokenizer_has_packed_text_of_its_own(tokenizer: Any, text: Path) -> None:
    other = babyllama.train_bpe_tokenizer(text, "other.json", vocab_size=262)
    for one, two in (("tok.json", "other.json"), (tokenizer, other)):
        first = babyllama.DataProcessor(one).prepare_dataset(text, seq_length=16)
        second = babyllama.DataProcessor(two).prepare_dataset(text, seq_length=16)
        assert first.path != second.path
        assert first.num_tokens < second.num_tokens
        assert babyllama.DataProcessor(one).prepare_dataset(text, seq_length=16).path == first.path


@pytest.mark.unit
def test_broken_text_and_lists_of_files_are_prepared(tokenizer: Any, text: Path) -> None:
    processor = babyllama.DataProcessor("tok.json")
    (text / "b.train").write_bytes(b"The d\xffog sleeps.\n" * 20)
    files = [text / "a.train", text / "b.train"]
    with pytest.raises(DataError, match="UTF-8"):
        processor.prepare_dataset(files, seq_length=16)
    mended = processor.prepare_dataset(files, seq_length=16, errors="replace")
    assert mended.num_documents == 41
    assert processor.prepare_dataset(files[:1], seq_length=16).num_documents == 40
    with pytest.raises(DataError, match="no files"):
        processor.prepare_dataset([], seq_length=16)


@pytest.mark.unit
def test_a_model_fits_its_tokenizer(tokenizer: Any, repository: Path) -> None:
    from babyllama.settings import config_from_values

    values = {"model": {"type": "Llama", "hidden_size": 16, "n_layer": 1, "n_head": 2}, "data": {"seq_length": 16}}
    for given in (tokenizer, babyllama.DataProcessor("tok.json").tokenizer):
        model = babyllama.create_model(config_from_values(values), given)
        assert model.get_input_embeddings().weight.shape == (tokenizer.get_vocab_size(), 16)
        assert model.config.pad_token_id == 0
    values["data"]["tokenizer_path"] = "tok.json"
    assert babyllama.create_model(config_from_values(values)).config.vocab_size == tokenizer.get_vocab_size()
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


@pytest.mark.unit
@pytest.mark.usefixtures("clean_registry")
def test_cleaners_of_ones_own(tokenizer: Any) -> None:
    babyllama.DomainCleaners.shouting = str.upper
    register_cleaner("whispering")(str.lower)
    processor = babyllama.DataProcessor("tok.json")
    assert processor.clean_text("Aa", domain="shouting") == "AA"
    assert processor.clean_text("Aa", domain="whispering") == "aa"
    assert babyllama.DomainCleaners.whispering("Bb") == "bb"
    assert {"shouting", "whispering"} <= babyllama.create_cleaner_registry().keys()


@pytest.mark.integration
@pytest.mark.slow
def test_a_trained_run_is_taken_wherever_a_model_is(text: Path) -> None:
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
    assert babyllama.ModelEvaluator(run, device="cpu").calculate_perplexity(SENTENCES) > 1
    row = babyllama.evaluate_model(run, device="cpu", tasks=["perplexity"], eval_text=str(text))
    assert row["perplexity"] > 1
    assert row["parameters"] == sum(p.numel() for p in babyllama.ModelEvaluator(run).model.parameters())
    suite = babyllama.BenchmarkSuite(run, device="cpu")
    assert 0 <= suite.run_completion_benchmark([("The cat sees a", " dog", " home")])["accuracy"] <= 1
