"""Seeded samples from a model: one prompt or many, shown as they come, beyond the context by a sliding window.

What draws is `generate` of transformers. Where the context is full, the older half of the window is forgotten (the beginning mark
stays) and drawing goes on, as often as it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from babyllama.errors import EvaluationError
from babyllama.evaluation.models import LoadedModel
from babyllama.evaluation.scoring.sequences import context_token, encode_plain

Show = Callable[[str], None]
"""Called with each piece of a continuation as it is drawn."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn."""

    max_new_tokens: int = 60
    temperature: float = 0.8
    """0 takes the likeliest token each time."""
    top_k: int | None = 50
    """Draw from so many of the likeliest tokens; 0 or None from all."""
    top_p: float = 1.0
    """Draw from the likeliest tokens that have this probability together."""
    min_p: float = 0.0
    """Leave out tokens with less than this part of the likeliest token's probability (Nguyen et al. 2024)."""
    repetition_penalty: float = 1.0
    """Divides the scores of tokens that stand in the prompt or the continuation (Keskar et al. 2019); 1 is off."""
    seed: int | None = 42
    """The same seed on the same machine and versions gives the same samples; None draws new ones."""

    def check(self) -> None:
        """EvaluationError, naming the flag, for what cannot be drawn so."""
        rules = (
            ("max-new-tokens", self.max_new_tokens, self.max_new_tokens >= 1, "at least 1"),
            ("temperature", self.temperature, 0 <= self.temperature < 1e6, "0 or more"),
            ("top-k", self.top_k, self.top_k is None or self.top_k >= 0, "0 (off) or more"),
            ("top-p", self.top_p, 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("min-p", self.min_p, 0 <= self.min_p <= 1, "from 0 (off) to 1"),
            ("repetition-penalty", self.repetition_penalty, 0 < self.repetition_penalty < 1e6, "above 0 (1 is off)"),
        )
        for name, value, fine, rule in rules:
            if not fine:
                raise EvaluationError(f"--{name} {value}: must be {rule}.")

    def options(self) -> dict[str, Any]:
        """Arguments of transformers' `generate`."""
        found: dict[str, Any] = {"do_sample": self.temperature > 0}
        if self.temperature > 0:
            found |= {"temperature": self.temperature, "top_k": self.top_k or 0, "top_p": self.top_p}
            found |= {"min_p": self.min_p} if self.min_p else {}
        return found | ({"repetition_penalty": float(self.repetition_penalty)} if self.repetition_penalty != 1 else {})


def generate(
    loaded: LoadedModel, prompt: str, *, num_samples: int = 1, show: Show | None = None, **sampling: Any
) -> list[str]:
    """`num_samples` continuations of `prompt`, each as prompt and continuation together, without marks.

    The beginning mark stands in front, as in training; a sample ends at the end mark or after `max_new_tokens`. `sampling`
    are the fields of `Sampling`. With `show`, pieces of the single sample are shown as they are drawn.
    """
    how = _checked(loaded, Sampling(**sampling), num_samples)
    ids = _encode(loaded, [prompt])[0]
    copies = num_samples if how.temperature > 0 else 1
    rows = draw(loaded, [ids] * copies, how, show)
    rows = rows * num_samples if len(rows) < num_samples else rows
    return [prompt + decode(loaded, row) for row in rows]


def generate_batch(loaded: LoadedModel, prompts: Sequence[str], batch_size: int = 16, **sampling: Any) -> list[str]:
    """One continuation of each of `prompts`, without the prompt; `batch_size` of them are drawn at a time.

    Prompts of one batch are padded in front. With a seed, each batch is seeded by it and its number.
    """
    how = _checked(loaded, Sampling(**sampling))
    found: list[str] = []
    for start in range(0, len(prompts), batch_size):
        rows = _encode(loaded, prompts[start : start + batch_size])
        seed = None if how.seed is None else (how.seed + start // batch_size) % 2**32
        drawn = draw(loaded, rows, Sampling(**{**vars(how), "seed": seed}))
        found += [decode(loaded, row) for row in drawn]
    return found


def draw(
    loaded: LoadedModel, rows: Sequence[Sequence[int]], how: Sampling, show: Show | None = None
) -> list[list[int]]:
    """The tokens that continue each row of ids, without the end mark; `show` is for a single row."""
    import torch

    end = loaded.tokenizer.eos_token_id
    found: list[list[int]] = [[] for _ in rows]
    open_rows, left = list(range(len(rows))), how.max_new_tokens
    streamer = _Streamer(loaded, show) if show is not None and len(rows) == 1 else None
    with torch.inference_mode(), torch.random.fork_rng(devices=_generator_devices(loaded)):
        # Within the block the caller's state comes back each time, so that without a seed one has to be found.
        torch.seed() if how.seed is None else torch.manual_seed(how.seed)
        while open_rows and left:
            windows = [_window(loaded, [*rows[number], *found[number]]) for number in open_rows]
            longest = max(map(len, windows))
            room = left if loaded.context_length is None else min(left, loaded.context_length - longest)
            batch = torch.tensor([[_pad_token(loaded)] * (longest - len(one)) + one for one in windows])
            mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in windows])
            output = loaded.model.generate(
                batch.to(loaded.device),
                attention_mask=mask.to(loaded.device),
                max_new_tokens=room,
                pad_token_id=_pad_token(loaded),
                eos_token_id=end,
                streamer=streamer,
                **how.options(),
            )
            going = []
            for number, row in zip(open_rows, output[:, longest:].tolist(), strict=True):
                if end in row:
                    row = row[: row.index(end)]
                else:
                    going.append(number)
                found[number] += row
            open_rows, left = going, left - room
    if streamer is not None:
        streamer.finish()
    return found


def decode(loaded: LoadedModel, ids: Sequence[int]) -> str:
    """Tokens as text, without marks."""
    text: str = loaded.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


def _encode(loaded: LoadedModel, prompts: Sequence[str]) -> list[list[int]]:
    first = context_token(loaded.tokenizer)
    rows = [([] if first is None else [first]) + ids for ids in encode_plain(loaded.tokenizer, prompts)]
    if not all(rows):
        raise EvaluationError("the prompt is empty and the tokenizer has no mark to begin with: give a prompt.")
    return rows


def _window(loaded: LoadedModel, ids: list[int]) -> list[int]:
    """What the model reads of `ids`: all, or where that fills its context the beginning mark and the newest half of it."""
    context = loaded.context_length
    if context is None or len(ids) < context:
        return ids
    first = context_token(loaded.tokenizer)
    newest = ids[-max(1, context // 2) :]
    return [first, *newest[1:]] if first is not None and len(newest) > 1 else newest


class _Streamer:
    """What transformers' `generate` hands each token to: pieces of text that no later token changes are shown at once."""

    def __init__(self, loaded: LoadedModel, show: Show) -> None:
        self.loaded, self.show = loaded, show
        self.ids: list[int] = []
        self.shown = 0
        self._is_prompt = True

    def put(self, tokens: Any) -> None:
        """The prompt first, then a token at a time."""
        if self._is_prompt:
            self._is_prompt = False
            return
        self.ids += [one for one in tokens.flatten().tolist() if one != self.loaded.tokenizer.eos_token_id]
        text = decode(self.loaded, self.ids)
        # Half a character decodes to U+FFFD until the token with the other half has come.
        if not text.endswith("\ufffd"):
            self._write(text)

    def end(self) -> None:
        """One window is full or the sample ended; the next window begins with a prompt again."""
        self._is_prompt = True

    def finish(self) -> None:
        """Show what was held back."""
        self._write(decode(self.loaded, self.ids))

    def _write(self, text: str) -> None:
        if len(text) > self.shown:
            self.show(text[self.shown :])
            self.shown = len(text)


def _pad_token(loaded: LoadedModel) -> int:
    candidates = (loaded.tokenizer.pad_token_id, loaded.tokenizer.eos_token_id, 0)
    return next(token for token in candidates if token is not None)


def _generator_devices(loaded: LoadedModel) -> list[int]:
    return [loaded.device.index or 0] if loaded.device.type == "cuda" else []


def _checked(loaded: LoadedModel, how: Sampling, num_samples: int = 1) -> Sampling:
    if loaded.masked:
        raise EvaluationError(f"{loaded.name} is a masked language model: it cannot continue a text.")
    how.check()
    if num_samples < 1:
        raise EvaluationError(f"--num-samples {num_samples}: must be at least 1.")
    return how
