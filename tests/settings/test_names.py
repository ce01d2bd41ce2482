"""Names and spellings that users bring: other trainers' keys, old spellings, flags without a section."""

from pathlib import Path

import pytest

from babyllama.cli import main, parse
from babyllama.config import Config
from babyllama.config.reference import section_keys
from babyllama.config.synonyms import SYNONYMS
from babyllama.settings import load_config

pytestmark = pytest.mark.unit

BASE = "extends: minimal.yaml\n"


def test_every_synonym_leads_to_a_key_and_is_none_itself() -> None:
    keys = set(section_keys())
    assert set(SYNONYMS.values()) - keys == set()
    sections = {key: set(key.split(".")[-1:]) for key in keys}
    assert [name for name, key in SYNONYMS.items() if name in sections[key]] == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("training: {learning_rate: 1e-3}", "training.lr"),
        ("learning_rate: 1e-3", "training.lr"),
        ("training: {per_device_train_batch_size: 8}", "training.batch_size"),
        ("training: {global_batch_size: 8}", "training.effective_batch_size"),
        ("model: {hidden_dim: 64}", "model.hidden_size"),
        ("model: {num_layers: 2}", "model.n_layer"),
        ("model: {num_attention_heads: 2}", "model.n_head"),
        ("data: {block_size: 64}", "data.seq_length"),
        ("training: {lr_scheduler_type: cosine}", "optimization.schedule"),
        ("training: {learnin_rate: 1e-3}", "training.lr"),
    ],
)
def test_another_trainers_name_of_a_key_is_known(mistakes, text: str, key: str) -> None:
    assert f"did you mean {key}?" in mistakes(BASE + text)


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        ("training: {fp16: true}", ["training.precision=bf16"], ("bf16", False)),
        ("training: {fp16: true}", ["training.precision=auto"], ("auto", False)),
        ("training: {precision: bf16}", ["training.fp16=true"], ("auto", True)),
        ("training: {fp16: true}", ["training.bf16=false"], ("auto", True)),
        ("training: {precision: bf16}", ["training.fp16=false"], ("bf16", False)),
    ],
)
def test_an_override_beats_another_spelling_in_the_file(load, text: str, overrides: list[str], expected: tuple) -> None:
    config: Config = load(BASE + text, *overrides)
    assert (config.training.precision, config.training.fp16) == expected


def test_an_override_of_the_effective_batch_beats_the_accumulation_in_the_file(load) -> None:
    text = BASE + "training: {batch_size: 8, gradient_accumulation_steps: 3}"
    training = load(text, "training.effective_batch_size=32").training
    assert (training.effective_batch_size, "gradient_accumulation_steps" in training.model_fields_set) == (32, False)


def test_two_overrides_that_contradict_each_other_are_a_mistake(mistakes) -> None:
    assert "both true" in mistakes(BASE, "training.fp16=true", "training.bf16=true")


def test_a_flag_beats_the_spelling_of_an_override(load, tmp_path: Path) -> None:
    load(BASE)
    flags = [("--fp16", "training.fp16", True)]
    config = load_config(tmp_path / "c.yaml", ["training.precision=bf16"], flags)
    assert (config.training.precision, config.training.fp16) == ("auto", True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("model:\n  name: a: b\n", "c.yaml:2: not valid YAML: a `: ` where none can stand; put the value in quotes"),
        ("model:\n  name\n  type: Llama\n", "give the key before it its colon"),
        ("model:\n  type: Llama\n  name\n", "a line that is no `key: value`"),
        ("model:\n  type: Llama\n name: x\n", "a line that is indented unlike the others"),
        ("model: {name: x\n", "a bracket that is not closed with }"),
        ("plugins: [a\nmodel: {}\n", "a bracket that is not closed with ]"),
        ("model:\n  name: 'x\n", "c.yaml:3: not valid YAML: a quotation mark that is not closed (begun on line 2)"),
        ("model:\n  name: @x\n", "a value cannot begin with @; put it in quotes"),
        ('model:\n  name: "a\\q"\n', "no escape in double quotes"),
        ("model:\n  name: *x\n", "*x repeats what &x marks"),
        ("model: - a\n", "items of a list stand on lines of their own"),
    ],
)
def test_a_syntax_error_says_what_to_mend(mistakes, text: str, line: str) -> None:
    assert line in mistakes(text)


@pytest.mark.parametrize(
    "arguments", [["llama-10M"], ["-c", "llama-10M"], ["--config=llama-10M"], ["training.lr=1", "llama-10M"]]
)
def test_the_configuration_may_stand_alone(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from babyllama.cli.options import config_from

    assert config_from(parse("train", arguments)[1]).model.name == "Llama-10M"


def test_two_configurations_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "-c", "llama-10M", "llama-16M"]) == 2
    assert "two configurations are given, llama-10M and llama-16M" in capsys.readouterr().err


def test_flags_of_other_trainers_set_the_key() -> None:
    from babyllama.cli.train import flags_of

    _, args = parse("train", ["llama-10M", "--learning-rate", "1e-3", "--max_steps=5", "--output-path", "there"])
    assert {key: value for _, key, value in flags_of(args)} == {
        "training.lr": "1e-3",
        "training.max_steps": "5",
        "logging.output_dir": "there",
    }
    _, args = parse("evaluate", ["m", "--limit", "3", "--output-path", "x.json"])
    assert (args.pairs_per_paradigm, args.output_path) == (3, "x.json")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["llama-10M", "--warmup-steps", "3"], "did you mean training.warmup_steps=VALUE?"),
        (["llama-10M", "--num-layers=3"], "did you mean model.n_layer=VALUE?"),
    ],
)
def test_a_flag_for_a_key_is_told_as_an_override(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["train", *arguments])
    assert hint in capsys.readouterr().err


def test_an_override_without_its_section_is_told_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "-c", "llama-10M", "lr=1e-3"]) == 2
    assert "write section.key=value. Did you mean training.lr=1e-3?" in capsys.readouterr().err
