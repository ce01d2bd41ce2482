"""Imports point one way: a room imports only from rooms above it in the plan of the house."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

# fmt: off
ROOMS = [
    "errors", "registry", "text", "processes", "console", "artifacts", "config", "device", "architectures",
    "settings", "runs", "corpus", "synthetic", "tokenizer", "dataset", "evaluation", "training", "finetuning", "reporting",
    "publishing", "plan", "inputs", "pipeline", "studies", "api", "cli", "__main__",
]
LIGHT = {
    "errors", "registry", "text", "processes", "console", "artifacts", "config", "device", "architectures",
    "settings", "runs", "plan", "inputs", "pipeline", "cli",
}
# fmt: on
HEAVY = {"torch", "transformers", "datasets", "accelerate"}


def imported(tree: ast.AST) -> list[str]:
    """Every module name imported anywhere in `tree`, inside functions too, except for type checking."""
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    names = []
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def sources(repository: Path) -> list[tuple[str, Path]]:
    package = repository / "babyllama"
    return [(path.relative_to(package).parts[0].removesuffix(".py"), path) for path in sorted(package.rglob("*.py"))]


def test_every_file_belongs_to_a_room(repository: Path) -> None:
    assert {room for room, _ in sources(repository)} - {"__init__"} <= set(ROOMS)


def test_rooms_import_only_from_rooms_above(repository: Path) -> None:
    wrong = []
    for room, path in sources(repository):
        if room == "__init__":
            continue
        for name in imported(ast.parse(path.read_text())):
            parts = name.split(".")
            if (
                parts[0] == "babyllama"
                and len(parts) > 1
                and parts[1] in ROOMS
                and ROOMS.index(parts[1]) > ROOMS.index(room)
            ):
                wrong.append(f"{path.name} imports {name}")
    assert not wrong


def test_light_rooms_load_no_model_library_with_the_module(repository: Path) -> None:
    wrong = []
    for room, path in sources(repository):
        if room in LIGHT:
            tree = ast.parse(path.read_text())
            top_level = ast.Module(
                [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)], []
            )
            wrong += [f"{path} imports {name}" for name in imported(top_level) if name.split(".")[0] in HEAVY]
    assert not wrong


def test_nothing_imports_a_root_script(repository: Path) -> None:
    scripts = {path.stem for path in repository.glob("*.py")}
    wrong = [
        f"{path.name} imports {name}"
        for _, path in sources(repository)
        for name in imported(ast.parse(path.read_text()))
        if name.split(".")[0] in scripts
    ]
    assert not wrong


def test_no_module_is_imported_for_its_side_effect(repository: Path) -> None:
    """ruff finds an import that nothing uses, unless it is told to look away."""
    assert [path.name for _, path in sources(repository) if "noqa: F401" in path.read_text()] == []


@pytest.mark.parametrize(
    "statement", ["import babyllama", "import babyllama.cli, babyllama.architectures, babyllama.config"]
)
def test_importing_the_package_loads_no_torch(statement: str, repository: Path) -> None:
    code = f"{statement}; import sys; print(sorted({{'torch', 'transformers', 'datasets'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repository)
    assert done.stdout.strip() == "[]"


def test_preparing_the_text_of_a_causal_run_loads_no_torch(tmp_path: Path) -> None:
    """Tokenizer and packing need none, and loading it takes longer than both on a few megabytes."""
    (tmp_path / "text.txt").write_text("the dog saw a cat . the cat saw a dog .\n" * 200)
    (tmp_path / "config.yaml").write_text(
        "data: {tokenizer_path: ./t.json, train_path: ./text.txt, eval_path: null, seq_length: 16}\n"
        "tokenizer: {vocab_size: 300}\n"
        "model: {type: Llama, name: X, hidden_size: 8, n_layer: 1, n_head: 1}\n"
    )
    code = (
        "import sys; from babyllama.cli import main; code = main(['prepare', '--config', 'config.yaml']); "
        "print(code, sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


def test_every_package_that_is_imported_is_declared(repository: Path) -> None:
    """Under the name that pip knows it by; what only some users need is an extra."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {re.split(r"[<>=~! \[;]", entry)[0].lower() for entries in lists for entry in entries}
    names = {name.split(".")[0] for _, path in sources(repository) for name in imported(ast.parse(path.read_text()))}
    foreign = names - set(sys.stdlib_module_names) - {"babyllama", "trackio"}
    distributions = {name: {one.lower() for one in packages_distributions().get(name, [name])} for name in foreign}
    assert not {name for name, options in distributions.items() if not options & declared}


def names_in(tree: ast.AST, before: str = "") -> set[str]:
    """Functions, classes, methods and constants that a module defines, methods as `Class.method`."""
    found = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(before + node.name)
            if isinstance(node, ast.ClassDef):
                found |= names_in(node, f"{before}{node.name}.")
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        found |= {before + target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_only_the_console_speaks_and_only_commands_print_results(repository: Path) -> None:
    """print() writes results to standard output in cli/; notes, warnings, errors and progress are the console's."""
    wrong = []
    for room, path in sources(repository):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                to = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "file"]
                wrong += [f"{path}:{node.lineno}"] if room not in ("cli", "console") or (to and room == "cli") else []
        wrong += [f"{path} imports tqdm" for name in imported(ast.parse(path.read_text())) if name.startswith("tqdm")]
    assert not wrong


def test_the_page_of_the_rooms_names_what_exists(repository: Path) -> None:
    """docs/architecture.md: every path, and every `file.py:name`; paths without a folder in front are the package's."""
    page = (repository / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"(?<![\w/.])((?:\w+/)*\w+\.py)(?::([\w.]+))?(?![\w(])", page)) - {("file.py", "name")}
    folders = {name for name in re.findall(r"`([\w/]+/)`", page) if name not in ("final/", "babyllama/")}
    assert len(named) > 50
    wrong = [name for name in folders if not (repository / "babyllama" / name).is_dir()]
    for path, name in named:
        file = next((found for found in (repository / "babyllama" / path, repository / path) if found.is_file()), None)
        if file is None:
            wrong.append(path)
        elif name and name not in names_in(ast.parse(file.read_text())):
            wrong.append(f"{path}:{name}")
    assert not wrong


def test_the_page_of_the_rooms_has_every_room_in_order(repository: Path) -> None:
    page = (repository / "docs" / "architecture.md").read_text()
    section = page[page.index("## The rooms") : page.index("Five ideas")]
    listed = [name.rstrip("/").removesuffix(".py") for name in re.findall(r"^\| `([\w.]+/?)`", section, re.MULTILINE)]
    package = repository / "babyllama"
    there = [room for room in ROOMS if (package / room).is_dir() or (package / f"{room}.py").is_file()]
    assert listed == [room for room in there if room != "__main__"]


def module_of(path: Path, repository: Path) -> str:
    return ".".join(path.relative_to(repository).with_suffix("").parts).removesuffix(".__init__")


def test_no_import_goes_in_a_circle_not_even_for_typing(repository: Path) -> None:
    """Files of one room too; an import inside a function counts as well."""
    files = {module_of(path, repository): path for _, path in sources(repository)}
    uses: dict[str, set[str]] = {}
    for name, path in files.items():
        nodes = list(ast.walk(ast.parse(path.read_text())))
        found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = (f"{node.module}.{alias.name}" for alias in node.names)
                found |= {module if module in files else node.module for module in modules}
        uses[name] = found & set(files) - {name}
    while ends := {name for name in uses if not uses[name] & set(uses) or not any(name in uses[one] for one in uses)}:
        for name in ends:
            del uses[name]
    assert not uses, {name: sorted(others & set(uses)) for name, others in uses.items()}


def test_no_file_is_longer_than_a_sitting(repository: Path) -> None:
    assert {path.name: n for _, path in sources(repository) if (n := len(path.read_text().splitlines())) > 300} == {}
