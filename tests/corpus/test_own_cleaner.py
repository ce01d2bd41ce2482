"""The worked example of docs/contributing.md: a cleaner is one file and one line of registration."""

from __future__ import annotations

import re
import sys

import pytest

from babyllama.cli import main
from babyllama.corpus.cleaning import CLEANERS, DomainCleaners, apply_rules, clean, create_cleaner_registry

pytestmark = pytest.mark.unit
VERSE = "Tell me not, in mournful numbers,   5\n  Life is but an empty dream !\n"
CLEANED = "Tell me not, in mournful numbers,\nLife is but an empty dream!"


@pytest.fixture
def poetry(repository, tmp_path, monkeypatch):
    """The example as a module of its own, registered by the line that the page gives, under the module's name."""
    page = (repository / "docs" / "contributing.md").read_text()
    example = re.search(r"\*\*A new cleaner\*\*.*?```python\n(.*?)```", page, re.DOTALL)
    line = re.search(r'`"(\w+)": "babyllama\.corpus\.cleaning\.(\w+:\w+)"`', page)
    assert example
    assert line
    (tmp_path / f"{line[2].partition(':')[0]}.py").write_text(example[1])
    monkeypatch.syspath_prepend(tmp_path)
    with CLEANERS.restored():
        CLEANERS.register(line[1], line[2])
        yield line[1]
    sys.modules.pop("poetry", None)


def test_the_cleaner_of_the_example_cleans_files_of_its_name(poetry, tmp_path, capsys):
    source = tmp_path / "poetry.txt"
    source.write_text(VERSE)
    assert main(["clean", str(source), str(tmp_path / "out.txt")]) == 0
    assert (tmp_path / "out.txt").read_text().startswith(CLEANED + "\n")
    assert main(["clean", "--diff", str(source)]) == 0
    assert re.search(r"line numbers +1 +4", capsys.readouterr().out)
    assert main(["clean", "--domains", "--domain", poetry]) == 0
    assert "the number behind every fifth verse goes" in capsys.readouterr().out


def test_the_cleaner_of_the_example_is_like_any_other(poetry):
    assert clean(VERSE, poetry) == DomainCleaners.poetry(VERSE) == create_cleaner_registry()[poetry](VERSE) == CLEANED
    assert apply_rules(CLEANERS.get(poetry).rules, VERSE) == CLEANED
