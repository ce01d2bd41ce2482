"""Pseudo-log-likelihoods under a masked model.

`original` masks one token at a time and sums log p(token | all others) (Salazar et al. 2020,
doi:10.18653/v1/2020.acl-main.240). `within_word_l2r` also masks the tokens of the same word that follow,
which stops long rare words from scoring too high (Kauf and Ivanova 2023, doi:10.18653/v1/2023.acl-short.80).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from babyllama.errors import EvaluationError
from babyllama.evaluation.scoring.sequences import Encoded, Progress, encode_with_marks

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from babyllama.evaluation.models import LoadedModel

Metric = Literal["original", "within_word_l2r"]


@dataclass(frozen=True)
class EncodedWords(Encoded):
    """A sequence with its marks, the scored positions, and the word each token belongs to (-1: a mark)."""

    words: tuple[int, ...] = ()

    @property
    def inputs(self) -> tuple[int, ...]:
        """A masked model reads the whole sequence."""
        return self.ids


def encode_masked(tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str], first: int = 0) -> list[Encoded]:
    """Each sentence with the tokenizer's own marks; every token but the marks is a target, from position `first` on."""
    encoded: list[Encoded] = []
    for text in encode_with_marks(tokenizer, sentences):
        targets = [index for index, mark in enumerate(text.marks) if not mark and index >= first]
        encoded.append(EncodedWords(tuple(text.ids), targets, tuple(text.words)))
    return encoded


class MaskedScorer:
    """Scores sequences with one masked model: one copy of the sequence per target, batched by length."""

    shift = 0
    """How many places before a masked token its prediction is read."""

    def __init__(self, loaded: LoadedModel, metric: Metric = "original", *, batch_tokens: int | None = None) -> None:
        if metric not in ("original", "within_word_l2r"):
            raise EvaluationError(f"unknown masked metric {metric!r}; there are original and within_word_l2r.")
        self.model = loaded.model
        self.device = loaded.device
        self.metric = metric
        self.mask_token = int(loaded.tokenizer.mask_token_id or 0)
        self.context = loaded.context_length
        self.batch_tokens = batch_tokens or (4096 if loaded.device.type == "cpu" else 65536)
        self.head = self._find_head()
        if self.head is None:
            # All logits [B, T, V] exist at once: keep them to 256 MB.
            rows = self.model.get_input_embeddings().weight.shape[0]
            self.batch_tokens = max(1, min(self.batch_tokens, (256 << 20) // (4 * rows)))

    def score(self, sequences: Sequence[Encoded], progress: Progress | None = None) -> list[np.ndarray]:
        """Natural log-probabilities (float32) of each sequence's targets given the rest of the sequence."""
        import torch

        too_long = max((len(sequence.ids) for sequence in sequences), default=0)
        if self.context is not None and too_long > self.context:
            raise EvaluationError(
                f"a sentence has {too_long} tokens and the model reads at most {self.context}: a masked "
                "model cannot score it."
            )
        results: list[np.ndarray] = [np.zeros(len(sequence.targets), dtype=np.float32) for sequence in sequences]
        jobs = [(n, k) for n, sequence in enumerate(sequences) for k in range(len(sequence.targets))]
        jobs.sort(key=lambda job: -len(sequences[job[0]].ids))
        done = 0
        with torch.inference_mode():
            while done < len(jobs):
                done += self._score_batch(sequences, jobs, done, results)
                if progress is not None:
                    progress(len(sequences) * done // len(jobs), len(sequences))
            # Padding whose embedding is broken spoils the rows it fills up: those are read again without any.
            broken = [(n, k) for n, k in jobs if np.isnan(results[n][k])]
            for _, group in groupby(broken, key=lambda job: len(sequences[job[0]].ids)):
                same_length, done = list(group), 0
                while done < len(same_length):
                    done += self._score_batch(sequences, same_length, done, results)
        return results

    def _score_batch(
        self, sequences: Sequence[Encoded], jobs: Sequence[tuple[int, int]], start: int, results: list[np.ndarray]
    ) -> int:
        """Score as many of `jobs` (longest first) from `start` on as one batch holds; gives their number."""
        width = len(sequences[jobs[start][0]].ids)
        batch = jobs[start : start + max(1, self.batch_tokens // width)]
        for (n, k), value in zip(batch, self._masked_batch(sequences, batch, width), strict=True):
            results[n][k] = value
        return len(batch)

    def _masked_batch(self, sequences: Sequence[Encoded], batch: Sequence[tuple[int, int]], width: int) -> np.ndarray:
        import torch

        ids: np.ndarray = np.zeros((len(batch), width), dtype=np.int64)
        seen: np.ndarray = np.zeros((len(batch), width), dtype=np.int64)
        at = np.array([sequences[n].targets[k] for n, k in batch])
        came = np.array([sequences[n].ids[sequences[n].targets[k]] for n, k in batch])
        for row, (n, k) in enumerate(batch):
            sequence = sequences[n]
            ids[row, : len(sequence.ids)] = sequence.ids
            seen[row, : len(sequence.ids)] = 1
            ids[row, self._hidden(sequence, sequence.targets[k])] = self.mask_token
        rows = torch.arange(len(batch), device=self.device)
        logits = self._logits(
            torch.from_numpy(ids).to(self.device),
            torch.from_numpy(seen).to(self.device),
            rows,
            torch.from_numpy(at - self.shift).to(self.device),
        )
        values = torch.log_softmax(logits.float(), dim=-1)[rows, torch.from_numpy(came).to(self.device)]
        return values.cpu().numpy()

    def _hidden(self, sequence: Encoded, target: int) -> list[int]:
        """Positions that are masked while `target` is scored."""
        if self.metric == "original" or not isinstance(sequence, EncodedWords):
            return [target]
        word = sequence.words[target]
        return [p for p in sequence.targets if p >= target and sequence.words[p] == word]

    def _logits(self, ids: torch.Tensor, seen: torch.Tensor, rows: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        """[B, V] at position `at` of each row [B, T]; where the head is one module, it sees those positions only."""
        arguments = self._arguments(ids, seen)
        if self.head is None:
            return self.model(**arguments).logits[rows, at]
        return self.head(self.model.base_model(**arguments).last_hidden_state[rows, at])

    def _arguments(self, ids: torch.Tensor, seen: torch.Tensor) -> dict[str, Any]:
        """What the model is called with: ids [B, T], and which of them are no padding [B, T]."""
        return {"input_ids": ids, "attention_mask": seen}

    def _find_head(self) -> Any:
        """The one module beside the body that turns hidden states into the model's logits, tried out; else None."""
        import torch

        body = self.model.base_model
        others = [child for child in self.model.children() if child is not body]
        if len(others) != 1:
            return None
        ids = torch.arange(6, device=self.device)[None] + 3
        with torch.inference_mode():
            try:
                found = others[0](body(input_ids=ids).last_hidden_state)
            except (RuntimeError, TypeError, AttributeError):
                return None
            expected = self.model(input_ids=ids).logits
        same = isinstance(found, torch.Tensor) and found.shape == expected.shape
        return others[0] if same and torch.allclose(found, expected, atol=1e-3) else None
