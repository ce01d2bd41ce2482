"""What mkdocs cannot do by itself: pages and files outside docs/ that pages link to, and the reference of the package.

A link in a page leads from where the page lies in the repository, so that it works on a forge. For the site, docs/X is at X and
everything else of the repository that is linked at repository/X.
"""

import importlib
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(\]\(<?|(?:src|href)=\")(?![a-z]+:|#|/)([^)>\"\s#]+)")
PAGES = ("README.md", "TRAINING_GUIDE.md", "CHANGELOG.md", "tests/README.md")
ROOMS = (
    "babyllama", "babyllama.api", "babyllama.architectures", "babyllama.artifacts", "babyllama.config", "babyllama.corpus.cleaning",
    "babyllama.dataset", "babyllama.errors", "babyllama.evaluation", "babyllama.evaluation.results", "babyllama.evaluation.tasks",
    "babyllama.reporting", "babyllama.runs", "babyllama.settings", "babyllama.tokenizer", "babyllama.training",
)  # fmt: skip


def on_files(files, config):
    """Add what is linked outside docs/, and a page for each room."""
    wanted, seen = [*PAGES], set()
    for page in Path(config["docs_dir"]).glob("*.md"):
        wanted += _targets(f"docs/{page.name}")
    while wanted:
        path = wanted.pop()
        if path in seen or path.startswith("docs/") or not (ROOT / path).is_file():
            continue
        seen.add(path)
        content = (ROOT / path).read_bytes() if not path.endswith(".md") else None
        if content is None:
            files.append(File.generated(config, _place(path), content=(ROOT / path).read_text()))
            wanted += _targets(path)
        else:
            files.append(File.generated(config, _place(path), content=content))
    for room in ROOMS:
        files.append(File.generated(config, f"api/{room}.md", content=_reference(room)))
    listed = "\n".join(f"- [{room}]({room}.md): {_summary(room)}" for room in ROOMS)
    files.append(
        File.generated(
            config, "api/index.md", content=f"# Python, every name\n\nBy room, from docstrings.\n\n{listed}\n"
        )
    )
    return files


def on_page_markdown(markdown, page, config, files):
    """Make links lead where the site has their targets."""
    source = _path(page.file.src_uri)
    if source is None:
        return markdown

    def leads(match):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        if (ROOT / target).is_dir():
            target = f"{target}/README.md" if (ROOT / target / "README.md").is_file() else target
        return match[1] + posixpath.relpath(_place(target), posixpath.dirname(page.file.src_uri) or ".")

    # Code is no place for links.
    parts = re.split(r"(^```.*?^```|`[^`\n]*`)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if number % 2 else LINK.sub(leads, part) for number, part in enumerate(parts))


def _place(path):
    """Where the site has a file of the repository."""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"repository/{path}"


def _path(place):
    """The file of the repository that the site has there; None for what is made."""
    if place.startswith("api/"):
        return None
    return place.removeprefix("repository/") if place.startswith("repository/") else f"docs/{place}"


def _targets(path):
    folder = posixpath.dirname(path)
    text = (ROOT / path).read_text()
    found = [posixpath.normpath(posixpath.join(folder, match[2])) for match in LINK.finditer(text)]
    return [f"{one}/README.md" if (ROOT / one).is_dir() else one for one in found]


def _summary(room):
    return (importlib.import_module(room).__doc__ or "").strip().splitlines()[0]


def _reference(room):
    """A page for the public names of a module: those it lists, else those it defines."""
    module = importlib.import_module(room)
    names = getattr(module, "__all__", None) or sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == room
    )
    blocks = []
    for name in names:
        value = getattr(module, name)
        if callable(value):
            where = (
                f"{value.__module__}.{value.__qualname__}"
                if value.__module__.startswith("babyllama")
                else f"{room}.{name}"
            )
            blocks.append(
                f"## {name}\n\n::: {where}\n    options:\n      show_root_heading: false\n      heading_level: 3\n"
            )
    return f"# {room}\n\n{(module.__doc__ or '').strip()}\n\n" + "\n".join(blocks)
