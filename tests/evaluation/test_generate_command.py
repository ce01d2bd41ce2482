"""`babyllama generate` and `predict`: streamed, batched, beyond the context, in conversation."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from evaluation_world import FAMILY_NAMES, TEXT, load, save_model, save_run

import babyllama
from babyllama.cli import main
from babyllama.errors import CheckpointError, DataError, EvaluationError
from babyllama.evaluation import generate
from babyllama.evaluation.chat import Chat
from babyllama.evaluation.generation import Sampling, draw, generate_batch

pytestmark = pytest.mark.unit


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_what_is_drawn_is_what_the_library_draws(tmp_path: Path, family: str) -> None:
    import torch

    loaded = load(save_model(tmp_path, family))
    ids = [1, *loaded.tokenizer("The cat", add_special_tokens=False)["input_ids"]]
    torch.manual_seed(5)
    expected = loaded.model.generate(
        torch.tensor([ids] * 2), attention_mask=torch.ones(2, len(ids), dtype=torch.long), max_new_tokens=9, do_sample=True,
        temperature=1.2, top_k=30, top_p=0.9, min_p=0.02, repetition_penalty=1.3, pad_token_id=0, eos_token_id=2,
    )[:, len(ids):].tolist()  # fmt: skip
    how = Sampling(max_new_tokens=9, temperature=1.2, top_k=30, top_p=0.9, min_p=0.02, repetition_penalty=1.3, seed=5)
    ended = [row[: row.index(2)] if 2 in row else row for row in expected]
    assert draw(loaded, [ids, ids], how) == ended


def test_pieces_that_are_shown_join_to_the_sample(model: Path) -> None:
    loaded = load(model)
    for seed in range(4):
        pieces: list[str] = []
        (text,) = generate(
            loaded, "The cat", max_new_tokens=90, temperature=1.5, top_k=0, seed=seed, show=pieces.append
        )
        assert "The cat" + "".join(pieces) == text
        assert len(pieces) > 5
        assert not any(piece.endswith("\ufffd") for piece in pieces[:-1])


def test_beyond_the_context_drawing_goes_on_with_the_newest_half(tmp_path: Path) -> None:
    import torch

    loaded = load(save_model(tmp_path, "GPT2", context=16))
    ids = [1, *loaded.tokenizer("The cat", add_special_tokens=False)["input_ids"]]
    (found,) = draw(loaded, [ids], Sampling(max_new_tokens=50, temperature=0))
    whole, window = list(ids), list(ids)
    for token in found:
        if len(window) == 16:
            window = [1, *whole[-7:]]
        with torch.no_grad():
            assert token == int(loaded.model(torch.tensor([window])).logits[0, -1].argmax())
        whole.append(token)
        window.append(token)
    long = " ".join(TEXT)
    assert generate(loaded, long, max_new_tokens=5)[0].startswith(long)


def test_a_batch_is_its_prompts_one_by_one(model: Path) -> None:
    loaded = load(model)
    prompts = ["The cat", "Once upon a time there was", "Nobody", "The girl saw herself in", "A"]
    alone = [generate(loaded, text, temperature=0, max_new_tokens=12)[0][len(text) :] for text in prompts]
    assert generate_batch(loaded, prompts, batch_size=2, temperature=0, max_new_tokens=12) == alone
    drawn = generate_batch(loaded, prompts, seed=1)
    assert drawn == generate_batch(loaded, prompts, seed=1) != generate_batch(loaded, prompts, seed=2)


def test_repeating_is_less_with_a_penalty_and_rare_tokens_go_with_min_p(model: Path) -> None:
    loaded = load(model)
    how = {"max_new_tokens": 40, "temperature": 0.0}
    ids = [[1, 40]]
    plain, penalised = draw(loaded, ids, Sampling(**how)), draw(loaded, ids, Sampling(**how, repetition_penalty=3.0))
    assert len(set(penalised[0])) / len(penalised[0]) > len(set(plain[0])) / len(plain[0])
    assert draw(loaded, ids, Sampling(max_new_tokens=9, temperature=1.0, top_k=0, min_p=1.0)) == draw(
        loaded, ids, Sampling(max_new_tokens=9, temperature=0)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [({"min_p": 1.5}, "--min-p 1.5"), ({"repetition_penalty": 0}, "--repetition-penalty 0: must be above 0")],
)
def test_settings_that_cannot_be_drawn_with(model: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        generate(load(model), "The cat", **options)


def test_the_command_streams_what_it_would_print(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(model), "The cat", "--max-new-tokens", "20"]) == 0
    assert capsys.readouterr().out == generate(load(model), "The cat", max_new_tokens=20)[0] + "\n"


def test_a_file_of_prompts_gives_json_lines(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.txt").write_text("The cat\n\nNobody\n")
    (tmp_path / "p.jsonl").write_text('{"prompt": "The cat"}\n{"prompt": "Nobody", "other": 1}\n')
    outs = []
    for name in ("p.txt", "p.jsonl"):
        assert main(["generate", str(model), "--prompts", str(tmp_path / name), "--max-new-tokens", "5"]) == 0
        outs.append(capsys.readouterr().out)
    rows = [json.loads(line) for line in outs[0].splitlines()]
    assert [row["prompt"] for row in rows] == ["The cat", "Nobody"]
    assert all(isinstance(row["continuation"], str) for row in rows)
    assert outs[0] == outs[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "PROMPT is empty: give the text to continue"),
        (["  "], "PROMPT is empty"),
        (["--prompts", "absent.txt"], "--prompts absent.txt: there is no such file"),
        (["--prompts", "bad.jsonl"], 'bad.jsonl:2: no JSON object with "prompt"'),
        (["--prompts", "empty.jsonl"], "empty.jsonl:1: the prompt is empty"),
        (["--prompts", "blank.txt"], "holds no prompts"),
        (["The cat", "--prompts", "blank.txt"], "--prompts stands alone"),
        (["The cat", "--top-k", "-1"], "--top-k -1: must be 0 (off) or more"),
        (["The cat", "--chat"], "was not fine-tuned on prompts or chats"),
    ],
)
def test_prompts_that_are_none(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.jsonl").write_text('{"prompt": "a"}\n["a"]\n')
    Path("empty.jsonl").write_text('{"prompt": " "}\n')
    Path("blank.txt").write_text("\n \n")
    assert main(["generate", str(model), *arguments]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""


def test_predict_prints_a_new_sample_of_the_newest_run_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no finished run in \./models/"):
        babyllama.predict("The cat")
    older = save_run(tmp_path / "models" / "older", seed=1)
    newer = save_run(tmp_path / "models" / "study" / "newer", seed=2)
    for age, run in enumerate((newer, older)):
        (run / "training_metrics.json").touch()
        os.utime(run / "training_metrics.json", (1000 - age, 1000 - age))

    def said(*arguments: Any, **options: Any) -> str:
        babyllama.predict("The cat", *arguments, max_new_tokens=12, **options)
        return capsys.readouterr().out

    texts = {said(temperature=1.1) for _ in range(4)}
    assert len(texts) == 4
    assert all(text.startswith("The cat") and text.endswith("\n") for text in texts)
    assert said(seed=3) == said(seed=3) == said(newer, seed=3) != said(older, seed=3)
    with pytest.raises(DataError, match="the prompt is empty"):
        babyllama.predict(" ")


CHATTING = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"


def test_a_conversation_remembers_what_fits(model: Path) -> None:
    loaded = load(model)
    with pytest.raises(EvaluationError, match="was not fine-tuned"):
        Chat(loaded)
    loaded.tokenizer.chat_template = CHATTING
    chat = Chat(loaded, Sampling(max_new_tokens=4, temperature=0))
    pieces: list[str] = []
    answer = chat.ask("Who ran?", pieces.append)
    assert "".join(pieces) == answer
    expected = generate(loaded, "user: Who ran?\nassistant:", max_new_tokens=4, temperature=0)[0]
    assert [one["role"] for one in chat.history] == ["user", "assistant"]
    assert loaded.tokenizer.decode(chat._prompt()).startswith("user: Who ran?\nassistant: ")
    assert expected.startswith("user: Who ran?\nassistant:")
    for number in range(12):  # 64 tokens of context do not hold all of that
        chat.ask(f"Question number {number}?")
    assert 2 <= len(chat.history) < 12
    assert chat.history[0]["role"] == "user"
    assert chat.history[-2]["content"] == "Question number 11?"
    with pytest.raises(EvaluationError, match="the message is empty"):
        chat.ask(" ")


def test_a_conversation_with_a_fine_tuned_run_is_read_as_it_was_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from babyllama.config.scalars import dump

    run = save_run(tmp_path / "models" / "tuned")
    values = {
        "data": {"format": "instructions", "template": "chat"},
        "model": {"type": "Llama", "hidden_size": 32, "n_layer": 2, "n_head": 4},
    }
    (run / "training_config.yaml").write_text(dump(values))
    (run / "run.json").unlink()  # which would notice that
    loaded = load(run)
    chat = Chat(loaded, Sampling(max_new_tokens=3, temperature=0))
    chat.history = [
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "I."},
        {"role": "user", "content": "You?"},
    ]
    ids = chat._prompt()
    assert ids[0] == 1
    assert ids.count(2) == 1  # an answer ends with the end mark, as in fine-tuning
    assert loaded.tokenizer.decode(ids, skip_special_tokens=True) == "User: Who?\nAssistant: I.User: You?\nAssistant:"
    monkeypatch.setattr(sys, "stdin", io.StringIO("Who ran?\n\nAnd then?\n"))
    assert main(["generate", str(run), "--chat", "--max-new-tokens", "4"]) == 0
    assert capsys.readouterr().out.count("\n") >= 2
