"""Fine-tuning on prompts with responses: what is learned, from which weights, and what is refused."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from evaluation_world import make_tokenizer, save_model, save_run
from transformers import AutoModelForCausalLM, AutoTokenizer

from babyllama.cli import main
from babyllama.config.sections import DataSection
from babyllama.corpus.reading.instructions import (
    CHAT_TEMPLATE,
    Segment,
    examples_or_documents,
    learned_segments,
    prompt_segments,
    read_examples,
)
from babyllama.dataset import prepare_dataset
from babyllama.dataset.packed import IGNORED
from babyllama.errors import ConfigError, DataError
from babyllama.evaluation.stories import words_of
from babyllama.finetuning.instructions import make_examples, write_story_prompts
from babyllama.settings import load_config

CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Who runs?"},
    {"role": "assistant", "content": "The dog."},
    {"role": "user", "content": "And now?"},
    {"role": "assistant", "content": "The cat."},
]


def write_lines(file: Path, rows: list[Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.unit
def test_prompt_and_response_are_parted_by_white_space(tmp_path: Path) -> None:
    rows = [{"prompt": "Q?", "response": "A."}, {"prompt": "Q: ", "completion": "B."}]
    found = list(read_examples([write_lines(tmp_path / "a.jsonl", rows)], "plain"))
    assert found[0] == [Segment("Q?\n", False), Segment("A.", True, ends=True)]
    assert found[1] == [Segment("Q: ", False), Segment("B.", True, ends=True)]


@pytest.mark.unit
def test_every_answer_of_a_chat_is_learned_and_what_follows_the_last_is_not_read() -> None:
    parts = learned_segments([*CHAT, {"role": "user", "content": "Thanks"}], "chat")
    assert [part.text for part in parts if part.learned] == [" The dog.", " The cat."]
    assert "Thanks" not in "".join(part.text for part in parts)
    assert prompt_segments(CHAT[:2], "chat")[-1] == Segment("Assistant:", learned=False)


@pytest.mark.unit
def test_the_chat_template_of_the_tokenizer_gives_the_same_text() -> None:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = CHAT_TEMPLATE
    ours = "".join(part.text + ("</s>" if part.ends else "") for part in learned_segments(CHAT, "chat"))
    assert tokenizer.apply_chat_template(CHAT, tokenize=False) == "<s>" + ours
    asked = "".join(part.text for part in prompt_segments(CHAT[:2], "chat"))
    assert tokenizer.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True) == "<s>" + asked


@pytest.mark.unit
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "a"}, r"line 1: no response \(the record has: 'prompt'\)"),
        ({"text": "a"}, "line 1: no prompt"),
        ({"prompt": "a", "response": " "}, "'response' must be text that is not empty"),
        ({"prompt": 3, "response": "b"}, "'prompt' must be text"),
        ({"messages": "hi"}, "`messages` must be a list"),
        ({"messages": [{"role": "bot", "content": "a"}]}, r"messages\[0\] has the role 'bot'"),
        ({"messages": [{"role": "user", "content": "a"}]}, "no message of the assistant"),
        ([1], "Write"),
    ],
)
def test_an_example_without_a_response_is_one_error_with_its_line(row: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        list(read_examples([write_lines(tmp_path / "a.jsonl", [row])], "plain"))


@pytest.mark.unit
def test_plain_text_is_no_file_of_examples(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hello")
    with pytest.raises(DataError, match=r"read from \.jsonl files"):
        list(read_examples([tmp_path / "a.txt"], "plain"))


@pytest.fixture
def examples(small_tokenizer: Any, tmp_path: Path) -> Path:
    """30 examples beside a tokenizer, tok.json."""
    rows = [
        {
            "prompt": f"Words: {'cat' if n % 2 else 'dog'}.",
            "response": f"A {'cat' if n % 2 else 'dog'} sleeps. " * (1 + n % 3),
        }
        for n in range(30)
    ]
    return write_lines(tmp_path / "train.jsonl", rows)


@pytest.mark.unit
@pytest.mark.parametrize("packing", ["best_fit", "separate"])
def test_only_responses_are_targets_and_every_token_of_them_is(packing: Any, examples: Path) -> None:
    data = DataSection(
        tokenizer_path="tok.json", train_path=str(examples), format="instructions", packing=packing, seq_length=64
    )
    packed = prepare_dataset(examples_or_documents([examples], data), [examples], "tok.json", data, split="train")
    from babyllama.tokenizer import load_tokenizer

    tokenizer = load_tokenizer("tok.json")
    learned = []
    for index in range(len(packed)):
        block = packed.block(index)
        ids, labels = block["input_ids"], block["labels"]
        kept = labels != IGNORED
        assert numpy.array_equal(labels[kept], ids[kept])
        assert kept.sum() < block["tokens"] == numpy.count_nonzero(ids != packed.pad_token_id)
        learned += labels[kept].tolist()
    texts = sorted(tokenizer.decode(learned).split("</s>"))[1:]
    assert texts == sorted(json.loads(line)["response"] for line in examples.read_text().splitlines())
    assert packed.manifest.outputs["targets"] == len(learned)


@pytest.fixture
def base(tmp_path: Path, examples: Path) -> Path:
    """A run with the tokenizer tok.json."""
    from babyllama.tokenizer import load_tokenizer

    tokenizer = load_tokenizer("tok.json")
    return save_run(tmp_path / "models" / "base", tokenizer=tokenizer, vocab_size=len(tokenizer))


def configuration(folder: Path, **sections: Any) -> Path:
    value = {
        "data": {"train_path": "train.jsonl", "eval_path": None, "seq_length": 64, "packed_dir": "packed"},
        "model": {"init_from": "models/base", "name": "tuned"},
        "training": {"batch_size": 4, "max_steps": 6, "logging_steps": 2, "lr": 1e-2, "device": "cpu", "threads": 1},
    }
    for name, section in sections.items():
        value[name] = {**value.get(name, {}), **section}
    file = folder / "tune.yaml"
    file.write_text(json.dumps(value))
    return file


@pytest.mark.integration
def test_finetune_begins_with_the_weights_learns_the_responses_and_resumes(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(configuration(tmp_path, data={"template": "chat"}))
    assert main(["finetune", "--config", file, "--dry-run"]) == 0
    assert "32 wide" in capsys.readouterr().out
    assert main(["finetune", "--config", file]) == 0
    run = tmp_path / "models" / "tuned"
    rows = list(csv.DictReader((run / "losses.csv").open()))
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    packed = json.loads(next((tmp_path / "packed").glob("*/manifest.json")).read_text())
    assert int(rows[-1]["tokens_seen"]) > packed["outputs"]["targets"]
    tuned, before = (AutoModelForCausalLM.from_pretrained(one / "final") for one in (run, base))
    assert tuned.config.vocab_size == before.config.vocab_size
    apart = [float((a - b).detach().abs().max()) for a, b in zip(tuned.parameters(), before.parameters(), strict=True)]
    assert 0 < max(apart) < 1
    tokenizer = AutoTokenizer.from_pretrained(run / "final")
    assert tokenizer.apply_chat_template(CHAT[1:3], tokenize=False).startswith(
        "<s>User: Who runs?\nAssistant: The dog."
    )
    assert "init_from: " in (run / "training_config.yaml").read_text()
    assert json.loads((run / "run.json").read_text())["fingerprints"]["init_from"]
    assert "began with the weights of" in (run / "modelcard.md").read_text()
    # The run can be read when the model it began with is gone.
    base.rename(base.with_name("moved"))
    assert load_config(run / "training_config.yaml").model.hidden_size == 32


@pytest.mark.integration
def test_a_model_and_a_file_are_enough(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The context is the model's, the name made of both; overrides and flags come over the defaults."""
    model = AutoModelForCausalLM.from_pretrained(base / "final")
    context = model.config.max_position_embeddings
    command = ["finetune", "--model", "models/base", "--data", "train.jsonl", "data.packed_dir=packed"]
    few = ["--max-steps", "1", "training.device=cpu", "training.threads=1"]
    assert main([*command, *few]) == 0
    assert f"base-train: models/base trained on train.jsonl, 3 passes, blocks of {context} " in capsys.readouterr().err
    run = tmp_path / "models" / "base-train"
    tuned = AutoModelForCausalLM.from_pretrained(run / "final")
    assert tuned.config.max_position_embeddings == context
    assert load_config(run / "training_config.yaml").data.eval_path is None
    assert main([*command, *few, "--dry-run", "data.seq_length=16", "--model-name", "mine", "--lr", "1e-5"]) == 0
    assert "mine: models/base trained on train.jsonl, 3 passes, blocks of 16 tokens, training.lr 1e-05" in (
        capsys.readouterr().err
    )


@pytest.mark.unit
def test_without_a_configuration_what_is_missing_is_named(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given, missing in (
        ([], "--model and --data"),
        (["--model", "models/base"], "--data"),
        (["--data", "x"], "--model"),
    ):
        assert main(["finetune", *given]) == 2
        assert f"error: {missing} missing" in capsys.readouterr().err
    assert main(["finetune", "--model", "models/nine", "--data", "train.jsonl"]) == 2
    assert "models/nine" in capsys.readouterr().err


@pytest.mark.integration
def test_ordinary_training_begins_with_weights_too(base: Path, tmp_path: Path) -> None:
    data = {"train_path": "text", "format": "text"}
    file = configuration(tmp_path, data=data, training={"max_steps": 1, "lr": 1e-9})
    assert main(["train", "--config", str(file)]) == 0
    tuned, before = (
        AutoModelForCausalLM.from_pretrained(tmp_path / "models" / name / "final") for name in ("tuned", "base")
    )
    for a, b in zip(tuned.parameters(), before.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


@pytest.mark.integration
def test_what_cannot_be_begun_with_is_one_error(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str, **sections: Any) -> str:
        assert main(["finetune", "--config", str(configuration(tmp_path, **sections)), *arguments]) == 2
        return capsys.readouterr().err

    assert "is not there; name a run" in (missing := said("--model", "./models/none"))
    assert not any(f"model.{key}" in missing for key in ("type", "hidden_size", "n_layer"))  # it would have said them
    assert "holds no model" in said("--model", "text")
    assert "model.hidden_size = 64: the weights that model.init_from names have 32" in said(model={"hidden_size": 64})
    sizes = {"type": "Llama", "hidden_size": 64, "n_layer": 2, "n_head": 4}
    assert "model.hidden_size = 64 and the weights" in said(model=sizes)
    assert "brings the tokenizer" in said(tokenizer={"vocab_size": 300})
    assert "best_fit or separate" in said(data={"packing": "concat"})
    assert "is required" in said(model={"init_from": None})
    assert "which model shall be trained on" in said(model={**sizes, "init_from": None})
    assert "must be at least data.seq_length" in said(data={"seq_length": 256})
    save_model(tmp_path / "other", tokenizer=make_tokenizer())
    assert "another tokenizer" in said("--model", "other", data={"tokenizer_path": "tok.json"})
    (tmp_path / "train.jsonl").write_text('{"prompt": "a"}\n')
    assert "no response" in said()


@pytest.mark.unit
def test_sizes_of_a_file_are_not_meant_for_weights_named_on_the_command_line(base: Path, tmp_path: Path) -> None:
    sizes = {"type": "GPT2", "hidden_size": 64, "n_layer": 9, "n_head": 4, "init_from": "elsewhere"}
    file = configuration(tmp_path, model=sizes)
    assert load_config(file).model.n_layer == 9
    config = load_config(file, ["model.init_from=models/base"])
    assert (config.model.type, config.model.n_layer, config.model.hidden_size) == ("Llama", 2, 32)
    assert config.data.tokenizer_path == "models/base"
    with pytest.raises(ConfigError, match=r"the weights that model\.init_from names have 2"):
        load_config(file, ["model.init_from=models/base", "model.n_layer=3"])


@pytest.mark.unit
def test_prompts_ask_for_words_of_their_story_that_are_neither_rare_nor_common() -> None:
    stories = [
        f'The {a} saw Tom. "Hi," he said to {b} and {c}.'
        for a in ("ant", "bee")
        for b in ("cow", "doe")
        for c in ("emu", "fox")
    ]
    counts = Counter(word for story in stories for word in set(words_of(story)))
    found = make_examples([*stories, *["The end."] * 40], counts, 48, seed=1)
    assert len(found) == len(stories)
    for one, story in zip(found, stories, strict=True):
        assert one["response"] == story
        assert len(set(one["words"])) == 3
        assert set(one["words"]) <= {"ant", "bee", "cow", "doe", "emu", "fox"}
        assert one["prompt"] == f"Words: {', '.join(one['words'])}. Dialogue: yes.\n"
    assert found == make_examples([*stories, *["The end."] * 40], counts, 48, seed=1)


@pytest.mark.unit
def test_prompts_are_held_out_and_text_without_stories_is_one_error(small_text: Path, tmp_path: Path) -> None:
    stories = [" ".join(f"{first}{'abcdefghijklmnopqrst'[n % 20] * 3}" for first in "xyz") for n in range(80)]
    (tmp_path / "stories.txt").write_text("\n<|endoftext|>\n".join(stories))
    counts = write_story_prompts(tmp_path / "stories.txt", tmp_path / "out")
    assert list(counts.values()) == [72, 8]
    lines = [json.loads(line) for name in counts for line in Path(name).read_text().splitlines()]
    assert sorted(line["response"] for line in lines) == sorted(stories)
    (tmp_path / "others.txt").write_text("xaaa yaaa zaaa and more")
    counts = write_story_prompts(tmp_path / "stories.txt", tmp_path / "out", held_out=tmp_path / "others.txt")
    assert list(counts.values()) == [80, 1]
    asked = json.loads((tmp_path / "out" / "held_out.jsonl").read_text())
    assert sorted(asked["words"]) == ["xaaa", "yaaa", "zaaa"], "words count as rare or common by the training stories"
    (tmp_path / "one.txt").write_text("Hello.")
    with pytest.raises(DataError, match="no stories to make prompts from"):
        write_story_prompts(tmp_path / "one.txt", tmp_path / "out")
