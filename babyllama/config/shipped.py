"""The configurations that come with the package: `config/` of a checkout, `babyllama/shipped/` of an installation."""

from __future__ import annotations

from pathlib import Path

import babyllama

SUFFIX = ".yaml"
FOLDERS = (Path("."), Path("studies"), Path("recipes"))
"""Where they lie below `config/`."""


def shipped_folder() -> Path:
    """Where they lie: beside the package's modules when installed, else at the top of the checkout."""
    package = Path(babyllama.__file__).resolve().parent
    installed = package / "shipped"
    return installed if installed.is_dir() else package.parent / "config"


def shipped_names() -> list[str]:
    """The names of those that `train` takes, without `.yaml`: `llama-10M`, `recipes/2mb`."""
    root = shipped_folder()
    found = [*root.glob(f"*{SUFFIX}"), *root.glob(f"recipes/*{SUFFIX}")]
    return sorted(file.relative_to(root).with_suffix("").as_posix() for file in found)


def locate(path: Path) -> Path:
    """The file that `path` names: the user's own, else a shipped one, else `path` as it is.

    `.yaml` may be left out, and of a bare name `config/` too: `llama-10M` is `config/llama-10M.yaml`.
    """
    bare = path.parent in FOLDERS
    own = _spellings(path) + (_spellings(Path("config") / path) if bare else [])
    return _first(own) or shipped_file(path) or path


def shipped_file(path: Path) -> Path | None:
    """The shipped configuration that `llama-10M`, `llama-10M.yaml` or `config/llama-10M.yaml` names, if it is one.

    Studies and recipes are named with their folder: `studies/scaling` or `config/recipes/2mb.yaml`.
    """
    below = Path(*path.parts[1:]) if path.parts[:1] == ("config",) else path
    if path.is_absolute() or below.parent not in FOLDERS:
        return None
    return _first(_spellings(shipped_folder() / below))


def _spellings(path: Path) -> list[Path]:
    return [path, path.with_name(path.name + SUFFIX)] if path.name else []


def _first(files: list[Path]) -> Path | None:
    try:
        return next((file for file in files if file.is_file()), None)
    except (OSError, ValueError):  # a name too long for a file, or with a zero byte in it
        return None
