"""Seeded samples from a model."""

from __future__ import annotations

from typing import Any

from babyllama.errors import EvaluationError
from babyllama.evaluation.models import LoadedModel
from babyllama.evaluation.scoring.sequences import context_token, encode_plain


def generate(
    loaded: LoadedModel,
    prompt: str,
    *,
    max_new_tokens: int = 60,
    temperature: float = 0.8,
    top_k: int | None = 50,
    top_p: float = 1.0,
    seed: int | None = 42,
    num_samples: int = 1,
) -> list[str]:
    """`num_samples` continuations of `prompt`, each as prompt and continuation together, without marks.

    The beginning mark stands in front, as in training; a sample ends at the end mark or after
    `max_new_tokens`, or where the model's context is full. `temperature` 0 takes the likeliest token each
    time. The same `seed` on the same machine and versions gives the same samples; None draws new ones each
    time. A prompt that is longer than the context leaves no room and is an EvaluationError.
    """
    import torch

    _check(loaded, max_new_tokens, temperature, top_k, top_p, num_samples)
    tokenizer = loaded.tokenizer
    first = context_token(tokenizer)
    ids = ([] if first is None else [first]) + encode_plain(tokenizer, [prompt])[0]
    if not ids:
        raise EvaluationError("the prompt is empty and the tokenizer has no mark to begin with: give a prompt.")
    room = max_new_tokens if loaded.context_length is None else min(max_new_tokens, loaded.context_length - len(ids))
    if room < 1:
        raise EvaluationError(
            f"the prompt has {len(ids)} tokens and the model reads at most {loaded.context_length}: shorten it."
        )
    options: dict[str, Any] = {"do_sample": temperature > 0}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": top_k or 0, "top_p": top_p}
    batch = torch.tensor([ids] * (num_samples if temperature > 0 else 1), device=loaded.device)
    with torch.inference_mode(), torch.random.fork_rng(devices=_generator_devices(loaded)):
        if seed is not None:
            torch.manual_seed(seed)
        output = loaded.model.generate(
            batch,
            attention_mask=torch.ones_like(batch),
            max_new_tokens=room,
            pad_token_id=_pad_token(loaded),
            eos_token_id=tokenizer.eos_token_id,
            **options,
        )
    rows = [_until_end(row[len(ids) :], tokenizer.eos_token_id) for row in output.tolist()]
    rows = rows * num_samples if len(rows) < num_samples else rows
    return [
        prompt + tokenizer.decode(row, skip_special_tokens=True, clean_up_tokenization_spaces=False) for row in rows
    ]


def _until_end(ids: list[int], end: int | None) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


def _pad_token(loaded: LoadedModel) -> int:
    candidates = (loaded.tokenizer.pad_token_id, loaded.tokenizer.eos_token_id, 0)
    return next(token for token in candidates if token is not None)


def _generator_devices(loaded: LoadedModel) -> list[int]:
    return [loaded.device.index or 0] if loaded.device.type == "cuda" else []


def _check(
    loaded: LoadedModel, max_new_tokens: int, temperature: float, top_k: int | None, top_p: float, num_samples: int
) -> None:
    if loaded.masked:
        raise EvaluationError(f"{loaded.name} is a masked language model: it cannot continue a text.")
    rules = (
        ("max-new-tokens", max_new_tokens, max_new_tokens >= 1, "at least 1"),
        ("temperature", temperature, temperature >= 0, "0 or more"),
        ("top-k", top_k, top_k is None or top_k >= 0, "0 (off) or more"),
        ("top-p", top_p, 0 < top_p <= 1, "above 0 and at most 1"),
        ("num-samples", num_samples, num_samples >= 1, "at least 1"),
    )
    for name, value, fine, rule in rules:
        if not fine:
            raise EvaluationError(f"--{name} {value}: must be {rule}.")
