"""README and docs: every command in them parses, every configuration and page they name exists."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from doc_links import LINKS, prose

from babyllama.cli import parse
from babyllama.config.shipped import shipped_file
from babyllama.settings import load_config

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), ROOT / "tests" / "README.md", *(ROOT / "docs").glob("*.md")])
SCRIPTS = {
    "train.py": "train", "train_tokenizer.py": "tokenizer", "evaluate.py": "evaluate", "benchmark.py": "benchmark",
    "create_synthetic_data.py": "synthesize",
}  # fmt: skip
STANDS_FOR_ANYTHING = {"C", "C.yaml", "YAML", "CONFIG"}


def commands() -> list[tuple[str, str]]:
    """(page, command line) of every command of ours in a code block, indented or fenced, or in backticks."""
    found = []
    for page in PAGES:
        text = re.sub(r"\s*\\\n\s*", " ", page.read_text())
        for line in [*text.splitlines(), *re.findall(r"`([^`\n]+)`", text)]:
            line = re.sub(r"^\s*(\$ )?", "", line)
            if re.match(r"(babyllama [a-z]+( |$)|python3? (\./)?\w+\.py)", line):
                found.append((page.name, line))
    return found


def arguments_of(line: str) -> tuple[str, list[str]] | None:
    """(sub-command, arguments) of a command line; None for a script that is no sub-command."""
    line = re.split(r"\s{2,}|\s[|>]|\s#", line)[0]
    words = shlex.split(line)
    if words[0] == "babyllama":
        return words[1], words[2:]
    script = words[1].removeprefix("./")
    if script == "data_utils.py" and len(words) > 2:
        return words[2], words[3:]
    return (SCRIPTS[script], words[2:]) if script in SCRIPTS else None


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_in_the_docs_parses(page: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in re.findall(r"\$(\w+)", line):  # which the reader has set in the line before
        monkeypatch.setenv(variable, "models/x")
    found = arguments_of(line)
    if found is None:
        assert (ROOT / shlex.split(line)[1]).is_file(), f"{page}: {line}"
        return
    command, arguments = found
    # A bare mention of a command (`babyllama mix`) is no call.
    if not arguments or "|" in line.replace(" | ", ""):
        return
    try:
        _, args = parse(command, arguments)
    except SystemExit as end:  # --help ends so
        assert end.code == 0, f"{page}: {line}"  # noqa: PT017
        return
    config = getattr(args, "config", None) or getattr(args, "configuration", None)
    if config and config not in STANDS_FOR_ANYTHING and "models/" not in config and "YOUR" not in config:
        file = ROOT / config if (ROOT / config).is_file() else shipped_file(Path(config))
        assert file, f"{page}: {line}"
        if "VALUE" not in line and "..." not in line:
            load_config(file, args.overrides)


def anchors(page: Path) -> set[str]:
    """The anchors that a forge gives a page's headings: lower case, hyphens for spaces, no punctuation."""
    outside_code = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {path}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {path}#{anchor}"


KEPT = {
    "docs/README.md": "installation-help architecture-deep-dive research-examples benchmarking performance-analysis "
    "code-architecture configuration-reference cli-reference error-reference performance-guide "
    "frequently-asked-questions citation",
    "TRAINING_GUIDE.md": "data-preparation",
    "API_REFERENCE.md": "configuration-schema",
    "CONTRIBUTING.md": "contributing",
}


@pytest.mark.parametrize("page", KEPT)
def test_pages_and_anchors_that_others_link_to_stay(page: str) -> None:
    assert set(KEPT[page].split()) <= anchors(ROOT / page)


# The reference is written from docstrings, which terminals show too; the list of changes links to pages.
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name not in ("config-reference.md", "CHANGELOG.md")],
    ids=lambda page: page.name,
)
def test_what_a_page_names_it_links(page: Path) -> None:
    text = page.read_text()
    named = {name for name in LINKS if re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w-])", prose(text))}
    assert [name for name in named if LINKS[name] not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_folder_that_readers_do_not_have(page: Path) -> None:
    assert [line for line in page.read_text().splitlines() if "shared/" in line or "/work/" in line] == []


def said() -> str:
    """Every text in the package's code, what is put into it left out."""
    found = []
    for file in (ROOT / "babyllama").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def quoted_messages() -> list[str]:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    cells = [
        line.split(" | ")[0] for line in page[page.index("## Configuration") :].splitlines() if line.startswith("| ")
    ]
    return [span for cell in cells for span in re.findall(r"`([^`]+)`", cell) if " " in span]


def test_messages_in_troubleshooting_are_those_of_the_code() -> None:
    texts = said()
    for message in quoted_messages():
        # The longest part of the quotation that holds no example of a value.
        parts = re.split(r"\.\.\.|\b[A-Z]+\b|\b\d[\d,]*|[\w./]*\.(?:jsonl|yaml|json|csv)\b|<[^>]*>|'\w'|: ", message)
        fixed = max((part.strip() for part in parts), key=len)
        assert fixed.replace("\\|", "|") in texts, message
