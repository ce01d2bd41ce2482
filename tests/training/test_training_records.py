"""What a run leaves beside its model: trackers, the minimal-pair curve, speed; and real packed text as its food."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from evaluation_world import TEXT, make_model, make_tokenizer
from training_world import TinyBlocks, tiny_config, tiny_model, tiny_run, tiny_tokenizer

from babyllama.dataset import sample_blocks
from babyllama.errors import DataError
from babyllama.runs import RunPaths, RunRecord
from babyllama.runs.rows import read_rows
from babyllama.training import check_training, throughput, train

pytestmark = pytest.mark.integration


PAIRS = [
    {"sentence_good": "The cats are sleeping.", "sentence_bad": "The cats is sleeping."},
    {"sentence_good": "The dog is sleeping.", "sentence_bad": "The dog are sleeping."},
    {"sentence_good": "The girl saw herself.", "sentence_bad": "The girl saw himself."},
]


def test_the_minimal_pair_curve_is_scored_by_words_seen(tmp_path: Path) -> None:
    tokenizer, model = make_tokenizer(), make_model("Llama")
    folder = tmp_path / "pairs"
    folder.mkdir()
    facts = {"UID": "toy", "field": "syntax", "linguistics_term": "agreement"}
    lines = [json.dumps({**pair, **facts, "pairID": str(index)}) for index, pair in enumerate(PAIRS)]
    (folder / "toy.jsonl").write_text("\n".join(lines) + "\n")

    def run(name: str, resume: Any = None, **more: Any) -> RunPaths:
        config = tiny_config(
            tmp_path / name, training={"save_steps": 4, **more}, evaluation={"blimp_data": str(folder)}
        )
        paths = RunPaths(tmp_path / name / "tiny")
        train(
            config, model=make_model("Llama"), tokenizer=tokenizer, train_dataset=TinyBlocks(), eval_dataset=None,
            paths=paths, resume=resume, record=RunRecord.new("tiny"),
        )  # fmt: skip
        return paths

    paths = run("scored", blimp_every_words=300)
    curve = read_rows(paths.root / "blimp_curve.csv")
    words = {row["step"]: int(row["words_seen"]) for row in read_rows(paths.losses)}
    assert [int(row["words_seen"]) // 300 for row in curve] == list(range(1, max(words.values()) // 300 + 1))
    for row in curve:
        assert int(row["words_seen"]) == words[row["step"]]
        assert row["pairs"] == "3"
        assert float(row["accuracy"]) in (0.0, pytest.approx(1 / 3, abs=1e-6), pytest.approx(2 / 3, abs=1e-6), 1.0)
    # Scoring leaves training as it is, and a resume leaves the curve as it was.
    losses = [row["train_loss"] for row in read_rows(paths.losses)]
    assert losses == [row["train_loss"] for row in read_rows(run("plain").losses)]
    run("scored", resume=paths.checkpoints / "checkpoint-8", blimp_every_words=300)
    assert read_rows(paths.root / "blimp_curve.csv") == curve
    del model


def test_any_task_can_be_followed_while_a_run_trains(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("The cat is here.\n")
    evaluation = {"curve_tasks": ["perplexity"], "curve_every_words": 400}
    _, paths = tiny_run(tmp_path, data={"eval_path": str(tmp_path / "dev.txt")}, evaluation=evaluation)
    curve = read_rows(paths.root / "perplexity_curve.csv")
    assert len(curve) > 1
    assert list(curve[0]) == ["step", "words_seen", "tokens_seen", "perplexity", "bits_per_byte"]
    assert all(float(row["perplexity"]) > 1 for row in curve)


def test_missing_pairs_are_found_out_before_training(tmp_path: Path) -> None:
    sections: dict[str, Any] = {"evaluation": {"blimp_data": str(tmp_path / "nowhere")}}
    with pytest.raises(DataError, match="nowhere"):
        tiny_run(tmp_path, training={"blimp_every_words": 100}, **sections)
    assert not (tmp_path / "tiny" / "checkpoints").exists()


def packed(folder: Path, **keys: Any) -> Any:
    """Real text packed by the dataset room, with a tokenizer trained on it."""
    from babyllama.config import DataSection
    from babyllama.dataset import prepare_dataset
    from babyllama.tokenizer import save_tokenizer

    rng = random.Random(0)
    documents = [" ".join(rng.choices(TEXT, k=rng.randint(1, 4))) for _ in range(60)]
    text = folder / "text.train"
    text.write_text("\n<|endoftext|>\n".join(documents) + "\n")
    save_tokenizer(make_tokenizer(), folder / "tokenizer.json")
    data = DataSection(
        tokenizer_path=str(folder / "tokenizer.json"), train_path=str(text), seq_length=32,
        packed_dir=str(folder / "packed"), **keys,
    )  # fmt: skip
    return data, prepare_dataset(lambda: iter(documents), [text], data.tokenizer_path, data, split="train")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    "keys",
    [{}, {"random_offset": True}, {"random_offset": True, "shuffle": "documents"}, {"packing": "best_fit"}],
    ids=str,
)
def test_real_packed_text_is_seen_whole_each_epoch(tmp_path: Path, keys: dict[str, Any], workers: int) -> None:
    data, dataset = packed(tmp_path, **keys)
    config = tiny_config(
        tmp_path,
        data=data.model_dump(),
        training={"num_epochs": 2, "batch_size": 8, "dataloader_num_workers": workers, "lr": 1e-2},
    )
    paths = RunPaths(tmp_path / "tiny")
    result = train(
        config, model=make_model("GPT2"), tokenizer=make_tokenizer(), train_dataset=dataset, eval_dataset=dataset,
        paths=paths, record=RunRecord.new(config.model.name),
    )  # fmt: skip
    assert result.words_seen == 2 * dataset.num_words
    assert result.tokens_seen == 2 * dataset.num_tokens
    losses = [float(row["train_loss"]) for row in read_rows(paths.losses)]
    assert losses[-1] < losses[0] - 0.5


def test_a_model_too_small_for_the_text_is_refused(tmp_path: Path) -> None:
    from babyllama.errors import TokenizerError

    data, dataset = packed(tmp_path)
    with pytest.raises(TokenizerError, match="vocabulary"):
        check_training(
            tiny_config(tmp_path, data=data.model_dump()), resume=None, train_dataset=dataset, eval_dataset=None,
            model=tiny_model(),
        )  # fmt: skip


@pytest.mark.parametrize("seed", [42, 7])
def test_eval_samples_are_the_same_blocks_at_every_evaluation_and_for_every_seed(tmp_path: Path, seed: int) -> None:
    seen: list[list[int]] = []

    class Watched(TinyBlocks):
        def block(self, index: int, offset: int = 0, documents: int = 0) -> dict[str, Any]:
            seen.append([index, offset])
            return super().block(index, offset)

    config = tiny_config(tmp_path, data={"eval_samples": 5}, training={"eval_steps": 5, "seed": seed})
    result = train(
        config, model=tiny_model(), tokenizer=tiny_tokenizer(), train_dataset=TinyBlocks(),
        eval_dataset=Watched(20, seed=1), paths=RunPaths(tmp_path / "tiny"), record=RunRecord.new(config.model.name),
    )  # fmt: skip
    assert len(seen) == 10
    assert seen[:5] == seen[5:]
    assert [index for index, _ in seen[:5]] == sample_blocks(TinyBlocks(20, seed=1), 5, 42).tolist()
    assert len({index for index, _ in seen}) == 5
    # The loss is the mean over target tokens of the shipped model on those blocks.
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "tiny" / "final").eval()
    total, count = 0.0, 0
    for index, _ in seen[:5]:
        row = TinyBlocks(20, seed=1).block(index)
        ids = torch.tensor(row["input_ids"])
        starts = [int(place) for place in (ids == 1).nonzero()]
        for begin, end in zip(sorted({0, *starts}), [*sorted({0, *starts})[1:], len(ids)], strict=True):
            with torch.no_grad():
                logits = model(ids[begin:end].unsqueeze(0)).logits[0]
            # The row's next token after a document is a target too.
            targets = torch.tensor(row["labels"])[begin + 1 : end + 1]
            losses = torch.nn.functional.cross_entropy(
                logits[: len(targets)], targets, reduction="none", ignore_index=-100
            )
            total, count = total + float(losses.sum()), count + int((targets != -100).sum())
    assert result.eval_loss == pytest.approx(total / count, abs=1e-5)


def test_operations_per_token_by_hand() -> None:
    # GPT-J: 2 layers of 4 D^2 attention and 8 D^2 feed-forward, and the output layer V D; D = 32, V = 67.
    expected = 6 * (2 * 12 * 32 * 32 + 67 * 32) + 12 * 2 * 32 * 16
    assert throughput.flops_per_token(tiny_model("GPTJ", intermediate_size=128), 16) == expected
    assert throughput.flops_per_token(tiny_model("GPTJ", intermediate_size=128, tied=True), 16) == expected


def test_the_peak_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    measured = throughput.measure_peak(torch.device("cpu"), "fp32", size=256, seconds=0.05)
    assert 1e8 < measured < 1e15
    monkeypatch.setattr(throughput, "measure_peak", lambda device, precision: 123.0)
    assert throughput.peak_flops(torch.device("cpu"), "fp32") == 123.0
    monkeypatch.setattr(throughput, "measure_peak", lambda device, precision: 456.0)
    assert throughput.peak_flops(torch.device("cpu"), "fp32") == 123.0
    assert throughput.peak_flops(torch.device("cpu"), "bf16") == 456.0


@pytest.mark.slow
def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    """The child sends itself SIGINT twice and then sleeps: it is gone long before it would wake up."""
    program = """
import os, signal, sys, time
from babyllama.training.hooks.interruption import Interruption
with Interruption() as interruption:
    os.kill(os.getpid(), signal.SIGINT)
    print(interruption.requested, flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(3000)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout == "True\n"
    assert done.returncode == -signal.SIGINT
    assert "saving a checkpoint after this step" in done.stderr


@pytest.mark.slow
def test_compiled_training_has_the_same_losses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from babyllama.training.compiling import missing_compiler

    if missing_compiler(torch.device("cpu")):
        pytest.skip("no C++ compiler here")
    found = []
    for compiled in (False, True):
        sections: dict[str, Any] = {"data": {"document_attention": False}}
        training = {"torch_compile": compiled, "max_steps": 3}
        result, paths = tiny_run(tmp_path / str(compiled), eval_blocks=0, training=training, **sections)
        assert result.compiled is compiled
        found.append([float(row["train_loss"]) for row in read_rows(paths.losses)])
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert "compilation took about" in capsys.readouterr().err
