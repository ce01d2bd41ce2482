"""The module of docs/contributing.md: named in YAML, on the command line or by a package, it is as good as what is shipped."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from babyllama.config import tables
from babyllama.config.tables import CLEANERS, FAMILIES
from babyllama.errors import ConfigError
from babyllama.settings import load_config

YAML = """\
plugins: [my_plugin]
mixing: {root: ., sources: [{path: a.txt, domain: shouted}]}
tokenizer: {vocab_size: 300}
data: {tokenizer_path: t.json, train_path: mix, eval_path: null, seq_length: 16, packed_dir: packed}
model: {type: Wide, name: x, hidden_size: 8, n_layer: 1, n_head: 2}
training: {objective: half, max_steps: 2, batch_size: 2, logging_steps: 1, threads: 1, device: cpu}
optimization: {optimizer: plain-adamw}
logging: {output_dir: models}
"""


@pytest.fixture
def world(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the two files of the page, a text and a configuration; what they register is forgotten afterwards."""
    page = (repository / "docs" / "contributing.md").read_text()
    section = page[page.index("## A module of your own") :]
    for name, example in zip(
        ("my_plugin", "my_objective"), re.findall(r"```python\n(.*?)```", section, re.DOTALL), strict=True
    ):
        (tmp_path / f"{name}.py").write_text(example)
    evaluation = page[page.index("**A new evaluation task**") : page.index("## A module of your own")]
    (tmp_path / "my_evaluation.py").write_text("\n".join(re.findall(r"```python\n(.*?)```", evaluation, re.DOTALL)))
    (tmp_path / "a.txt").write_text("\n\n".join(f"The cat number {n} sat on the mat." for n in range(60)))
    (tmp_path / "c.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    registries = [table for table in vars(tables).values() if isinstance(table, tables.Registry)]
    with ExitStack() as tables_as_they_were:
        for table in registries:
            tables_as_they_were.enter_context(table.restored())
        yield tmp_path
    for name in ("my_plugin", "my_objective", "my_evaluation", "broken"):
        sys.modules.pop(name, None)


def babyllama(folder: Path, repository: Path, *arguments: str, **environment: str) -> Any:
    path = os.pathsep.join([str(repository), environment.pop("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "babyllama", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": path, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.integration
@pytest.mark.slow
def test_a_run_made_of_plugins_alone(world: Path, repository: Path) -> None:
    """Family, cleaner, objective, optimizer, task and protocol: each of the page's examples, in one command."""
    evaluation = "evaluation: {tasks: [letters], protocol: mean-after-bos}\n"
    (world / "c.yaml").write_text(YAML.replace("[my_plugin]", "[my_plugin, my_evaluation]") + evaluation)
    done = babyllama(world, repository, "train", "--config", "c.yaml")
    assert done.returncode == 0, done.stderr
    assert "letters" in json.loads((world / "models" / "x" / "evaluation" / "letters.json").read_text())["task"]
    assert (world / "mix" / "mix.train").read_text().startswith("THE CAT NUMBER 0 SAT")
    final = json.loads((world / "models" / "x" / "final" / "config.json").read_text())
    assert (final["model_type"], final["intermediate_size"]) == ("llama", 64)
    # Another process reads the run, whose configuration names the module; one that does not find it says so.
    assert "x: up to date" in babyllama(world, repository, "train", "--config", "c.yaml").stderr
    elsewhere = babyllama(world / "mix", repository, "card", "../models/x")
    assert elsewhere.returncode == 2
    assert "plugins[0] = 'my_plugin': there is no such module" in elsewhere.stderr


@pytest.mark.integration
def test_a_command_without_configuration_takes_a_module_by_flag(world: Path, repository: Path) -> None:
    done = babyllama(world, repository, "clean", "a.txt", "b.txt", "--domain", "shouted", "--plugin", "my_plugin")
    assert done.returncode == 0, done.stderr
    assert (world / "b.txt").read_text().startswith("THE CAT NUMBER 0")
    assert (
        "did you mean"
        in babyllama(world, repository, "clean", "a.txt", "c.txt", "--domain", "shoutd", "--plugin", "my_plugin").stderr
    )
    assert "Wide " in babyllama(world, repository, "config", "families", "--plugin", "my_plugin").stdout


@pytest.mark.unit
def test_a_flag_joins_the_configuration(world: Path) -> None:
    (world / "c.yaml").write_text(YAML.replace("plugins: [my_plugin]\n", ""))
    with pytest.raises(ConfigError, match="4 mistakes"):
        load_config("c.yaml")
    assert load_config("c.yaml", plugins=["my_plugin"]).plugins == ["my_plugin"]
    (world / "c.yaml").write_text(YAML)
    assert load_config("c.yaml", plugins=["my_plugin"]).plugins == ["my_plugin"]


@pytest.mark.unit
def test_an_installed_package_needs_no_name(world: Path, repository: Path) -> None:
    site = world / "site"
    for name, module in (("mine", "my_plugin"), ("bad", "broken")):
        (site / f"{name}-1.0.dist-info").mkdir(parents=True)
        (site / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (site / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(f"[babyllama.plugins]\n{name} = {module}\n")
    (world / "my_plugin.py").rename(site / "my_plugin.py")
    (site / "broken.py").write_text("1 / 0\n")
    done = babyllama(world, repository, "config", "families", PYTHONPATH=str(site))
    assert "Wide " in done.stdout
    assert (
        "the plugin broken of the installed package bad is left out: cannot be imported: ZeroDivisionError"
        in done.stderr
    )


@pytest.mark.unit
@pytest.mark.parametrize(
    ("named", "code", "rule"),
    [
        ("[no_such_module]", "", r"c\.yaml:1: plugins\[0\] = 'no_such_module': there is no such module in"),
        ("[broken]", "1 / 0", r"plugins\[0\] = 'broken': cannot be imported: ZeroDivisionError"),
        ("[broken]", "import no_such_module", "needs the module 'no_such_module', which is not installed"),
        ("[broken]", "import sys; sys.exit('bye')", "cannot be imported: SystemExit: bye"),
        ("[my_plugin.py/x]", "", "must be the name of a Python module"),
        ("my_plugin", "", "plugins = 'my_plugin': must be a list"),
        ("[[a]]", "", r"plugins\[0\] = \['a'\]: must be text"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_a_mistake_among_others(
    world: Path, named: str, code: str, rule: str
) -> None:
    (world / "broken.py").write_text(code)
    (world / "c.yaml").write_text(YAML.replace("[my_plugin]", named).replace("max_steps: 2", "max_steps: x"))
    with pytest.raises(ConfigError, match=rule) as caught:
        load_config("c.yaml")
    assert "training.max_steps = 'x'" in str(caught.value)


@pytest.mark.unit
def test_what_a_module_registers_is_known_to_the_check_only_through_it(world: Path) -> None:
    assert "Wide" not in FAMILIES
    config = load_config("c.yaml")
    assert config.model.type == "Wide"
    assert FAMILIES.get("Wide")().feed_forward(config.model) == 64
    assert CLEANERS.get("shouted")("a") == "A"
