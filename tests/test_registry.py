"""The one name table: suggestions, lazy entries, registration by decorator."""

import pytest

from babyllama.errors import ConfigError
from babyllama.registry import Registry, nearest

pytestmark = pytest.mark.unit


def test_an_unknown_name_is_answered_with_the_nearest_one_and_the_list() -> None:
    table: Registry[int] = Registry("model type", {"Llama": 1, "GPT2": 2}, error=ConfigError)
    with pytest.raises(
        ConfigError, match=r"unknown model type 'lama'; did you mean 'Llama'\? \(choose from: Llama, GPT2\)"
    ):
        table.get("lama")


def test_an_entry_given_as_text_is_imported_when_it_is_asked_for() -> None:
    table: Registry[object] = Registry("thing", {"pi": "math:pi", "broken": "no_such_module:x"})
    assert list(table) == ["pi", "broken"]
    assert table.get("pi") == 3.141592653589793
    with pytest.raises(ModuleNotFoundError):
        table.get("broken")


def test_registration_as_a_decorator_keeps_the_order_and_replaces_a_name() -> None:
    table: Registry[object] = Registry("thing", {"a": 1})

    @table.register("b")
    class Something: ...

    table.register("a", 3)
    assert dict(table.items()) == {"a": 3, "b": Something}
    with table.restored():
        table.register("c", 4)
        assert "c" in table
    assert list(table) == ["a", "b"]


@pytest.mark.parametrize(("word", "expected"), [("gpt-2", "GPT2"), ("zzz", None)])
def test_nearest_ignores_case(word: str, expected: str | None) -> None:
    assert nearest(word, ["Llama", "GPT2"]) == expected
