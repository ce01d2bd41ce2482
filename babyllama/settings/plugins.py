"""Modules of a user's own that register families, cleaners, tasks, objectives, optimizers or protocols.

Named by `plugins:` in a configuration or by `--plugin` on the command line; an installed package names its module under the
entry point group `babyllama.plugins` and needs neither. A module does its registration when it is imported.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
import sys

from babyllama import console
from babyllama.errors import ConfigError

GROUP = "babyllama.plugins"
"""Entry point group of installed packages."""


def load_plugin(name: str) -> None:
    """Import the module called `name`, from the current folder or among the installed ones. ConfigError says why not."""
    folder = os.getcwd()
    if not {"", folder} & set(sys.path):
        # Last, so that a file here cannot stand in for an installed package.
        sys.path.append(folder)
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(f"needs the module {error.name!r}, which is not installed") from error
        raise ConfigError(f"there is no such module in {folder} or among the installed ones") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"cannot be imported: {type(error).__name__}: {' '.join(str(error).split())}") from error


@functools.cache
def load_installed() -> None:
    """Import the plugins of installed packages, once; one that is broken is said and left out."""
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            load_plugin(entry.module)
        except ConfigError as error:
            package = entry.dist.name if entry.dist else entry.name
            console.warn(f"the plugin {entry.module} of the installed package {package} is left out: {error}")
