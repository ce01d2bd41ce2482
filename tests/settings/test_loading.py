"""Configurations: precedence, numbers, every mistake with its place, and the shipped files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from babyllama.errors import ConfigError
from babyllama.settings import load_config, resolved_yaml

pytestmark = pytest.mark.unit

MINIMAL = """\
model:
  type: Llama
  name: tiny
  hidden_size: 32
  n_layer: 2
  n_head: 4
"""
CONFIG = Path(__file__).resolve().parents[2] / "config"
SHIPPED = sorted([*CONFIG.glob("*.yaml"), *CONFIG.glob("recipes/*.yaml")])


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "c.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def mistakes(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


def test_scientific_notation_is_a_number(write) -> None:
    config = load_config(write(MINIMAL + "training: {lr: 3e-4}\noptimization: {adam_epsilon: 1E-8}\n"))
    assert config.training.lr == 0.0003
    assert config.optimization.adam_epsilon == 1e-8


@pytest.mark.parametrize("absent", ["None", "null", "~", "'None'", ""])
def test_none_in_any_spelling_is_the_family_default(write, absent: str) -> None:
    assert load_config(write(MINIMAL + f"  intermediate_size: {absent}\n")).model.intermediate_size is None


def test_flags_beat_overrides_beat_the_file(write) -> None:
    path = write(MINIMAL + "training: {lr: 1, batch_size: 1, seed: 1}\n")
    config = load_config(path, ["training.lr=2", "training.batch_size=2"], [("--lr", "training.lr", 3)])
    assert (config.training.lr, config.training.batch_size, config.training.seed) == (3, 2, 1)


def test_zero_on_the_command_line_is_not_dropped(write) -> None:
    assert (
        load_config(write(MINIMAL + "training: {warmup_steps: 7}\n"), ["training.warmup_steps=0"]).training.warmup_steps
        == 0
    )


def test_extends_lays_one_file_over_another(write) -> None:
    write(MINIMAL + "training: {lr: 0.5, seed: 9}\n", "base.yaml")
    config = load_config(write("extends: base.yaml\ntraining: {lr: 0.25}\n"))
    assert (config.training.lr, config.training.seed, config.model.hidden_size) == (0.25, 9, 32)


def test_a_file_that_extends_itself_is_named(write) -> None:
    write("extends: c.yaml\n", "base.yaml")
    assert "extends itself" in mistakes(write("extends: base.yaml\n"))


def test_every_mistake_is_reported_with_its_line(write) -> None:
    text = MINIMAL + "training:\n  lr: fast\n  batchsize: 4\n  precision: bf61\ndata:\n  seq_length: -1\n"
    message = mistakes(write(text), "training.seed=x")
    assert message.startswith("5 mistakes")
    assert re.search(r"c\.yaml:8: training\.lr = 'fast': must be a number", message)
    assert re.search(r"c\.yaml:9: training\.batchsize: unknown key; did you mean training\.batch_size\?", message)
    assert re.search(r"c\.yaml:10: training\.precision = 'bf61'.*did you mean bf16", message)
    assert re.search(r"c\.yaml:12: data\.seq_length = -1: must be greater than 0", message)
    assert "override training.seed=x: training.seed = 'x': must be a whole number" in message


def test_contradictions_are_reported_beside_wrong_values(write) -> None:
    message = mistakes(write(MINIMAL), "model.hidden_size=30", "training.lr=fast", "data.random_offset=true")
    assert message.startswith("2 mistakes")
    assert "model.hidden_size = 30: must be a multiple of model.n_head" in message
    assert "training.lr = 'fast': must be a number" in message


def test_a_key_in_the_wrong_section_is_sent_to_the_right_one(write) -> None:
    assert "belongs to optimization.weight_decay" in mistakes(write(MINIMAL + "training: {weight_decay: 0.1}\n"))


def test_duplicate_keys_are_mistakes(write) -> None:
    message = mistakes(write(MINIMAL + "training:\n  lr: 1\n  lr: 2\n"))
    assert "c.yaml:9: training.lr: this key stands twice (first on line 8)" in message


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("model: {type: Lama, hidden_size: 32, n_layer: 2, n_head: 4}", "did you mean 'Llama'"),
        ("model: {type: Llama, hidden_size: 30, n_layer: 2, n_head: 4}", "must be a multiple of model.n_head"),
        ("model: {type: Llama, hidden_size: 20, n_layer: 2, n_head: 4}", "rotary embeddings need an even width"),
        ("model: {type: Llama, hidden_size: 32, n_layer: 2, n_head: 4, resid_pdrop: 0.1}", "Llama has no such setting"),
        ("model: {type: GPT2, hidden_size: 32, n_layer: 2, n_head: 4, n_kv_head: 2}", "GPT2 has no such setting"),
        ("model: {type: Llama, hidden_size: 32, n_layer: 2, n_head: 4, n_kv_head: 3}", "must divide n_head"),
        (MINIMAL + "training: {batch_size: 3, effective_batch_size: 8}", "must be a multiple of training.batch_size"),
        (MINIMAL + "training: {batch_size: auto}", "auto needs training.effective_batch_size"),
        (MINIMAL + "training: {fp16: true, bf16: true}", "fp16 and bf16 are both true"),
        (MINIMAL + "training: {fp16: true, precision: bf16}", "contradicts fp16: true"),
        (MINIMAL + "data: {random_offset: true, packing: best_fit}", "best_fit has none to shift"),
        (MINIMAL + "mixing: {sources: [{path: a}, {path: b, domain: childs}]}", "did you mean 'childes'"),
        (MINIMAL + "data: {seq_length: 64}\n", None),
        ("model: {type: Llama, n_layer: 2, n_head: 4}", "model.hidden_size: is required"),
        ("", "the configuration is empty"),
        ("- 1", "a configuration is `section:` lines"),
        ("model: [", "not valid YAML"),
        ("model: 3", "must be a section"),
    ],
)
def test_contradictions_name_the_rule(write, text: str, rule: str | None) -> None:
    path = write(text)
    if rule is None:
        load_config(path)
    else:
        assert rule in mistakes(path)


def test_a_missing_file_suggests_the_nearest(write) -> None:
    path = write(MINIMAL, "llama-10M.yaml")
    assert "did you mean" in mistakes(path.with_name("llama-10m.yml"))


@pytest.mark.unit
@pytest.mark.parametrize("override", ["study.seeds=" + "9" * 5000, "x" * 5000])
def test_of_a_long_override_the_beginning_is_repeated(write, override: str) -> None:
    message = mistakes(write(MINIMAL), override)
    assert override[:40] in message
    assert len(message) < 1000


def test_an_override_without_section_is_explained(write) -> None:
    assert "write section.key=value" in mistakes(write(MINIMAL), "lr=3")


def test_the_resolved_configuration_loads_to_the_same(write) -> None:
    for path in SHIPPED:
        config = load_config(path)
        again = load_config(write(resolved_yaml(config), path.name))
        assert again == config, path.name


def test_configurations_are_frozen(write) -> None:
    with pytest.raises(Exception, match="frozen"):
        load_config(write(MINIMAL)).training.lr = 1


def test_a_run_is_readable_in_a_process_that_imports_nothing_else(write, repository: Path) -> None:
    """What a configuration may say must not depend on who has imported what."""
    folder = write(MINIMAL, "training_config.yaml").parent
    code = (
        "import pathlib, sys\n"
        "from babyllama.runs import Run\n"
        f"print(Run(pathlib.Path({str(folder)!r})).config.model.type, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=repository)
    assert done.stdout == "Llama False\n", done.stderr


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("objective: {masked_share: 0.5}", "objective: is read by training.objective: hybrid or masked"),
        (
            "training: {objective: masked}\nobjective: {masked_share: 0.5}",
            "objective.masked_share = 0.5: in training.objective: masked every row is",
        ),
        (
            "training: {objective: hybrid}\nobjective: {shortest_span: 4}",
            r"objective.longest_span: is less than objective.shortest_span \(4\)",
        ),
        (
            "training: {objective: hybrid}\nobjective: {random_token_share: 0.3}",
            r"objective.random_token_share = 0.3: is more than objective.mask_token_share \(0.8\) leaves",
        ),
        ("training: {objective: hybrid}\nobjective: {mask_rate: 0}", "objective.mask_rate = 0: must be greater than 0"),
        ("distillation: {alpha: 0.5}", "distillation: is read by training.objective: distillation"),
        ("training: {objective: distillation}", "distillation.teachers: is required"),
        (
            "training: {objective: distillation}\nteachers: [a, b]\ndistillation: {weights: [1]}",
            r"distillation.weights: must have a number for each of the 2 teachers",
        ),
        (
            "training: {objective: distillation}\nteachers: [a]\ndistillation: {cache_teachers: true}\ndata: {shuffle: documents}",
            r"distillation.cache_teachers = true: data.shuffle: documents makes other blocks in every epoch",
        ),
        (
            "training: {objective: distillation}\nteachers: [a]\ndistillation: {cache_teachers: true}\ndata: {random_offset: true}",
            r"distillation.cache_teachers = true: data.random_offset makes other blocks in every epoch",
        ),
        (
            "training: {objective: distillation}\nteachers: [a]\ndistillation: {cache_teachers: true, divergence: reverse}",
            r"distillation.cache_teachers = true: divergence: reverse needs the teachers' probability of every token",
        ),
        (
            "training: {objective: distillation, lr: 1}\nteachers: [a]\ndistillation: {lr: 2}",
            r"c\.yaml:9: distillation.lr: is the old spelling of training.lr, which is given too",
        ),
        (
            "training: {objective: distillation}\nteachers: [a]\ndistillation: {lr: -1}",
            r"c\.yaml:9: training.lr = -1: must be greater than 0",
        ),
        ("training: {objective: hybrd}", "did you mean 'hybrid'"),
    ],
)
def test_contradictions_of_an_objective_are_named(write, text: str, rule: str) -> None:
    assert re.search(rule, mistakes(write(f"{MINIMAL}{text}\n")))


def test_an_objective_needs_no_section(write) -> None:
    assert load_config(write(f"{MINIMAL}training: {{objective: hybrid}}\n")).objective is None


def test_old_sections_of_distillation_load(write) -> None:
    text = (
        MINIMAL.replace("model:", "student:")
        + "teachers: {a: models/a, b: models/b}\ndistillation: {warmup_steps: 3}\n"
    )
    config = load_config(write(f"{text}training: {{objective: distillation}}\n"))
    assert (config.model.name, config.training.warmup_steps) == ("tiny", 3)
    assert config.distillation is not None
    assert config.distillation.teachers == ["models/a", "models/b"]
