"""A look into a causal model while it reads one text: surprisal of each token, attention of each head, and what each layer
would predict.

The last is the logit lens (nostalgebraist 2020): the last norm and the output layer, applied to what each layer hands on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from babyllama.errors import EvaluationError
from babyllama.evaluation.models import LoadedModel
from babyllama.evaluation.scoring.sequences import context_token, encode_plain

if TYPE_CHECKING:
    import torch
    from torch import nn

MOST_TOKENS = 200
"""Longest text: attention grows with the square of it."""
LIKELIEST = 5
"""Tokens named for each prediction."""

Predictions = list[list[tuple[str, float]]]
"""For each position the likeliest next tokens with their probabilities, the likeliest first."""


@dataclass(frozen=True)
class Inspection:
    """What was seen; N tokens, the mark in front included, L layers, H heads."""

    model: str
    family: str
    """`model_type` of the Hugging Face configuration."""
    tokens: list[str]
    """[N] texts; the first is the mark, if the tokenizer has one."""
    marked: bool
    """Is the first token the mark?"""
    surprisal: np.ndarray
    """[N] bits; NaN for the first token, which nothing predicts."""
    predictions: Predictions
    """[N] after each token."""
    attention: np.ndarray
    """[L, H, N, N] float32: row reads column."""
    lens: list[Predictions] | None
    """[L] after each layer, the last of them the model's own predictions; None where the output is not the last norm and the
    output layer alone."""
    lens_surprisal: np.ndarray | None
    """[L, N] bits of each token, had the layer been the last."""


def inspect_text(loaded: LoadedModel, text: str) -> Inspection:
    """Let the model read `text` once, after its beginning mark.

    EvaluationError for a masked model, a text that is empty or too long, and a model that gives no attention.
    """
    import torch

    ids, marked = _encode(loaded, text)
    batch = torch.tensor([ids], device=loaded.device)
    with torch.inference_mode(), _eager(loaded), _last_norm(loaded.model) as seen:
        output = loaded.model(batch, output_attentions=True, output_hidden_states=True, use_cache=False)
    attention = _attention(loaded, output, len(ids))
    log_p = torch.log_softmax(output.logits[0].float(), dim=-1)
    layers = _layer_log_p(loaded, output, seen)
    tokens = [loaded.tokenizer.decode([index]) for index in ids]
    return Inspection(
        loaded.name,
        str(loaded.model.config.model_type),
        tokens,
        marked,
        _bits(log_p, ids),
        _likeliest(loaded, log_p),
        attention,
        None if layers is None else [_likeliest(loaded, one) for one in layers],
        None if layers is None else np.stack([_bits(one, ids) for one in layers]),
    )


def _encode(loaded: LoadedModel, text: str) -> tuple[list[int], bool]:
    """Token ids of `text` after the mark, and whether there is one."""
    if loaded.masked:
        raise EvaluationError(
            f"{loaded.name} is a masked language model, which reads both ways: it predicts no next token. Inspect a causal one."
        )
    first = context_token(loaded.tokenizer)
    ids = ([] if first is None else [first]) + encode_plain(loaded.tokenizer, [text])[0]
    most = min(MOST_TOKENS, loaded.context_length or MOST_TOKENS)
    if len(ids) < 2:
        raise EvaluationError("the text is empty: give one of two tokens at least.")
    if len(ids) > most:
        raise EvaluationError(
            f"the text has {len(ids):,} tokens, and at most {most} can be looked into (attention grows with the square of them, "
            f"and {loaded.name} reads {loaded.context_length or 'any number'} at once): give a sentence or a paragraph."
        )
    return ids, first is not None


def _attention(loaded: LoadedModel, output: Any, length: int) -> np.ndarray:
    """[L, H, N, N]; EvaluationError when the model does not give it."""
    found = getattr(output, "attentions", None) or ()
    whole = [one for one in found if one is not None and one.ndim == 4 and one.shape[-2:] == (length, length)]
    if not whole or len({one.shape for one in whole}) > 1:
        raise EvaluationError(
            f"{loaded.name} gives no attention: its class, {type(loaded.model).__name__}, has none or keeps it to itself. Llama, "
            "GPT2, GPTJ, Qwen3 and GPTNeoX give theirs."
        )
    import torch

    stacked: np.ndarray = torch.stack([one[0].float() for one in whole]).cpu().numpy()
    return stacked


@contextmanager
def _eager(loaded: LoadedModel) -> Iterator[None]:
    """Only attention that is computed step by step can be looked at."""
    model: Any = loaded.model
    before = getattr(model.config, "_attn_implementation", None)
    try:
        model.set_attn_implementation("eager")
    except (ValueError, AttributeError) as error:
        raise EvaluationError(f"{loaded.name} gives no attention: {type(model).__name__} has no eager one.") from error
    try:
        yield
    finally:
        if before is not None:
            model.set_attn_implementation(before)


@contextmanager
def _last_norm(model: nn.Module) -> Iterator[dict[str, Any]]:
    """Within the block the norm that ran last ("norm") and what it was given ("input") are kept."""
    seen: dict[str, Any] = {}

    def keep(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and getattr(inputs[0], "ndim", 0) == 3:
            seen.update(norm=module, input=inputs[0])

    norms = [module for module in model.modules() if "norm" in type(module).__name__.lower()]
    handles = [module.register_forward_pre_hook(keep) for module in norms]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _layer_log_p(loaded: LoadedModel, output: Any, seen: dict[str, Any]) -> list[torch.Tensor] | None:
    """[N, V] log-probabilities after each layer; None where the last layer's would not be the model's own."""
    import torch

    states, head = getattr(output, "hidden_states", None), loaded.model.get_output_embeddings()
    if not states or len(states) < 2 or head is None or "norm" not in seen:
        return None
    with torch.inference_mode():
        inside = [*states[1:-1], seen["input"]]
        if inside[-1].shape != states[0].shape or inside[-1].shape[-1] != head.weight.shape[-1]:
            return None
        logits = [head(seen["norm"](state))[0].float() for state in inside]
        own = output.logits[0].float()
        if not torch.allclose(logits[-1], own, rtol=1e-3, atol=1e-3 * float(own.abs().max())):
            return None
        return [torch.log_softmax(one, dim=-1) for one in (*logits[:-1], own)]


def _bits(log_p: torch.Tensor, ids: list[int]) -> np.ndarray:
    """[N] surprisal of each token after those before it."""
    import torch

    following = torch.tensor(ids[1:], device=log_p.device)
    values = log_p[:-1].gather(1, following[:, None])[:, 0].double().cpu().numpy()
    return np.concatenate([[math.nan], -values / math.log(2)])


def _likeliest(loaded: LoadedModel, log_p: torch.Tensor) -> Predictions:
    top = log_p.exp().topk(min(LIKELIEST, log_p.shape[-1]), dim=-1)
    return [
        [(loaded.tokenizer.decode([index]), round(value, 4)) for index, value in zip(indices, values, strict=True)]
        for indices, values in zip(top.indices.tolist(), top.values.tolist(), strict=True)
    ]
