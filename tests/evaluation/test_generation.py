"""Samples, their statistics, and the classes users know from Python."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import FAMILY_NAMES, TEXT, load, save_model, save_run, write_pairs

import babyllama.evaluation.evaluator as evaluator_module
from babyllama.cli import main
from babyllama.errors import ConfigError, EvaluationError
from babyllama.evaluation import generate, generation_quality
from babyllama.evaluation.benchmark_suite import BenchmarkSuite, benchmark_config
from babyllama.evaluation.evaluator import ModelEvaluator, compare_models, evaluate_model
from babyllama.evaluation.quality import distinct, repeated_share, self_bleu, token_statistics

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_samples_are_seeded(tmp_path: Path, family: str) -> None:
    import torch

    loaded = load(save_model(tmp_path, family))
    state = torch.random.get_rng_state()
    first = generate(loaded, "The cat", max_new_tokens=8, num_samples=3, seed=1)
    assert first == generate(loaded, "The cat", max_new_tokens=8, num_samples=3, seed=1)
    assert first != generate(loaded, "The cat", max_new_tokens=8, num_samples=3, seed=2)
    assert len(set(first)) == 3
    assert all(text.startswith("The cat") for text in first)
    assert torch.equal(state, torch.random.get_rng_state()), "the caller's random numbers stay their own"


def test_greedy_is_the_likeliest_token_each_time(tmp_path: Path) -> None:
    import torch

    loaded = load(save_model(tmp_path))
    ids = [1, *loaded.tokenizer("The cat", add_special_tokens=False)["input_ids"]]
    start = len(ids)
    for _ in range(6):
        with torch.no_grad():
            ids.append(int(loaded.model(torch.tensor([ids])).logits[0, -1].argmax()))
    expected = "The cat" + loaded.tokenizer.decode(ids[start:])
    assert generate(loaded, "The cat", max_new_tokens=6, temperature=0) == [expected]


def test_samples_end_at_the_end_mark_and_show_no_marks(tmp_path: Path) -> None:
    import torch

    loaded = load(save_model(tmp_path))
    torch.nn.init.zeros_(loaded.model.lm_head.weight)
    with torch.no_grad():
        loaded.model.model.norm.weight.fill_(1.0)
        loaded.model.lm_head.weight[2] = 0.0
    texts = generate(loaded, "", max_new_tokens=60, top_k=0, temperature=1.0, num_samples=20)
    assert all("</s>" not in text and "<s>" not in text and "<pad>" not in text for text in texts)


def test_the_context_is_never_exceeded(tmp_path: Path) -> None:
    """Positions that a GPT-2 does not have would be an error of its embedding."""
    loaded = load(save_model(tmp_path, "GPT2", context=16))
    for text in ("The cat", " ".join(TEXT)):
        assert generate(loaded, text, max_new_tokens=100)[0].startswith(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "--temperature -1: must be 0 or more"),
        ({"top_p": 0}, "--top-p 0: must be above 0"),
        ({"max_new_tokens": 0}, "--max-new-tokens 0"),
        ({"num_samples": 0}, "--num-samples 0"),
        ({"top_k": -1}, "--top-k -1"),
    ],
)
def test_options_are_checked(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        generate(load(save_model(tmp_path)), "The", **options)


def test_masked_models_do_not_generate(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="masked"):
        generate(load(save_model(tmp_path, "Bert")), "The")


def test_distinct_and_repetition() -> None:
    words = ["a", "b", "a", "b", "a", "b"]
    assert distinct([words], 1) == pytest.approx(2 / 6)
    assert distinct([words, ["c"]], 2) == pytest.approx(2 / 5)
    assert distinct([["a"]], 2) == 0.0
    assert repeated_share(words, 2) == pytest.approx(3 / 5)
    assert repeated_share(["a", "b", "c", "d"], 2) == 0.0
    assert repeated_share(["a"], 4) == 0.0


def test_self_bleu() -> None:
    same = ["the", "cat", "sat", "on", "the", "mat"]
    assert self_bleu([same, same, same]) == pytest.approx(1.0)
    assert self_bleu([same, ["a", "dog", "ran", "in", "my", "yard"]]) == 0.0
    assert self_bleu([same]) == 0.0
    # By hand: 5 of 6 words; (4+1)/(5+1) 2-grams, (3+1)/(4+1) 3-grams, (2+1)/(3+1) 4-grams; the same length both ways.
    other = ["the", "cat", "sat", "on", "the", "rug"]
    expected = (5 / 6 * 5 / 6 * 4 / 5 * 3 / 4) ** 0.25
    assert self_bleu([same, other]) == pytest.approx(expected)
    # A shorter candidate is penalised by exp(1 - 6 / 3).
    assert self_bleu([same, same[:3]]) < self_bleu([same, same])


def test_token_statistics_of_a_flat_model(tmp_path: Path) -> None:
    import torch

    loaded = load(save_model(tmp_path))
    torch.nn.init.zeros_(loaded.model.lm_head.weight)
    found = token_statistics(loaded, TEXT[:2])
    assert found["entropy"] == pytest.approx(math.log2(330), rel=1e-5)
    assert found["top_1_probability"] == pytest.approx(1 / 330, rel=1e-4)
    assert found["top_5_probability"] == pytest.approx(5 / 330, rel=1e-4)
    assert found["token_probability"] == pytest.approx(1 / 330, rel=1e-4)
    assert found["median_rank"] == 1


def test_generation_quality_is_seeded_and_keeps_its_samples(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path))
    found = generation_quality(loaded, ["The cat", "Once"], samples_per_prompt=3, max_new_tokens=12)
    assert found == generation_quality(loaded, ["The cat", "Once"], samples_per_prompt=3, max_new_tokens=12)
    assert len(found["samples"]) == 6
    assert 0 <= found["repetition"] <= 1
    assert 0 < found["distinct_1"] <= 1
    assert json.dumps(found)


def test_benchmark_suite(tmp_path: Path) -> None:
    suite = BenchmarkSuite(save_run(tmp_path / "run"), device="cpu")
    found = suite.run_all_benchmarks()
    assert set(found) == {"model", "completion", "consistency", "repetition", "speed"}
    assert found["completion"]["n"] == len(found["completion"]["items"]) == 10
    assert found["consistency"]["repeatable"] is True
    assert found["speed"]["read_tokens_per_second"] > 0
    assert found["speed"]["generated_tokens_per_second"] > 0
    assert [row["batch"] for row in found["speed"]["by_batch"]] == [1, 8]
    assert found["speed"]["prompt_tokens"] + found["speed"]["new_tokens"] <= 64, "the model's context"
    assert found["speed"]["peak_memory_bytes"] > 4 * found["speed"]["parameters"]
    assert json.dumps(found)


OWN_ITEMS = """
completion:
  - {prompt: The cat is, good: " here", bad: " there"}
prompts: [The dog]
speed: {batch_sizes: [2], new_tokens: 3, repeats: 1}
"""


def test_benchmarks_of_several_models_on_items_of_ones_own_give_a_table_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(OWN_ITEMS)
    runs = [str(save_run(tmp_path / name, seed=number)) for number, name in enumerate("AB")]
    output = tmp_path / "out" / "comparison.json"
    options = ["--benchmark-config", str(tmp_path / "mine.yaml"), "--output", str(output), "--device", "cpu"]
    assert main(["benchmark", *runs, *options]) == 0
    printed = capsys.readouterr().out
    assert "sanity checks" in printed
    assert "tokens/s writing, batch 2" in printed
    models = json.loads(output.read_text())["models"]
    assert [one["model"] for one in models] == ["A", "B"]
    assert [one["completion"]["n"] for one in models] == [1, 1]
    assert output.with_suffix(".png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("completion: []", "mine.yaml:1: completion: "),
        ("completion:\n  - {prompt: a, good: b}", r"mine.yaml:2: completion\[0\].bad: is required"),
        ("speed: {batch_size: [1]}", "mine.yaml:1: speed.batch_size: unknown key; did you mean"),
        ("speed: {repeats: 0}", "mine.yaml:1: speed.repeats = 0: must be greater than 0"),
    ],
)
def test_a_benchmark_file_that_cannot_be_used_is_one_error(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        benchmark_config(tmp_path / "mine.yaml")


def test_completion_benchmark_scores_what_follows_the_prompt(tmp_path: Path) -> None:
    import torch

    suite = BenchmarkSuite(save_run(tmp_path / "run"), device="cpu")
    (row,) = suite.run_completion_benchmark([("The cat is", " here", " there")])["items"]
    tokenizer = suite.loaded.tokenizer
    prompt = tokenizer("The cat is", add_special_tokens=False)["input_ids"]
    whole = [1, *tokenizer("The cat is here", add_special_tokens=False)["input_ids"]]
    with torch.no_grad():
        table = suite.loaded.model(torch.tensor([whole])).logits[0].log_softmax(-1)
    expected = sum(float(table[t - 1, whole[t]]) for t in range(len(prompt) + 1, len(whole)))
    assert row["good_score"] == pytest.approx(expected, abs=1e-4)


def test_model_evaluator(tmp_path: Path) -> None:
    evaluator = ModelEvaluator(str(save_run(tmp_path / "run")), device="cpu")
    (tmp_path / "text.txt").write_text(TEXT[0])
    assert evaluator.calculate_perplexity(TEXT[0]) == evaluator.calculate_perplexity([TEXT[0]])
    assert evaluator.calculate_perplexity(str(tmp_path / "text.txt")) == evaluator.calculate_perplexity(TEXT[0])
    assert isinstance(evaluator.generate("The cat", max_length=5), str)
    assert evaluator.evaluate_token_probabilities(TEXT[0])["entropy"] > 0
    assert evaluator.evaluate_generation_quality(["The"], num_samples=2, max_length=5)["distinct_1"] > 0


def test_evaluate_and_compare_models(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("\n<|endoftext|>\n".join(TEXT))
    runs = [save_run(tmp_path / name, eval_path=str(tmp_path / "dev.txt"), seed=n) for n, name in enumerate("ab")]
    (runs[0] / "training_metrics.json").write_text(json.dumps({"training_time": 12.5}))
    pairs = write_pairs(tmp_path / "pairs")
    row = evaluate_model(str(runs[0]), device="cpu", blimp_data=pairs)
    assert row["training_time"] == 12.5
    assert row["perplexity"] > 1
    assert 0 <= row["pairs"] <= 1
    rows = compare_models([str(run) for run in runs], device="cpu", tasks=["perplexity"])
    assert [r["model"] for r in rows] == ["a", "b"]
    assert rows[1]["training_time"] is None
    assert rows[0]["speed"]["read_tokens_per_second"] > 0
    assert np.isfinite(rows[1]["perplexity"])
    bare = evaluate_model(save_model(tmp_path / "bare"), device="cpu", tasks=None, blimp_data=pairs)
    assert math.isnan(bare["perplexity"])
    assert bare["training_time"] is None


def test_a_folder_is_read_for_evaluation(tmp_path: Path) -> None:
    """Of a folder that serves training and evaluation, the held-out files are read."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "mix.train").write_text(TEXT[1])
    (tmp_path / "text" / "mix.dev").write_text(TEXT[0])
    evaluator = ModelEvaluator(str(save_run(tmp_path / "run")), device="cpu")
    assert evaluator.calculate_perplexity(tmp_path / "text") == evaluator.calculate_perplexity(TEXT[0])


def test_masked_models_are_compared_by_their_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each model is loaded once; what a masked model cannot do is left out and said."""
    loads: list[str] = []
    real = evaluator_module.load_model
    monkeypatch.setattr(
        evaluator_module, "load_model", lambda path, *rest, **more: loads.append(path) or real(path, *rest, **more)
    )
    models = [str(save_model(tmp_path / family, family)) for family in ("Bert", "Llama")]
    (tmp_path / "dev.txt").write_text(TEXT[0])
    pairs = write_pairs(tmp_path / "pairs")
    rows = compare_models(models, device="cpu", blimp_data=pairs, eval_text=tmp_path / "dev.txt", allow_pickle=False)
    assert loads == models
    assert rows[0]["speed"] is None
    assert math.isnan(rows[0]["perplexity"])
    assert 0 <= rows[0]["pairs"] <= 1
    assert rows[1]["speed"]["read_tokens_per_second"] > 0
    assert rows[1]["perplexity"] > 1
    said = [line.split(" skipped")[0] for line in capsys.readouterr().err.splitlines() if "is a masked" in line]
    assert said == ["note: perplexity", "speed"]


def test_prompts_from_the_shell() -> None:
    from babyllama.cli.generate import clean_prompt
    from babyllama.errors import DataError

    assert clean_prompt("\ufeffOnce") == "Once", "a byte-order mark is no part of a text"
    with pytest.raises(DataError, match="PROMPT is not UTF-8 text"):
        clean_prompt("a\udcff")
