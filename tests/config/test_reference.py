"""The JSON schema and the reference page: current, complete, and true to what is loaded."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from babyllama.cli import main
from babyllama.config import Config
from babyllama.config.reference import WRITTEN_BY, json_schema, reference_markdown, section_keys
from babyllama.config.scalars import typed
from babyllama.config.types import section_of
from babyllama.config.yaml_file import parse

pytestmark = pytest.mark.unit

CONFIG = Path(__file__).resolve().parents[2] / "config"
SHIPPED = sorted([*CONFIG.glob("*.yaml"), *CONFIG.glob("recipes/*.yaml")])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_files_name_the_schema_and_fit_it(path: Path) -> None:
    text = path.read_text()
    place = "./" if path.parent == CONFIG else "../"
    assert text.startswith(f"# yaml-language-server: $schema={place}schema.json\n#"), (
        "schema line, then what the file is for"
    )
    schema = json.loads((CONFIG / "schema.json").read_text())
    for section, keys in yaml.safe_load(text).items():
        if section != "extends":
            name = Config.model_fields[section].annotation
            reference = json.dumps(schema["properties"][section])
            definition = re.search(r"#/\$defs/(\w+)", reference).group(1)
            assert set(keys) <= set(schema["$defs"][definition]["properties"]), name


@pytest.mark.parametrize(("file", "command"), WRITTEN_BY.items())
def test_a_generated_file_is_current_and_names_the_command_that_renews_it(
    file: str, command: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = (repository / file).read_text()
    assert command in shipped
    assert main(command.split(" > ")[0].split()[1:]) == 0
    assert capsys.readouterr().out == shipped, f"renew it: {command}"


def test_every_printed_default_is_read_back(repository: Path) -> None:
    defaults = re.findall(r"^\| `([\w.\[\]]+)` \| [^|]+ \| `([^`]*)` \|", reference_markdown(), re.MULTILINE)
    assert len(defaults) > 80
    for key, text in defaults:
        section: Any = Config
        *parents, name = key.replace("[]", "").split(".")
        for part in parents:
            section = section_of(section.model_fields[part].annotation)
        field = section.model_fields[name]
        found = typed(parse(f"key: {text}", Path("c.yaml")).values["key"], field.annotation)
        expected = field.get_default(call_default_factory=True)
        assert found == expected, key
        assert isinstance(found, bool) == isinstance(expected, bool), key


def test_every_key_is_described() -> None:
    described = json_schema()["$defs"]
    for name, section in described.items():
        for key, value in section["properties"].items():
            assert value.get("description"), f"{name}.{key}"
    assert len(section_keys()) > 80
