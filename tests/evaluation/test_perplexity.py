"""Perplexity against the plain way: one document, one forward pass, torch's cross entropy in float64."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import FAMILY_NAMES, TEXT, load, make_tokenizer, save_model, save_run

from babyllama.artifacts import fingerprint_files
from babyllama.errors import DataError, EvaluationError
from babyllama.evaluation import perplexity
from babyllama.evaluation.perplexity import perplexity_by_domain
from babyllama.evaluation.tasks import build_tasks

pytestmark = pytest.mark.unit

DOCUMENTS = [*TEXT, "One.\nTwo lines, Zoë — 5 €.", "a", "  spaces  in   front"]


def plain_nll(loaded: Any, text: str) -> tuple[float, int]:
    """(sum of -ln p, tokens) of `text` after <s>, </s> not counted."""
    import torch

    ids = torch.tensor([[1, *loaded.tokenizer(text, add_special_tokens=False)["input_ids"]]])
    with torch.no_grad():
        logits = loaded.model.double()(ids).logits[0, :-1]
    loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
    loaded.model.float()
    return float(loss), ids.shape[1] - 1


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_exact_totals(tmp_path: Path, family: str) -> None:
    loaded = load(save_model(tmp_path, family))
    found = perplexity(loaded, iter(DOCUMENTS))
    totals = [plain_nll(loaded, text) for text in DOCUMENTS]
    nll, tokens = sum(t[0] for t in totals), sum(t[1] for t in totals)
    size = sum(len(text.encode()) for text in DOCUMENTS)
    assert (found.tokens, found.documents, found.bytes) == (tokens, len(DOCUMENTS), size)
    assert found.words == sum(len(text.split()) for text in DOCUMENTS)
    assert found.nll == pytest.approx(nll, rel=1e-6)
    assert found.perplexity == pytest.approx(math.exp(nll / tokens), rel=1e-5)
    assert found.bits_per_byte == pytest.approx(nll / math.log(2) / size, rel=1e-6)
    assert found.word_perplexity == pytest.approx(math.exp(nll / found.words), rel=1e-4)
    assert found.unigram_perplexity is None


def test_one_token_of_probability_one_half_is_one_bit(tmp_path: Path) -> None:
    """A model that gives all V tokens the same probability has perplexity V, whatever the text."""
    import torch

    loaded = load(save_model(tmp_path))
    torch.nn.init.zeros_(loaded.model.lm_head.weight)
    found = perplexity(loaded, DOCUMENTS)
    assert found.perplexity == pytest.approx(330, rel=1e-5)
    assert found.bits_per_byte == pytest.approx(math.log2(330) * found.tokens / found.bytes, rel=1e-5)


def measured(loaded: Any, text: Path | None = None) -> Any:
    """What the task `perplexity` gives."""
    (task,) = build_tasks(["perplexity"], {"eval_text": text})
    return task.score(loaded, task.data(loaded.place))


def test_the_order_and_grouping_of_documents_do_not_matter(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path))
    whole = perplexity(loaded, DOCUMENTS)
    assert perplexity(loaded, DOCUMENTS[::-1], buffer_characters=60).nll == pytest.approx(whole.nll, rel=1e-6)


def test_long_documents_are_scored_whole(tmp_path: Path) -> None:
    """Every token once, the later ones with at least half a context: close to a model whose context holds it all."""
    text = " ".join(TEXT)
    short = load(save_model(tmp_path / "short", context=32))
    long = load(save_model(tmp_path / "long", context=512))
    found = perplexity(short, [text])
    reference = perplexity(long, [text])
    assert found.tokens == reference.tokens
    assert found.nll == pytest.approx(reference.nll, rel=0.1)
    assert found.nll != pytest.approx(reference.nll, rel=1e-4), "the test text must be longer than the context"
    tight = perplexity(short, [text], stride=1)
    import torch

    ids = [1, *short.tokenizer(text, add_special_tokens=False)["input_ids"]]
    nll = 0.0
    for target in range(1, len(ids)):
        window = ids[max(0, target - 32) : target]
        with torch.no_grad():
            nll -= float(short.model(torch.tensor([window])).logits[0, -1].log_softmax(-1)[ids[target]])
    assert tight.nll == pytest.approx(nll, rel=1e-5), "stride 1: every token after a full context"


def test_unigram_model_on_the_same_tokens(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path))
    counts = np.arange(330)
    found = perplexity(loaded, DOCUMENTS, token_counts=counts)
    ids = [i for text in DOCUMENTS for i in loaded.tokenizer(text, add_special_tokens=False)["input_ids"]]
    whole = counts.sum() - 0 - 1 - 2 + 330  # <pad>, <s> and </s> have the ids and here the counts 0, 1 and 2
    nll = -sum(math.log((counts[i] + 1) / whole) for i in ids)
    assert found.unigram_perplexity == pytest.approx(math.exp(nll / len(ids)), rel=1e-9)
    many = counts + np.where(counts < 3, 10_000, 0)
    assert perplexity(loaded, DOCUMENTS, token_counts=many).unigram_perplexity == found.unigram_perplexity
    with pytest.raises(EvaluationError, match="token counts cover 5 ids and its tokenizer has 330"):
        perplexity(loaded, DOCUMENTS, token_counts=counts[:5])


def test_domains_add_up(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path))
    counts = np.where(np.arange(330) < 3, 0, 1)
    found = perplexity_by_domain(loaded, {"a": TEXT[:2], "b": TEXT[2:], "none": []}, token_counts=counts)
    whole = perplexity(loaded, TEXT, token_counts=counts)
    assert set(found.domains) == {"a", "b"}
    for name in ("tokens", "bytes", "words", "documents"):
        assert getattr(found, name) == getattr(whole, name)
    assert found.nll == pytest.approx(whole.nll, rel=1e-6)
    assert found.unigram_perplexity == pytest.approx((2 * 327 + 3) / 2), "uniform but for the marks"
    assert found.domains["a"].perplexity == pytest.approx(perplexity(loaded, TEXT[:2]).perplexity, rel=1e-6)
    json.dumps(found.to_json(), allow_nan=False)


def test_tokenizer_without_marks(tmp_path: Path) -> None:
    """The first token of a document has no context, is not scored, and is said to be left out."""
    run = save_run(tmp_path / "run", tokenizer=make_tokenizer(bos=None, eos=None))
    (tmp_path / "text.txt").write_text("The cat.\n<|endoftext|>\nA dog.\n")
    found = measured(load(run), tmp_path / "text.txt")
    assert found.numbers["unscored_tokens"] == found.numbers["documents"] == 2
    assert any("first token of each of 2 documents" in line for line in found.notes())


def test_tokenizer_whose_marks_are_its_own_business(tmp_path: Path) -> None:
    """A tokenizer that adds <s> and </s> by itself gives the same perplexity as one that adds nothing."""
    plain = perplexity(load(save_model(tmp_path / "a")), DOCUMENTS)
    marked = perplexity(load(save_model(tmp_path / "b", tokenizer=make_tokenizer(adds_marks=True))), DOCUMENTS)
    assert (plain.nll, plain.tokens) == (marked.nll, marked.tokens)


def test_marks_inside_a_text_do_not_end_it(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path, tokenizer=make_tokenizer()))
    found = perplexity(loaded, ["He wrote </s> twice."])
    assert found.tokens > 10, "the mark's letters are ordinary text"


def test_the_runs_text_is_read_from_the_column_it_was_trained_with(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text(json.dumps({"meta": {"body": TEXT[0]}, "text": TEXT[1]}) + "\n")
    run = save_run(tmp_path / "run", eval_path=str(tmp_path / "dev.jsonl"), column="meta.body")
    found = measured(load(run)).measured
    assert found.nll == pytest.approx(perplexity(load(run), TEXT[:1]).nll, rel=1e-6)
    assert measured(load(run), tmp_path / "dev.jsonl").measured.nll == found.nll


def test_text_of_the_run(tmp_path: Path) -> None:
    text = tmp_path / "dev"
    text.mkdir()
    (text / "a.dev").write_text(f"{TEXT[0]}\n<|endoftext|>\n{TEXT[1]}\n")
    (text / "b.dev").write_text(f"{TEXT[2]}\n")
    run = save_run(tmp_path / "run", eval_path=str(text))
    np.save(run / "token_counts.npy", np.ones(330, dtype=np.int64))
    found = measured(load(run)).measured
    assert found.documents == 3
    assert set(found.domains) == {"a.dev", "b.dev"}
    assert found.unigram_perplexity == pytest.approx((2 * 327 + 3) / 2), "uniform but for the marks"
    assert (found.text, found.text_fingerprint) == (str(text), fingerprint_files(sorted(text.iterdir())))
    assert found.nll == pytest.approx(perplexity(load(run), TEXT[:3]).nll, rel=1e-6)


def test_no_text_to_be_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no run of ours\. Name a file or folder with --eval-text"):
        measured(load(save_model(tmp_path / "model")))
    with pytest.raises(DataError, match=r"trained without data\.eval_path"):
        measured(load(save_run(tmp_path / "run")))
    with pytest.raises(DataError, match="is not there"):
        measured(load(save_run(tmp_path / "moved", eval_path="nowhere/dev")))
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(DataError, match="empty"):
        measured(load(tmp_path / "model"), tmp_path / "empty.txt")


def test_masked_models_have_none(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="masked language model"):
        perplexity(load(save_model(tmp_path, "Bert")), TEXT)


def test_rotary_positions_are_read_beyond_the_context(tmp_path: Path) -> None:
    """As by the same weights in a model that was made for so many tokens."""
    text = " ".join(TEXT)
    short, long = load(save_model(tmp_path / "short", context=32)), load(save_model(tmp_path / "long", context=512))
    length = len(short.tokenizer(text)["input_ids"])
    assert 100 < length < 512
    expected = perplexity(long, [text])
    assert perplexity(short, [text], context=512).nll == pytest.approx(expected.nll, rel=1e-6)
    assert perplexity(short, [text], context=512).tokens == expected.tokens
    assert perplexity(long, [text], context=32).nll == pytest.approx(perplexity(short, [text]).nll, rel=1e-6)
    with pytest.raises(EvaluationError, match="--stride 513"):
        perplexity(short, [text], context=512, stride=513)


@pytest.mark.parametrize("family", ["GPT2", "GPTJ"])
def test_other_positions_end_where_the_context_does(tmp_path: Path, family: str) -> None:
    loaded = load(save_model(tmp_path, family, context=32))
    with pytest.raises(EvaluationError, match=r"--context 33: .* has 32 positions"):
        perplexity(loaded, TEXT, context=33)
    assert perplexity(loaded, TEXT, context=16).tokens == perplexity(loaded, TEXT).tokens


def test_another_context_is_a_result_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from babyllama.cli import main

    (tmp_path / "text.txt").write_text(" ".join(TEXT) * 3)
    run = save_run(tmp_path / "models" / "A", eval_path=str(tmp_path / "text.txt"))
    command = ["evaluate", str(run), "--tasks", "perplexity", "--device", "cpu"]
    assert main(command) == 0
    assert main([*command, "--context", "100"]) == 0
    assert "100 tokens at once" in capsys.readouterr().out
    kept = json.loads((run / "evaluation" / "perplexity_context-100.json").read_text())
    own = json.loads((run / "evaluation" / "perplexity.json").read_text())
    assert (kept["context"], kept["settings"]["context"]) == (100, 100)
    assert "context" not in own
    assert "context" not in own["settings"]
    assert kept["nll"] != own["nll"]


@pytest.mark.parametrize("stride", [0, 65])
def test_stride_lies_within_the_context(tmp_path: Path, stride: int) -> None:
    with pytest.raises(EvaluationError, match="between 1 and the context of 64"):
        perplexity(load(save_model(tmp_path)), TEXT, stride=stride)


def test_broken_weights_are_counted(tmp_path: Path) -> None:
    import torch

    loaded = load(save_model(tmp_path))
    torch.nn.init.constant_(loaded.model.model.norm.weight, float("nan"))
    found = perplexity(loaded, TEXT)
    assert found.nan_tokens == found.tokens
    assert found.to_json()["perplexity"] is None
