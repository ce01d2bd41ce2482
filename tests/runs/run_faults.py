"""Run folders, caches and tokenizers that are damaged, raced for or killed: what do the commands say, and is it right?

A tiny world (text, tokenizer, packed text, a finished run with its checkpoints) is made once by the commands that users
type. A trial spoils a copy of it, types the next commands, and gives its verdict:

    refused    exit code 2 and one message, to the end
    mended     the right numbers in the end, after a message
    unharmed   the right numbers
    silent     exit code 0 and other numbers: the worst
    traceback  a traceback, or an exit code that is neither 0 nor 2
    hang       no end within `PATIENCE` seconds
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babyllama.runs import RunPaths

REFUSED, MENDED, UNHARMED, SILENT, TRACEBACK, HANG = "refused", "mended", "unharmed", "silent", "traceback", "hang"
VERDICTS = (REFUSED, MENDED, UNHARMED, SILENT, TRACEBACK, HANG)
PATIENCE = 300.0
"""Far beyond what any command here takes, on a machine that does other work as well."""

CONFIG = """
data: {tokenizer_path: ./models/tok.json, train_path: ./data/train, eval_path: ./data/dev, seq_length: 32}
tokenizer: {vocab_size: 300}
model: {type: Llama, name: tiny, hidden_size: 16, n_layer: 1, n_head: 2}
training: {lr: 1e-2, batch_size: 8, num_epochs: 2, logging_steps: 1, save_steps: 4, precision: fp32}
evaluation: {tasks: [perplexity]}
logging: {wandb: false}
"""


@dataclass(frozen=True)
class Done:
    """How a command ended; `code` is None when it did not, negative when a signal ended it."""

    code: int | None
    out: str
    err: str

    @property
    def fault(self) -> str | None:
        """`hang` or `traceback`, if that is how it ended."""
        if self.code is None:
            return HANG
        return TRACEBACK if "Traceback" in self.err or self.code not in (0, 2) else None


def start(folder: Path, *arguments: str, name: str = "command") -> int:
    """`babyllama ARGUMENTS` typed in `folder`, in a child that has everything imported; its process."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        for descriptor, suffix in ((1, "out"), (2, "err")):
            opened = os.open(folder / f".{name}.{suffix}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(opened, descriptor)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        from babyllama.cli import main

        code = main(list(arguments))
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def finish(folder: Path, child: int, *, name: str = "command", patience: float = PATIENCE) -> Done:
    """Wait for the child; kill it when patience ends."""
    deadline, code = time.monotonic() + patience, None
    while code is None and time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if ended else None
        time.sleep(0.01)
    if code is None:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return Done(code, *((folder / f".{name}.{suffix}").read_text(errors="replace") for suffix in ("out", "err")))


def run(folder: Path, *arguments: str) -> Done:
    """The command, to its end."""
    return finish(folder, start(folder, *arguments))


def make_world(folder: Path) -> Path:
    """The world that every trial spoils a copy of, in `folder`/whole."""
    import torch

    import babyllama.evaluation
    import babyllama.pipeline
    import babyllama.training.session  # noqa: F401  (so that each child has it)

    torch.set_num_threads(1)
    whole, generator = folder / "whole", random.Random(0)
    words = [
        "the",
        "a",
        "small",
        "big",
        "cat",
        "dog",
        "bird",
        "sees",
        "hears",
        "likes",
        "runs",
        "sleeps",
        "and",
        "then",
        "happily",
        "slowly",
        "one",
        "day",
    ]
    for part, count in (("train", 120), ("dev", 12)):
        (whole / "data" / part).mkdir(parents=True)
        documents = (" ".join(generator.choices(words, k=30)) + "." for _ in range(count))
        (whole / "data" / part / f"text.{part}").write_text("\n<|endoftext|>\n".join(documents) + "\n")
    (whole / "c.yaml").write_text(CONFIG)
    for command in (("train", "--config", "c.yaml"), ("card", "models/tiny")):
        done = run(whole, *command)
        if done.code != 0:
            raise RuntimeError(f"the world cannot be made: {done.err}")
    return whole


@dataclass(frozen=True)
class Truth:
    """What the numbers of a world are."""

    weights: str
    perplexity: float
    card: str
    losses: str

    @classmethod
    def of(cls, world: Path) -> Truth:
        """Those of the undamaged world."""
        paths = RunPaths(world / "models" / "tiny")
        return cls(
            digest(paths.final / "model.safetensors"),
            json.loads(run(world, *EVALUATE).out)["results"]["perplexity"]["perplexity"],
            facts(paths.card),
            rows(paths.losses),
        )


EVALUATE = ("evaluate", "models/tiny", "--tasks", "perplexity", "--json")


def digest(file: Path) -> str:
    """Of the bytes of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def facts(card: Path) -> str:
    """A card without the lines that state a speed."""
    lines = card.read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith(("| training time", "| tokens per second")))


def rows(losses: Path) -> str:
    """losses.csv without its last column, which is a speed."""
    return "\n".join(line.rpartition(",")[0] for line in losses.read_text().splitlines())


# Damage


def damages(file: Path) -> Iterator[str]:
    """The kinds of damage that `file` can take."""
    yield from ("deleted", "lengthened", "folder")
    if file.stat().st_size:
        yield from ("emptied", "cut", "flipped")
    if file.suffix in (".json", ".csv", ".yaml"):
        yield from ("digit", "wrong shape", "not UTF-8")


def damage(file: Path, kind: str, generator: random.Random) -> None:
    """Spoil `file`."""
    content = bytearray(file.read_bytes())
    if kind in ("deleted", "folder"):
        file.unlink()
        if kind == "folder":
            file.mkdir()
        return
    if kind == "emptied":
        content = bytearray()
    elif kind == "cut":
        del content[generator.randrange(len(content)) :]
    elif kind == "flipped":
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    elif kind == "lengthened":
        content += b"0"
    elif kind == "digit":
        digits = [place for place, byte in enumerate(content) if byte in b"0123456789"]
        if digits:
            place = generator.choice(digits)
            content[place] = ord("0") + (content[place] - ord("0") + generator.randrange(1, 10)) % 10
    elif kind == "wrong shape":
        content = bytearray(b"[]\n")
    elif kind == "not UTF-8":
        place = generator.randrange(len(content))
        content[place:place] = b"\xff\xfe"
    file.write_bytes(bytes(content))


def spoilable(world: Path) -> dict[str, list[Path]]:
    """The files of a world by what they belong to, relative to it."""
    run_folder = world / "models" / "tiny"
    kinds: dict[str, list[Path]] = {"run": [], "checkpoint": [], "tokenizer": [], "packed text": []}
    for file in sorted(path for path in world.rglob("*") if path.is_file() and not path.name.startswith(".")):
        name = file.relative_to(world)
        if RunPaths(run_folder).checkpoints in file.parents:
            kinds["checkpoint"].append(name)
        elif run_folder in file.parents:
            kinds["run"].append(name)
        elif name.parts[0] == "models":
            kinds["tokenizer"].append(name)
        elif name.parts[:2] == ("data", "packed"):
            kinds["packed text"].append(name)
    return kinds


def damaged(world: Path, truth: Truth, copy: Path, kind: str, file: Path, how: str, seed: int) -> str:
    """The verdict on one damage, told by the commands that a user would type next."""
    shutil.copytree(world, copy, symlinks=True)
    paths = RunPaths(copy / "models" / "tiny")
    if kind == "checkpoint":
        shutil.rmtree(paths.final)
    elif kind != "run":
        shutil.rmtree(paths.root)
    damage(copy / file, how, random.Random(seed))
    train = ("train", "--config", "c.yaml")
    commands = {
        "run": [EVALUATE, ("card", "models/tiny"), train, EVALUATE],
        "checkpoint": [(*train, "--resume_from_checkpoint"), EVALUATE],
    }.get(kind, [train, EVALUATE])
    ends = [run(copy, *command) for command in commands]
    try:
        return verdict(ends, commands, paths, truth, compare_card=kind == "run")
    finally:
        shutil.rmtree(copy)


def verdict(
    ends: list[Done], commands: list[tuple[str, ...]], paths: RunPaths, truth: Truth, *, compare_card: bool
) -> str:
    """The worst that the commands' ends show."""
    found = [end.fault for end in ends if end.fault]
    if found:
        return found[0]
    warned = any("warning" in end.err for end in ends)
    for command, end in zip(commands, ends, strict=True):
        if end.code == 0 and command == EVALUATE:
            if json.loads(end.out)["results"]["perplexity"]["perplexity"] != truth.perplexity:
                return SILENT
        elif end.code == 0 and command[0] == "train":
            curve = paths.losses.is_file() and rows(paths.losses) == truth.losses
            if digest(paths.final / "model.safetensors") != truth.weights or not (curve or "warning" in end.err):
                return SILENT
        elif end.code == 0 and compare_card and facts(paths.card) != truth.card and not warned:
            return SILENT
    if ends[-1].code == 2:
        return REFUSED
    said = any(end.code == 2 or "warning" in end.err or "damaged" in end.err for end in ends)
    return MENDED if said else UNHARMED


# Two processes, and kills while a run is replaced


def raced(world: Path, truth: Truth, copy: Path, delay: float) -> str:
    """`train` and, `delay` seconds later, `train --resume_from_checkpoint` in the same run."""
    shutil.copytree(world, copy, symlinks=True)
    paths = RunPaths(copy / "models" / "tiny")
    shutil.rmtree(paths.root)
    first = start(copy, "train", "--config", "c.yaml", name="first")
    while not paths.lock.exists() and os.waitpid(first, os.WNOHANG) == (0, 0):
        time.sleep(0.002)
    time.sleep(delay)
    second = run(copy, "train", "--config", "c.yaml", "--resume_from_checkpoint")
    ends = [finish(copy, first, name="first"), second]
    try:
        found = [end.fault for end in ends if end.fault]
        if found:
            return found[0]
        if digest(paths.final / "model.safetensors") != truth.weights or rows(paths.losses) != truth.losses:
            return SILENT
        return REFUSED if any(end.code == 2 and "is being written by process" in end.err for end in ends) else UNHARMED
    finally:
        shutil.rmtree(copy)


AGAIN = ("train", "--config", "c.yaml", "training.lr=5e-3")
"""The configuration that replaces the run."""


def seconds_to_replace(world: Path, copy: Path) -> float:
    """How long `train --overwrite` takes when nothing stops it."""
    shutil.copytree(world, copy, symlinks=True)
    began = time.monotonic()
    run(copy, *AGAIN, "--overwrite")
    shutil.rmtree(copy)
    return time.monotonic() - began


def replaced(world: Path, truth: Truth, copy: Path, share: float, duration: float) -> str:
    """`train --overwrite` with another rate, killed after `share` of the time that it takes."""
    shutil.copytree(world, copy, symlinks=True)
    paths = RunPaths(copy / "models" / "tiny")
    child = start(copy, *AGAIN, "--overwrite")
    time.sleep(share * duration)
    os.killpg(child, signal.SIGKILL) if os.waitpid(child, os.WNOHANG) == (0, 0) else None
    next_end = run(copy, *AGAIN, "--resume_from_checkpoint")
    try:
        if next_end.fault:
            return next_end.fault
        if next_end.code == 0:
            # The new run stands, and is brought to its end.
            return MENDED if digest(paths.final / "model.safetensors") != truth.weights else SILENT
        end = run(copy, *EVALUATE)
        if end.fault or end.code != 0 or "run of another configuration" not in next_end.err:
            return end.fault or SILENT
        old = json.loads(end.out)["results"]["perplexity"]["perplexity"] == truth.perplexity
        return UNHARMED if old and digest(paths.final / "model.safetensors") == truth.weights else SILENT
    finally:
        shutil.rmtree(copy)
