"""Configurations that come with the package are found by name from anywhere; a file of the user's wins."""

from pathlib import Path

import pytest

from babyllama.config import shipped
from babyllama.errors import ConfigError
from babyllama.settings import load_config

pytestmark = pytest.mark.unit

OWN = "extends: {}\nmodel: {{type: Llama, name: mine, hidden_size: 32, n_layer: 2, n_head: 4}}\n"


@pytest.mark.parametrize("name", ["llama-10M", "llama-10M.yaml", "config/llama-10M.yaml", "./config/llama-10M.yaml"])
def test_a_shipped_configuration_is_found_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llama-10M").mkdir()  # a folder of that name is no configuration
    assert load_config(name).model.name == "Llama-10M"


@pytest.mark.parametrize("place", ["llama-10M", "llama-10M.yaml", "config/llama-10M.yaml"])
def test_a_file_of_the_users_wins(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(OWN.format("minimal"))
    assert load_config("llama-10M").model.name == "mine"


def test_recipes_and_studies_are_named_with_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config("recipes/2mb").optimization.weight_decay == 1.0
    assert load_config("config/studies/objectives.yaml").study is not None
    assert "recipes/2mb" in shipped.shipped_names()
    with pytest.raises(ConfigError, match=r"did you mean recipes/2mb\?"):
        load_config("recipes/2mB")


def test_a_file_of_the_users_extends_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN.format("llama-10M.yaml"))
    config = load_config(tmp_path / "mine.yaml")
    assert (config.model.name, config.training.warmup_steps) == ("mine", 100)


def test_a_name_elsewhere_is_not_a_shipped_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"configuration not found: .*no/llama-10M \(did you mean llama-10M\?\)"):
        load_config(tmp_path / "no" / "llama-10M")


def test_a_mistyped_name_is_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"did you mean llama-360M\?"):
        load_config("llama-360")


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "babyllama"
    (package / "shipped").mkdir(parents=True)
    (package / "shipped" / "one.yaml").touch()
    monkeypatch.setattr(shipped.babyllama, "__file__", str(package / "__init__.py"))
    assert shipped.shipped_names() == ["one"]
