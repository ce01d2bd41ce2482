"""CITATION.cff is what the format wants (Citation File Format 1.2.0), and says what the package says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import babyllama
from babyllama.reporting.card import BABYLM, SOFTWARE

pytestmark = pytest.mark.unit

KEYS = {
    "cff-version", "message", "type", "title", "abstract", "version", "license", "authors", "keywords", "references", "doi",
    "date-released", "commit", "repository-code", "url", "identifiers", "contact", "preferred-citation",
}  # fmt: skip
"""The keys that https://github.com/citation-file-format/citation-file-format/blob/main/schema-guide.md knows, as far as
software uses them."""
PERSON = {"family-names", "given-names", "orcid", "affiliation", "email"}
ENTITY = {"name", "website", "email"}


def test_the_citation_file_is_valid_and_current(repository: Path) -> None:
    found = yaml.safe_load((repository / "CITATION.cff").read_text())
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(found) <= KEYS
    assert (found["cff-version"], found["type"]) == ("1.2.0", "software")
    assert found["version"] == project["version"] == babyllama.__version__
    assert found["license"] == project["license"]
    assert found["title"] in SOFTWARE
    assert found["keywords"] == project["keywords"]
    for author in found["authors"]:
        assert set(author) <= PERSON or set(author) <= ENTITY
        assert author["name"] in SOFTWARE


def test_the_paper_is_the_one_that_cards_cite(repository: Path) -> None:
    (paper,) = yaml.safe_load((repository / "CITATION.cff").read_text())["references"]
    assert {"type", "title", "authors"} <= set(paper)
    flat = " ".join(BABYLM.replace("{", "").replace("}", "").split())
    assert paper["title"] in flat
    assert f"doi = {paper['doi']}" in re.sub(" +", " ", flat)
    assert f"year = {paper['year']}" in re.sub(" +", " ", flat)
    assert " and ".join(f"{one['family-names']}, {one['given-names']}" for one in paper["authors"]) in flat


def test_the_errors_page_has_every_class(repository: Path) -> None:
    from babyllama import errors

    page = (repository / "docs" / "errors.md").read_text()
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.BabyLlamaError):
            bases = ", ".join(base.__name__ for base in value.__bases__)
            assert f"| `{name}` ({bases}) | {' '.join((value.__doc__ or '').split())} |" in page
