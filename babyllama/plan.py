"""What a run will be before anything is trained: parameters, tokens, steps, memory, device. Reads as little as it must.

Inputs that do not exist yet are marked so, and their numbers are taken from the configuration or left open.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from babyllama.architectures import family, parameter_counts
from babyllama.artifacts import MANIFEST_NAME, Manifest
from babyllama.config import Config
from babyllama.config.amounts import parse_amount
from babyllama.corpus.held_out import text_files
from babyllama.corpus.reading import SEPARATOR
from babyllama.corpus.reading.instructions import documents_of
from babyllama.device import describe_device, keep_freed_memory, set_threads
from babyllama.errors import BabyLlamaError, MissingTextError, TokenizerError
from babyllama.runs import run_of
from babyllama.settings.trackers import tracker_names
from babyllama.text import duration, file_size
from babyllama.training.data.batch_plan import BatchPlan, batch_plan
from babyllama.training.machine import Machine
from babyllama.training.optim.schedule import Schedule

_SAMPLE_BYTES = 1_000_000
_VOCABULARIES = (512, 1000, 2000, 4000, 8000, 16000, 32000)
_BYTES_PER_TOKEN = (1.98, 2.46, 2.86, 3.23, 3.56, 3.83, 4.03)
"""Of English under a byte-level BPE trained on it (the 2 MB mix; speech is up to a quarter lower, stories a tenth higher): used
only while text or tokenizer do not exist."""
_BYTES_PER_WORD = 5.52


@dataclass
class Plan:
    """The numbers of a run. Token counts are estimates unless the text was counted before."""

    parameters: dict[str, int]
    vocab_size: int
    tokens: int | None
    sequences_per_step: int
    steps: int | None
    tokens_seen: int | None = None
    """Over all epochs."""
    memory: int | None = None
    """Bytes that a training step takes; None where that is not known beforehand."""
    seconds: float | None = None
    """Of all training steps, where they were tried."""
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def plan(config: Config, *, timed: bool = False) -> Plan:
    """The plan of `config` on this machine; `timed` tries a few steps to say how long it will take."""
    tracker_names(config)
    vocab_size, tokenizer_line = vocabulary(config)
    model = config.model
    counts = parameter_counts(model, vocab_size=vocab_size, seq_length=config.data.seq_length)
    tokens, text_line = _tokens(config, vocab_size)
    machine = Machine.here(config.training)

    micro, length = config.training.batch_size, config.data.seq_length
    batches = batch_plan(
        config,
        num_blocks=math.ceil((tokens or 1) / length),
        devices=1,
        # `auto` divides the effective batch, whatever fits.
        micro_batch=config.training.effective_batch_size if micro == "auto" else None,
    )
    sequences, epochs = batches.blocks_per_step, config.training.num_epochs
    steps, seen = config.training.max_steps, None
    if steps is not None:
        seen = steps * sequences * length
    elif tokens is not None and config.data.packing != "separate":
        # How many rows documents of their own take is known when they are packed.
        steps, seen = batches.total_steps(epochs, None), round(tokens * epochs)

    result = Plan(counts, vocab_size, tokens, sequences, steps, seen)
    total = counts["total"]
    add = result.lines.append
    add(f"run         {run_of(config)}")
    add(
        f"model       {model.architecture_name}, {total:,} parameters: "
        + ", ".join(f"{part.replace('_', ' ')} {count:,}" for part, count in counts.items() if part != "total")
    )
    add(
        f"            {model.n_layer} layers x {model.hidden_size} wide, "
        + (f"{model.n_head} heads of {model.hidden_size // model.n_head}, " if model.n_head else "")
        + f"feed-forward {family(model.type).feed_forward(model)}"
    )
    add(f"tokenizer   {tokenizer_line}")
    add(f"text        {text_line}")
    if tokens is not None:
        add(f"            {tokens / total:.2f} tokens per parameter in one epoch of the text")
    if micro == "auto":
        add(f"batch       {sequences:,} sequences x {length:,} = {sequences * length:,} tokens per step, split as fits")
    else:
        add(f"batch       {batches.describe()}")
    if steps is not None and seen is not None:
        add(f"steps       {steps:,}, {seen:,} tokens seen")
        warning = Schedule.from_config(config, steps).warning()
        result.warnings.extend([warning] if warning else [])
    else:
        add("steps       known when the text is packed")
    if tokens is not None:
        result.lines.extend(_teacher_cache(config, batches.num_blocks, vocab_size))
    result.memory, memory_line = _memory(config, vocab_size, batches.accumulation, machine)
    add(f"memory      {memory_line}")
    if timed:
        result.seconds, time_line = _time(config, vocab_size, batches, steps, machine)
        add(f"time        {time_line}")
    precision = machine.precision
    add(f"device      {describe_device(machine.device)}; precision {precision.name} ({precision.note})")
    if precision.warning:
        result.warnings.append(precision.warning)
    return result


def _teacher_cache(config: Config, blocks: int, vocab_size: int) -> list[str]:
    """The line on what is kept of the teachers, where something is."""
    section = config.distillation
    if (
        config.training.objective != "distillation"
        or section is None
        or not section.cache_teachers
        or section.alpha == 1
    ):
        return []
    from babyllama.training.objectives.teacher_cache import CacheShape

    shape = CacheShape.of(section, blocks=blocks, length=config.data.seq_length, vocabulary=vocab_size)
    return [f"teachers    cache in {Path(config.data.packed_dir)}: {shape.describe()}"]


def _time(
    config: Config, vocab_size: int, batches: BatchPlan, steps: int | None, machine: Machine
) -> tuple[float | None, str]:
    """(seconds of all training steps, the line that says so), from a few of them."""
    from babyllama.training.timing import step_time

    set_threads(config.training.threads)
    keep_freed_memory()
    found = step_time(
        config,
        vocab_size=vocab_size,
        micro_batch=batches.micro_batch,
        accumulation=batches.accumulation,
        machine=machine,
    )
    if found is None:
        return (
            None,
            f"not known beforehand: {config.model.architecture_name} is too large to be tried here, or cannot be",
        )
    rate = batches.blocks_per_step * batches.seq_length / found.total
    if steps is None:
        return None, f"{rate:,.0f} tokens/s (tried for a second); how many, is known when the text is packed"
    seconds = steps * found.total
    return (
        seconds,
        f"about {duration(seconds)}, {rate:,.0f} tokens/s (tried for a second); evaluations and inputs come on top",
    )


def _memory(config: Config, vocab_size: int, accumulation: int, machine: Machine) -> tuple[int | None, str]:
    """(bytes that a training step takes, the line that says so by part)."""
    from babyllama.training.footprint import step_footprint

    # `auto` takes what fits, so one sequence is the least that training needs.
    auto = config.training.batch_size == "auto"
    micro_batch = 1 if config.training.batch_size == "auto" else config.training.batch_size
    try:
        memory = step_footprint(
            config, vocab_size=vocab_size, micro_batch=micro_batch, accumulation=accumulation, machine=machine
        )
    except RuntimeError:
        name = config.model.architecture_name
        return None, f"not known beforehand: {name} does not run on tensors without data"
    parts = {
        "weights": memory.weights,
        "optimizer": memory.optimizer,
        "activations and gradients": memory.step,
        "held by the allocator": memory.allocator,
    }
    split = ", ".join(f"{name} {file_size(count)}" for name, count in parts.items() if count)
    one = " with one sequence at a time" if auto else ""
    return memory.total, f"about {file_size(memory.total)}{one}: {split}"


def vocabulary(config: Config) -> tuple[int, str]:
    """(entries, the line that says where they come from)."""
    from babyllama.tokenizer import find_tokenizer, load_fast, load_tokenizer

    path = config.data.tokenizer_path
    if find_tokenizer(path) is not None:
        count = load_fast(path).get_vocab_size()
        return config.model.vocab_size or count, f"{path}, {count:,} entries"
    if config.tokenizer is None and not path.startswith((".", "/")) and not path.endswith(".json"):
        with contextlib.suppress(TokenizerError):
            count = len(load_tokenizer(path))
            return config.model.vocab_size or count, f"{path} from the Hub, {count:,} entries"
    asked = config.tokenizer.vocab_size if config.tokenizer else 16000
    how = "train does it" if config.tokenizer else "train_tokenizer.py makes it"
    return config.model.vocab_size or asked, f"{path}, not there yet ({how}); counted with {asked:,} entries"


def _tokens(config: Config, vocab_size: int) -> tuple[int | None, str]:
    """(tokens in one epoch or None, the line that says how they were counted)."""
    path = config.data.train_path
    try:
        files, _ = text_files(config, may_come_later=True)
    except MissingTextError:
        if config.mixing and config.mixing.budget:
            amount = parse_amount(config.mixing.budget)
            tokens = round(amount.number * _tokens_per(amount.unit or "bytes", vocab_size))
            made = f"train mixes {config.mixing.budget} from {config.mixing.root}, about {tokens:,} tokens"
            return tokens, f"{path}, not there yet ({made})"
        return None, f"{path}, not there yet"
    size = sum(file.stat().st_size for file in files)
    text = f"{path}, {len(files)} file(s), {file_size(size)}"
    counted = _counted(config, files)
    if counted is not None:
        return counted, f"{text}, {counted:,} tokens (counted when it was packed)"
    try:
        estimate = _estimated(config, files, size)
    except BabyLlamaError as error:
        return None, f"{text}; a sample cannot be read: {error}"
    if estimate is None:
        tokens = round(size * _tokens_per("bytes", vocab_size))
        ratio = size / max(1, tokens)
        return (
            tokens,
            f"{text}, about {tokens:,} tokens ({ratio:.2f} bytes per token, as English under {vocab_size:,} entries)",
        )
    return estimate, f"{text}, about {estimate:,} tokens ({size / max(1, estimate):.2f} bytes per token in a sample)"


def _tokens_per(unit: str, vocab_size: int) -> float:
    """Tokens in a byte, word or token of English, under a tokenizer of that many entries which is not trained yet."""
    if unit == "tokens":
        return 1.0
    bytes_per_token = float(np.interp(math.log(vocab_size), np.log(_VOCABULARIES), _BYTES_PER_TOKEN))
    return (1 if unit == "bytes" else _BYTES_PER_WORD) / bytes_per_token


def _counted(config: Config, files: list[Path]) -> int | None:
    """Tokens of the packed text, if it was packed with this tokenizer and no file has changed since."""
    from babyllama.dataset import packed_folder
    from babyllama.tokenizer import find_tokenizer, tokenizer_fingerprint

    folder = packed_folder(config.data, "train")
    manifest = Manifest.read(folder)
    if manifest is None or find_tokenizer(config.data.tokenizer_path) is None:
        return None
    packed_at = (folder / MANIFEST_NAME).stat().st_mtime_ns
    if any(file.stat().st_mtime_ns > packed_at for file in files):
        return None
    same = manifest.inputs.get("tokenizer") == tokenizer_fingerprint(config.data.tokenizer_path)
    return manifest.outputs["tokens"] if same else None


def _estimated(config: Config, files: list[Path], size: int) -> int | None:
    """Tokens of `size` bytes of text, from a sample of its documents with their special tokens; None without a tokenizer."""
    from babyllama.tokenizer import find_tokenizer, load_fast

    if find_tokenizer(config.data.tokenizer_path) is None:
        return None
    sample, read = [], 0
    for document in documents_of(files, config.data):
        sample.append(document[:_SAMPLE_BYTES])
        read += len(sample[-1].encode()) + len(f"\n{SEPARATOR}\n")
        if read >= _SAMPLE_BYTES:
            break
    encoded = load_fast(config.data.tokenizer_path).encode_batch_fast(sample)
    return round(sum(len(item) + 2 for item in encoded) * size / max(1, read))
