"""The teacher cache: what is kept of the teachers' distribution at every position of the packed text, on disk.

Teachers that never change say the same of the same block in every epoch. They read the text once, before training; after
that a step costs little more than one without teachers. The folder is an artifact with a manifest like any other: one that
was made from another text, tokenizer or teacher, with other settings, or that is damaged, is made again and says why.

ids.bin            uint16, or uint32 for large vocabularies [blocks, T, K]
entropy.bin        of a sample: fp32 [blocks, T]
probabilities.bin  of the likeliest ids: fp16 [blocks, T, K]
tail.bin           of the likeliest ids: fp32 [blocks, T], the probability of all others
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from babyllama import console
from babyllama.artifacts import build_or_reuse, fingerprint_value
from babyllama.config import Config, DistillationSection
from babyllama.dataset.layout import token_type
from babyllama.processes import process_index, wait_for_everyone
from babyllama.text import file_size
from babyllama.training.data.blocks import Blocks
from babyllama.training.machine import Machine
from babyllama.training.network import Batch
from babyllama.training.objectives.causal import CausalCollator
from babyllama.training.objectives.linear_loss import chunk_tokens
from babyllama.training.objectives.teacher_samples import Kept, draw, likeliest
from babyllama.training.objectives.teachers import Teachers

STAGE = "teacher cache"
IDS, ENTROPY, PROBABILITIES, TAIL = "ids.bin", "entropy.bin", "probabilities.bin", "tail.bin"
FORMAT = 1
"""Raised when the files change their meaning, so that old ones are made again."""
_READ_AT_ONCE = 8192
"""Tokens that teachers read in one forward pass; the same on every machine, so that a cache is."""
_DRAW = 0x74656163
"""Keeps these random numbers apart from others with the same seed and block."""


@dataclass(frozen=True)
class CacheShape:
    """How much a cache keeps."""

    blocks: int
    length: int
    count: int
    vocabulary: int
    kind: str
    """`sample` or `top_k`."""

    @classmethod
    def of(cls, section: DistillationSection, *, blocks: int, length: int, vocabulary: int) -> CacheShape:
        """That of a configuration; a vocabulary has no more likeliest ids than entries."""
        kind = section.cache_kind
        count = min(section.cache_count, vocabulary) if kind == "top_k" else section.cache_count
        return cls(blocks, length, count, vocabulary, kind)

    @property
    def files(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """Name of each file -> type and shape."""
        place = (self.blocks, self.length)
        ids = {IDS: (token_type(self.vocabulary), (*place, self.count))}
        each = (np.dtype("<f4"), place)
        if self.kind == "sample":
            return {**ids, ENTROPY: each}
        return {**ids, PROBABILITIES: (np.dtype("<f2"), (*place, self.count)), TAIL: each}

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return sum(kind.itemsize * int(np.prod(shape)) for kind, shape in self.files.values())

    def describe(self) -> str:
        """34,567 positions x 32 sampled ids = 2.4 MB."""
        ids = "sampled ids" if self.kind == "sample" else "likeliest ids"
        return f"{self.blocks * self.length:,} positions x {self.count} {ids}, {file_size(self.bytes)}"


class TeacherCache:
    """A cache that is there, read through memory maps."""

    def __init__(self, path: Path, shape: CacheShape, teachers: Sequence[str]) -> None:
        self.path, self.shape = path, shape
        self.teachers = list(teachers)
        """What the card says of each."""

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes map the files themselves."""
        return {name: value for name, value in vars(self).items() if name != "_maps"}

    @cached_property
    def _maps(self) -> dict[str, np.ndarray]:
        return {
            name: np.memmap(self.path / name, dtype=kind, mode="r", shape=shape)
            for name, (kind, shape) in self.shape.files.items()
        }

    def entries(self, blocks: Sequence[int]) -> Batch:
        """Tensors of a batch by name, one row for each of `blocks`; -1 is a block without targets, for which any row will do."""
        rows = [max(0, block) for block in blocks]
        found = {name: np.stack([part[row] for row in rows]) for name, part in self._maps.items()}
        return {_entry(name): torch.from_numpy(_signed(part)) for name, part in found.items()}

    def example(self, size: int, device: torch.device) -> Batch:
        """Entries of `size` rows that cost as much as any."""
        return {name: entry.to(device) for name, entry in self.entries([0] * size).items()}


def _signed(array: np.ndarray) -> np.ndarray:
    """torch moves and indexes with signed numbers only."""
    return array.astype(np.int32) if array.dtype.kind == "u" else np.asarray(array)


def _entry(name: str) -> str:
    """What a batch calls the file's part."""
    return f"teacher_{name.removesuffix('.bin')}"


def take_kept(batch: Batch) -> Callable[[slice], Kept]:
    """Take a cache's entries out of `batch`; gives what was kept at some of its B*T positions."""
    ids, *floats = (batch.pop(_entry(name), None) for name in (IDS, ENTROPY, PROBABILITIES, TAIL))
    ids_NK = ids.flatten(0, 1)
    entropy_N, probability_NK, tail_N = (None if part is None else part.flatten(0, 1) for part in floats)

    def kept(rows: slice) -> Kept:
        if probability_NK is None or tail_N is None:
            assert entropy_N is not None
            return Kept(ids_NK[rows].long(), entropy_n=entropy_N[rows])
        p_nK, tail_n = probability_NK[rows].float(), tail_N[rows]
        # Each was rounded; together they are all that the tail is not.
        p_nK.mul_(((1 - tail_n) / p_nK.sum(1)).unsqueeze(1))
        return Kept(ids_NK[rows].long(), probability_nK=p_nK, tail_n=tail_n)

    return kept


def teacher_cache(
    config: Config,
    blocks: Blocks,
    machine: Machine,
    *,
    inputs: Mapping[str, str],
    documents: bool,
    vocabulary: int,
    load: Callable[[], Teachers],
) -> TeacherCache:
    """Make the cache of `blocks` for the teachers that `load` brings, or reuse the one that is there.

    `inputs` are the teachers' fingerprints; `documents`: rows hold several, kept apart. Of several processes the first one makes
    it, and the others then find it.
    """
    section = config.distillation or DistillationSection()
    shape = CacheShape.of(section, blocks=len(blocks), length=config.data.seq_length, vocabulary=vocabulary)
    settings: dict[str, Any] = {
        "format": FORMAT,
        "kind": shape.kind,
        "count": shape.count,
        "weights": section.weights,
        "average": section.average,
        "temperature": section.temperature,
        "document_attention": documents,
        "precision": machine.precision.name,
    }
    if shape.kind == "sample":
        settings["seed"] = config.training.seed
    shaped_by = [section.teachers, settings, str(getattr(blocks, "path", ""))]
    path = Path(config.data.packed_dir) / f"teachers-{shape.kind}-{shape.count}-{fingerprint_value(shaped_by)[7:15]}"
    title = f"teacher cache {path}"

    def write(folder: Path) -> dict[str, Any]:
        console.say(f"{title}: {shape.describe()}; teachers read the text once")
        teachers = load()
        with console.progress("teachers read", total=len(blocks)) as bar:
            _fill(folder, shape, blocks, teachers, machine, documents=documents, seed=config.training.seed, bar=bar)
        return {"teachers": [teacher.facts for teacher in teachers.teachers], "bytes": shape.bytes}

    if process_index() > 0:
        wait_for_everyone()
    built = build_or_reuse(
        path, STAGE, inputs={**inputs, **blocks.content}, settings=settings, write=write, title=title
    )
    if process_index() == 0:
        wait_for_everyone()
    return TeacherCache(path, shape, built.manifest.outputs["teachers"])


@torch.no_grad()
def _fill(
    folder: Path,
    shape: CacheShape,
    blocks: Blocks,
    teachers: Teachers,
    machine: Machine,
    *,
    documents: bool,
    seed: int,
    bar: console.Bar,
) -> None:
    """Read every block with the teachers and write what is kept of them, in the order of the blocks."""
    collate = CausalCollator(documents)
    size = max(1, _READ_AT_ONCE // shape.length)
    files: dict[str, IO[bytes]] = {name: (folder / name).open("wb") for name in shape.files}
    try:
        for first in range(0, shape.blocks, size):
            numbers = range(first, min(first + size, shape.blocks))
            batch = collate([blocks.block(number) for number in numbers])
            inputs = {
                name: entry.to(machine.device) for name, entry in batch.items() if name not in ("labels", "counts")
            }
            start_N = np.concatenate([_starts(shape, seed, number) for number in numbers])
            read = teachers.read(inputs)
            chunk = chunk_tokens(shape.vocabulary, machine.device)
            for low in range(0, len(start_N), chunk):
                rows = slice(low, low + chunk)
                kept = _keep(teachers.log_probabilities(read, rows), start_N[rows], shape)
                for name, part in kept.items():
                    files[name].write(part.cpu().numpy().astype(shape.files[name][0]).tobytes())
            bar.update(numbers.stop)
    finally:
        for file in files.values():
            file.close()


def _keep(log_p_nV: Tensor, start_n: np.ndarray, shape: CacheShape) -> dict[str, Tensor]:
    """What each file gets."""
    if shape.kind == "top_k":
        kept = likeliest(log_p_nV, shape.count)
    else:
        kept = draw(log_p_nV, torch.from_numpy(start_n).to(log_p_nV.device), shape.count)
    parts = {IDS: kept.ids_nK, ENTROPY: kept.entropy_n, PROBABILITIES: kept.probability_nK, TAIL: kept.tail_n}
    return {name: part for name, part in parts.items() if part is not None}


def _starts(shape: CacheShape, seed: int, block: int) -> np.ndarray:
    """Where the sample of each of a block's positions starts: the same however the text is read."""
    return np.random.default_rng([seed, _DRAW, block]).random(shape.length)
