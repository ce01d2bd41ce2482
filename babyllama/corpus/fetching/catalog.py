"""The data sets that `babyllama fetch` brings, where each lies on the Hub and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from babyllama.errors import DataError
from babyllama.registry import Registry

HUB = "https://huggingface.co/datasets"
NO_DATA = (".*", "README*", "*.py")
"""Files of a data set's repository that hold no data, at its top."""


@dataclass(frozen=True)
class Part:
    """A repository of the Hub and the folder that its files go to."""

    repository: str
    folder: str
    files: tuple[str, ...] = ("*",)
    """Patterns of the files that are wanted."""
    converted: bool = False
    """Parquet files become one `.jsonl` file per folder."""

    @property
    def page(self) -> str:
        """Where people read about it."""
        return f"{HUB}/{self.repository}"

    def wants(self, name: str) -> bool:
        """Is the file `name` of the repository one of those to bring?"""
        return any(fnmatch(name, pattern) for pattern in self.files) and not any(fnmatch(name, no) for no in NO_DATA)

    def target(self, name: str) -> str:
        """What the file `name` is called here, below `folder`: `simple_wiki.train.txt` is `simple_wiki.train`."""
        if self.converted:
            return f"{name.split('/')[0]}.jsonl"
        return name.removesuffix(".txt") if name.endswith((".train.txt", ".dev.txt", ".test.txt")) else name


@dataclass(frozen=True)
class DataSet:
    """What one name brings."""

    name: str
    title: str
    parts: tuple[Part, ...]
    about: str
    """The page of the project or paper."""
    following: tuple[str, ...]
    """Commands that use it."""
    folders: tuple[str, ...]
    """Folders of `data/` that a configuration which misses this data set names."""
    notice: str = ""
    """What is left to do by hand."""

    @property
    def command(self) -> str:
        """What brings it."""
        return f"babyllama fetch {self.name}"


BABYLM = "https://babylm.github.io"
_DEV = "BabyLM-community/BabyLM-dev"

CATALOG: Registry[DataSet] = Registry(
    "data set",
    {
        one.name: one
        for one in (
            DataSet(
                "babylm-strict-small",
                "BabyLM 2026, strict-small track: 10 million words in six domains, and the held-out text",
                (Part("BabyLM-community/BabyLM-2026-Strict-Small", "babylm/train"), Part(_DEV, "babylm/dev")),
                BABYLM,
                (
                    "babyllama clean data/babylm/train data/babylm_10M_clean",
                    "babyllama clean data/babylm/dev data/babylm_dev_clean",
                    "babyllama train --config llama-10M",
                ),
                ("babylm", "babylm_10M_clean", "babylm_dev_clean"),
            ),
            DataSet(
                "babylm-strict",
                "BabyLM 2026, strict track: 100 million words in six domains, and the held-out text",
                (Part("BabyLM-community/BabyLM-2026-Strict", "babylm_100M/train"), Part(_DEV, "babylm_100M/dev")),
                BABYLM,
                (
                    "babyllama clean data/babylm_100M/train data/babylm_100M_clean",
                    "babyllama clean data/babylm_100M/dev data/babylm_dev_clean",
                    "babyllama train --config llama-97M-strict",
                ),
                ("babylm_100M", "babylm_100M_clean"),
            ),
            DataSet(
                "blimp",
                "BLiMP: 67,000 minimal pairs of English, 1,000 for each of 67 paradigms",
                (Part("nyu-mll/blimp", "blimp", ("*/*.parquet",), converted=True),),
                "https://aclanthology.org/2020.tacl-1.25",
                ("babyllama evaluate MODEL --tasks blimp",),
                ("blimp",),
            ),
            DataSet(
                "tinystories",
                "TinyStories: 2.1 million short stories in the words of small children",
                (Part("roneneldan/TinyStories", "tinystories", ("TinyStories-train.txt", "TinyStories-valid.txt")),),
                "https://arxiv.org/abs/2305.07759",
                ("babyllama train --config tinystories-laptop",),
                ("tinystories",),
            ),
            DataSet(
                "babylm-2026-evals",
                "BabyLM 2026, evaluation data of the strict tracks, as they come",
                (Part("BabyLM-community/BabyLM-2026-Strict-Evals", "evaluation"),),
                BABYLM,
                ("babyllama evaluate MODEL --suite babylm-2026",),
                ("evaluation",),
                "EWoK's archives open with the password of its authors, whose terms you accept at "
                "https://huggingface.co/datasets/ewok-core/ewok-core-1.0; unpack them below data/evaluation/ yourself, as folders "
                "ewok_filtered/ and ewok_fast/",
            ),
        )
    },
    error=DataError,
)
"""Name -> data set."""


def hint(path: str | Path) -> str:
    """One sentence that says where the data of a missing `path` are and what brings them; empty where they are not known."""
    folders = Path(path).parts
    for _, one in CATALOG.items():
        if any(folder in one.folders for folder in folders):
            first = "; then ".join(f"`{command}`" for command in (one.command, *_cleaning(one, folders)))
            return f" {one.title.split(':')[0]} is at {one.parts[0].page}: {first}."
    return ""


def _cleaning(one: DataSet, folders: tuple[str, ...]) -> list[str]:
    """Of the commands that follow fetching, the one that makes a folder of `folders`."""
    return [command for command in one.following if any(command.endswith(f"data/{folder}") for folder in folders)]
