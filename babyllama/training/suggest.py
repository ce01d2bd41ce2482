"""A configuration from rules that were measured, each choice with its reason, for so much text and so much time.

The measurements are of small Llamas on BabyLM text (docs/training.md, "Rules that were measured"); bits per byte are of held-out text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from babyllama.config import Config
from babyllama.config.scalars import dump
from babyllama.errors import ConfigError
from babyllama.settings import config_from_values
from babyllama.text import duration, short_count
from babyllama.training.machine import Machine
from babyllama.training.timing import step_time

LADDER = ((128, 2, 2), (128, 4, 4), (192, 4, 4), (256, 6, 4), (384, 6, 6), (512, 8, 8), (768, 12, 12))
"""(width, layers, heads), smallest first."""
PASSES = (10, 5, 3, 2, 1)
TOKENS_PER_WORD = {2048: 1.9, 4096: 1.7, 8192: 1.52, 16384: 1.4}
"""Of English under a byte-level BPE of so many entries, special tokens included: 1.9 is 2.9 bytes a token."""
SPARE = 0.9
"""Share of the time that training steps may take; evaluation, checkpoints and inputs take the rest."""


@dataclass
class Suggestion:
    """A configuration and why it is so."""

    config: Config
    values: dict[str, Any]
    reasons: dict[str, str] = field(default_factory=dict)
    """Dotted key -> its reason."""
    seconds: float = 0.0
    """Of all training steps."""

    def to_yaml(self) -> str:
        """The configuration with its reasons as comments."""
        lines = [
            f"# training takes about {duration(self.seconds)} on this machine (a short calibration run, then arithmetic)"
        ]
        section = ""
        for line in dump(self.values).splitlines():
            section = line.rstrip(":") if not line.startswith(" ") else section
            reason = self.reasons.get(f"{section}.{line.strip().split(':')[0]}")
            lines += ([f"  # {reason}"] if reason else []) + [line]
        return "\n".join(lines) + "\n"


def suggest(words: int, minutes: float, *, device: str = "auto", text: str | None = None) -> Suggestion:
    """The largest model of the ladder that sees `words` of text ten times (else fewer) within `minutes` on this machine.

    ConfigError when not even the smallest sees it once.
    """
    for name, value, lowest in (("words", words, 1000), ("minutes", minutes, 0.1)):
        if value < lowest:
            raise ConfigError(f"--{name} {value:,}: must be at least {lowest:,}; there is nothing to train in less.")
    vocab_size, why_vocabulary = _vocabulary(words)
    rows, why_rows = _rows(words)
    sizes = [size for size in LADDER if size[0] <= _widest(words)]
    room = SPARE * 60 * minutes
    once: dict[tuple[int, int, int], float] = {}
    for size in sizes:
        config = config_from_values(_values(size, 1, vocab_size, rows, device, text))
        steps = max(1, round(words * TOKENS_PER_WORD[vocab_size]) // (rows * config.data.seq_length))
        once[size] = steps * _seconds_per_step(config, vocab_size, rows)
        if once[size] > room:
            break  # larger ones take longer still
    for passes in PASSES:
        fitting = [size for size, seconds in once.items() if passes * seconds <= room]
        if fitting:
            values = _values(fitting[-1], passes, vocab_size, rows, device, text)
            config = config_from_values(values)
            reasons = _reasons(fitting[-1], sizes, passes, config, minutes) | {
                "tokenizer.vocab_size": why_vocabulary,
                "training.batch_size": why_rows,
            }
            return Suggestion(config, values, reasons, passes * once[fitting[-1]])
    least = once[sizes[0]]
    raise ConfigError(
        f"--words {words:,} --minutes {minutes:g}: the smallest model needs about {duration(least)} for one pass over the text "
        f"here. Take less text (about {short_count(words * room / least)} words) or more time."
    )


def _vocabulary(words: int) -> tuple[int, str]:
    if words <= 1_000_000:
        return 2048, "2 MB of text, bits per byte: 2k entries 1.922, 4k 1.933, 8k 1.960 (5 passes)"
    if words <= 20_000_000:
        return 8192, "the best model of the 10M-word track of 2026 has 8,192; on 2 MB fewer were better (2k)"
    return 16384, "100M words fill the entries of 16k; on 2 MB fewer were better (2k)"


def _rows(words: int) -> tuple[int, str]:
    if words <= 1_000_000:
        return 16, "16 rows of 128 are 2,048 tokens a step: 1.912 bits per byte on 2 MB, against 1.933 with 4,096"
    if words <= 20_000_000:
        return (
            64,
            "8,192 tokens a step: small steps were better on 2 MB (2,048), 16,384 to 32,768 are usual for 10M words",
        )
    return 128, "16,384 tokens a step, as usual for 10M words and more"


def _widest(words: int) -> int:
    """Little text does not fill a wide model."""
    return 256 if words <= 1_000_000 else 512 if words <= 5_000_000 else 768


def _values(
    size: tuple[int, int, int], passes: int, vocab_size: int, rows: int, device: str, text: str | None
) -> dict[str, Any]:
    width, layers, heads = size
    data = {"tokenizer_path": f"./models/suggested-{vocab_size}.json", "seq_length": 128}
    if text is not None:
        data["train_path"] = text
    return {
        "data": data,
        "tokenizer": {"vocab_size": vocab_size},
        "model": {
            "type": "Llama",
            "name": f"suggested-{width}x{layers}",
            "hidden_size": width,
            "n_layer": layers,
            "n_head": heads,
            "tie_word_embeddings": True,
        },
        "training": {
            "lr": 5e-3,
            "batch_size": rows,
            "num_epochs": passes,
            "warmup_steps": 50,
            "torch_compile": "auto",
            "device": device,
        },
        "optimization": {
            "optimizer": "muon",
            "muon_lr": 0.02,
            "schedule": "cosine",
            "weight_decay": 1.0 if passes > 5 else 0.1,
        },
    }


def _reasons(
    size: tuple[int, int, int], sizes: list[tuple[int, int, int]], passes: int, config: Config, minutes: float
) -> dict[str, str]:
    if passes == PASSES[0]:
        why = "ten passes: the BabyLM rule, and more harm (146 took BLiMP from 70.1 down to 63.1)"
    else:
        why = f"as many as fit into {minutes:g} minutes; up to ten go on helping"
    decay = (
        "ten passes over 2 MB: 1.857 bits per byte, against 2.095 with 0.1, which overfits"
        if passes > 5
        else "few passes do not overfit: 1.933 bits per byte after five on 2 MB"
    )
    wide = (
        "the widest for this much text"
        if size == sizes[-1]
        else f"the next larger one does not fit into {minutes:g} minutes"
    )
    return {
        "model.hidden_size": wide,
        "training.num_epochs": why,
        "optimization.weight_decay": decay,
        "optimization.optimizer": "optimizer and learning rate decide more than any trick with the data, at this size",
        "optimization.schedule": "ten passes over 2 MB: 1.884 bits per byte (two runs), against 1.910 (one) with a constant rate and a cool-down",
        "training.torch_compile": "compiled where the run is long enough to pay for it: 1.2 to 1.4 times as fast on a Xeon in bf16",
        "data.seq_length": "64 to 256 tokens suit little text; short rows are the faster",
        "model.tie_word_embeddings": "one table for input and output: little text trains few rows",
    }


def _seconds_per_step(config: Config, vocab_size: int, rows: int) -> float:
    machine = Machine.find(config.training)
    found = step_time(config, vocab_size=vocab_size, micro_batch=rows, accumulation=1, machine=machine, seconds=0.6)
    assert found is not None, "every size of the ladder can be tried"
    return found.total
