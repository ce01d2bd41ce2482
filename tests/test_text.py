"""Numbers as text, and names that cannot do harm where they are shown."""

import pytest

from babyllama import text
from babyllama.text import markdown_table

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0s"), (42, "42s"), (185, "3:05"), (7800, "2:10:00"), (float("inf"), "?")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(("count", "shown"), [(999, "999"), (2_500_000, "2.5M"), (1_234_567, "1.23M"), (7e9, "7B")])
def test_short_counts(count: float, shown: str) -> None:
    assert text.short_count(count) == shown


@pytest.mark.parametrize(("count", "shown"), [(12, "12 B"), (4_000, "4 kB"), (212e6, "212 MB"), (1.25e9, "1.2 GB")])
def test_sizes(count: float, shown: str) -> None:
    assert text.file_size(count) == shown


def test_a_name_cannot_break_a_line_or_drive_a_terminal() -> None:
    assert text.one_line("a\nb\x1b[31m\u202e") == "a\\x0ab\\x1b[31m\\x202e"
    assert text.has_control_characters("a\tb")
    assert not text.has_control_characters("Llama-10M é")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x"])
def test_a_cell_is_never_a_formula(name: str) -> None:
    assert text.csv_cell(name) == "'" + name


def test_markdown_shows_markup_as_text() -> None:
    assert text.markdown("<b>|`x`[y](z)") == "\\<b\\>\\|\\`x\\`\\[y\\](z)"


@pytest.mark.parametrize(
    ("name", "shown"), [("a.txt", "`a.txt`"), ("a|b", r"`a\|b`"), ("a`b", "`` a`b ``"), ("a\nb", r"`a\x0ab`")]
)
def test_code_is_shown_as_it_is(name: str, shown: str) -> None:
    assert text.code(name) == shown


def test_numbers_of_a_markdown_table_stand_to_the_right_where_that_is_asked_for() -> None:
    assert markdown_table(["", "a"], [("b", "1")]) == "|  | a |\n| --- | --- |\n| b | 1 |"
    assert markdown_table(["", "a", "b"], [], "--:") == "|  | a | b |\n| --- | --: | --: |"
