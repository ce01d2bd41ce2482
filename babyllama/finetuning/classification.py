"""Fine-tuning a language model as a classifier of pairs of texts.

The rules are those of the BabyLM evaluation pipeline: AdamW over all weights, warm-up and a cosine to a tenth, a head of two
layers on one token's hidden state. Shapes: B rows, T tokens, D width, C classes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from babyllama.errors import EvaluationError
from babyllama.finetuning.glue_data import Examples, Subtask, scores

if TYPE_CHECKING:
    import torch

    from babyllama.evaluation.models import LoadedModel

ROWS_ON_CPU = 8
"""Rows in one forward pass of a CPU: a batch is cut into parts of like length, which saves padding and changes no sum."""
_TOKENS_TO_SCORE = 8192
LENGTH = 512
"""Most tokens of a pair in the official pipeline."""


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained."""

    lr: float
    batch_size: int
    epochs: int
    length: int
    """Most tokens of a pair; what is longer loses tokens of its longer text."""
    pooling: Literal["last", "first"]
    """Which token's hidden state is classified."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of matrix products; weights stay in fp32."""
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    warmup: float = 0.06
    """Share of the steps in which the learning rate rises from 0."""
    final_lr: float = 0.1
    """Share of the learning rate that the cosine ends at."""
    dropout: float = 0.1


@dataclass(frozen=True)
class Rows:
    """Encoded examples."""

    ids: list[list[int]]
    labels: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row."""
        return np.array([len(row) for row in self.ids])

    def part(self, rows: np.ndarray) -> Rows:
        """The rows of those numbers."""
        return Rows([self.ids[i] for i in rows], self.labels[rows])


@dataclass(frozen=True)
class Tuned:
    """What one training gave."""

    predicted: np.ndarray
    """[N] classes of the reported rows, by the weights of the best epoch."""
    best: int
    """That epoch, from 1."""
    epochs: list[dict[str, float]]
    """Scores after each epoch on the rows that choose it."""
    last: dict[str, float]
    """Scores of the reported rows after the last epoch, where nothing was chosen."""


def encode(loaded: LoadedModel, examples: Examples, length: int) -> tuple[Rows, int]:
    """Pairs as the tokenizer puts them together, with its own marks, and how many had to be cut to `length` tokens."""
    first, second = (list(texts) for texts in zip(*examples.pairs, strict=True))
    whole = loaded.tokenizer(first, second, return_attention_mask=False)["input_ids"]
    cut = sum(len(row) > length for row in whole)
    if cut:
        whole = loaded.tokenizer(first, second, truncation=True, max_length=length)["input_ids"]
    return Rows([list(row) for row in whole], examples.labels), cut


def learning_rate_factor(step: int, steps: int, recipe: Recipe) -> float:
    """Share of the learning rate in step 0, 1, ...: linear from 0, then a cosine down to `final_lr`."""
    warmup = int(recipe.warmup * steps)
    if step < warmup:
        return step / max(1, warmup)
    progress = (step - warmup) / max(1, steps - warmup)
    return max(recipe.final_lr, recipe.final_lr + (1 - recipe.final_lr) * 0.5 * (1 + math.cos(math.pi * progress)))


def build_classifier(loaded: LoadedModel, task: Subtask, recipe: Recipe) -> torch.nn.ModuleDict:
    """A trainable fp32 copy of the model's body, and a new head: {"body", "head"}.

    EvaluationError for an architecture that keeps no body apart from its output layer.
    """
    import torch
    from torch import nn

    if loaded.model.base_model is loaded.model:
        raise EvaluationError(
            f"{loaded.name} ({loaded.model.config.model_type}) keeps no body apart from its output layer: there are no hidden "
            "states to classify."
        )

    width = loaded.model.config.get_text_config().hidden_size
    # Without learned scale and shift, as the pipeline has them.
    head = nn.Sequential(
        nn.LayerNorm(width, elementwise_affine=False),
        nn.Linear(width, width),
        nn.GELU(),
        nn.LayerNorm(width, elementwise_affine=False),
        nn.Dropout(recipe.dropout),
        nn.Linear(width, task.labels),
    )
    body = copy.deepcopy(loaded.model.base_model).to(torch.float32).requires_grad_(True)
    return nn.ModuleDict({"body": body, "head": head}).to(loaded.device)


def logits_of(
    classifier: torch.nn.ModuleDict, ids: Sequence[Sequence[int]], pooling: str, device: torch.device
) -> torch.Tensor:
    """[B, C] in fp32.

    Padding stands on the right, where a causal model's tokens never look: its last token sees what it would see with padding
    on the left and positions that begin after it, without a mask that makes every row differ.
    """
    import torch

    lengths = torch.tensor([len(row) for row in ids])
    padded = np.zeros((len(ids), int(lengths.max())), dtype=np.int64)
    for row, values in zip(padded, ids, strict=True):
        row[: len(values)] = values
    mask = (torch.arange(padded.shape[1])[None] < lengths[:, None]).long()
    output: Any = classifier["body"](input_ids=torch.from_numpy(padded).to(device), attention_mask=mask.to(device))
    hidden = output.last_hidden_state if hasattr(output, "last_hidden_state") else output[0]
    at = lengths - 1 if pooling == "last" else torch.zeros_like(lengths)
    pooled = hidden[torch.arange(len(ids), device=device), at.to(device)]  # [B, D]
    return classifier["head"](pooled.float()).float()


def fine_tune(
    loaded: LoadedModel,
    task: Subtask,
    recipe: Recipe,
    train: Rows,
    valid: Rows,
    chosen_on: Rows | None,
    seed: int,
    progress: Callable[[int], None] = lambda rows: None,
) -> Tuned:
    """Train one classifier and give its predictions for `valid`.

    The best epoch by the task's measure is chosen on `chosen_on`, or, as the pipeline does it, on `valid` itself (None).
    EvaluationError when the loss is no number.
    """
    import torch

    device = loaded.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        classifier = build_classifier(loaded, task, recipe)
        batch_size = min(recipe.batch_size, len(train.ids))
        steps = len(train.ids) // batch_size * recipe.epochs
        optimizer = torch.optim.AdamW(
            classifier.parameters(),
            lr=recipe.lr,
            betas=(recipe.beta1, recipe.beta2),
            eps=recipe.epsilon,
            weight_decay=recipe.weight_decay,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, steps, recipe))
        best, best_score, predicted = 0, -1.0, np.zeros(0)
        epochs, now = [], np.zeros(0)
        for epoch in range(1, recipe.epochs + 1):
            classifier.train()
            order = torch.randperm(len(train.ids)).numpy()
            for number in range(len(train.ids) // batch_size):
                batch = order[number * batch_size :][:batch_size]
                training_step(classifier, train, batch, recipe, device, optimizer, task)
                schedule.step()
                progress(batch_size)
            now = predict(classifier, valid, recipe, device)
            choosing = now if chosen_on is None else predict(classifier, chosen_on, recipe, device)
            epochs.append(scores(choosing, (chosen_on or valid).labels))
            if epochs[-1][task.metric] > best_score:
                best, best_score, predicted = epoch, epochs[-1][task.metric], now
        return Tuned(predicted, best, epochs, scores(now, valid.labels))


def training_step(
    classifier: torch.nn.ModuleDict,
    train: Rows,
    batch: np.ndarray,
    recipe: Recipe,
    device: torch.device,
    optimizer: torch.optim.Optimizer,
    task: Subtask,
    rows_at_once: int | None = None,
) -> None:
    """One optimizer step on the mean loss of `batch` [rows], in parts of rows of like length; by default `ROWS_ON_CPU`
    of them on a CPU, all elsewhere."""
    import torch

    batch = batch[np.argsort(train.lengths[batch], kind="stable")]
    rows = rows_at_once or (ROWS_ON_CPU if device.type == "cpu" else len(batch))
    for start in range(0, len(batch), rows):
        part = batch[start : start + rows]
        with autocast(recipe, device):
            logits = logits_of(classifier, [train.ids[i] for i in part], recipe.pooling, device)
        labels = torch.from_numpy(train.labels[part]).to(device)
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / len(batch)
        if not torch.isfinite(loss):
            raise EvaluationError(
                f"{task.name}: the loss is not a number. The model's weights may be broken; else lower --glue-lr ({recipe.lr})."
            )
        loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def predict(classifier: torch.nn.ModuleDict, rows: Rows, recipe: Recipe, device: torch.device) -> np.ndarray:
    """[N] the likeliest class of each row; rows are read in the order of their length."""
    import torch

    classifier.eval()
    found: np.ndarray = np.zeros(len(rows.ids), dtype=np.int64)
    with torch.inference_mode(), autocast(recipe, device):
        for part in _by_length(rows):
            logits = logits_of(classifier, [rows.ids[i] for i in part], recipe.pooling, device)
            found[part] = logits.argmax(dim=-1).cpu().numpy()
    return found


def _by_length(rows: Rows) -> Iterator[np.ndarray]:
    """Row numbers, shortest first, as many at once as `_TOKENS_TO_SCORE` holds."""
    lengths = rows.lengths
    part: list[int] = []
    for row in np.argsort(lengths, kind="stable"):
        if part and (len(part) + 1) * lengths[row] > _TOKENS_TO_SCORE:
            yield np.array(part)
            part = []
        part.append(int(row))
    yield np.array(part)


def autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager[Any]:
    """Matrix products in the recipe's precision."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16) if recipe.precision == "bf16" else nullcontext()
