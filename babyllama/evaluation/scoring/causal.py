"""Log-probabilities of tokens under a causal model: every shared prefix read once, no logits kept.

Shapes: B rows, T tokens, D width, V vocabulary. The model's body gives hidden states [B, T, D]; the output
layer is applied only to the positions that predict a scored token, a few at a time, so no [B, T, V] tensor
ever exists.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from babyllama.evaluation.scoring.sequences import Encoded, Progress, windows
from babyllama.evaluation.scoring.trees import Row, batches, pack_single, pack_trees

if TYPE_CHECKING:
    import torch

    from babyllama.evaluation.models import LoadedModel

_PROBE_TOLERANCE = 1e-3
_SAFE_EXPONENT = 60.0
"""exp of numbers below this, summed over any vocabulary, stays within float32; no maximum need be taken away first."""


class _Use(NamedTuple):
    """A window of a sequence that reads the same tokens as others may: which targets it predicts, and where it begins."""

    sequence: int
    part: slice
    begin: int


class CausalScorer:
    """Scores sequences with one causal model.

    Which of the fast ways a model allows is found out by trying it on a few of the sequences against the
    plain way (one sequence at a time, the model's own logits): tree rows with a 4-D mask, and body plus
    output layer. What does not agree to 1e-3 in log-probability is not used, so that any model
    AutoModelForCausalLM loads is scored right.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        row_tokens: int | None = None,
        batch_tokens: int | None = None,
        stride: int | None = None,
        context: int | None = None,
    ) -> None:
        """`context`: tokens that are read at once, instead of as many as the model was made for."""
        on_cpu = loaded.device.type == "cpu"
        self.model = loaded.model
        self.device = loaded.device
        self.context = context or loaded.context_length
        self.row_tokens = row_tokens or (128 if on_cpu else 512)
        self.batch_tokens = batch_tokens or (512 if on_cpu else 32768)
        self.stride = stride
        # A mask of our own would overrule a sliding window, so sequences that reach one are read plainly.
        window = getattr(loaded.model.config.get_text_config(), "sliding_window", None)
        self.tree_limit = window if isinstance(window, int) else sys.maxsize
        self.trees_now = False
        self.use_trees: bool | None = None
        self.use_head: bool | None = None

    # --------------------------------------------------------------------------------------------------------

    def score(
        self, sequences: Sequence[Encoded], progress: Progress | None = None, *, subset: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """Natural log-probabilities (float32) of each sequence's targets, in the order of its `targets`.

        A sequence longer than the model's context is read in overlapping windows, so that every target still has at
        least half a context before it. With `subset` (token ids) each result has shape [2, targets]: the second row is
        the log-probability that the token at that position is one of the subset.
        """
        import torch

        kinds = 1 if subset is None else 2
        results: list[np.ndarray] = [np.zeros((kinds, len(s.targets)), dtype=np.float32) for s in sequences]
        uses: dict[tuple[int, ...], list[_Use]] = {}
        for number, sequence in enumerate(sequences):
            for part, begin, end in windows(len(sequence.inputs), sequence.targets, self.context, self.stride):
                uses.setdefault(sequence.ids[begin:end], []).append(_Use(number, part, begin))
        inputs = list(uses)
        with torch.inference_mode():
            if self.use_head is None and inputs:
                self._probe(inputs)
            trees = bool(self.use_trees) and max(map(len, inputs), default=0) <= self.tree_limit
            rows = pack_trees(inputs, self.row_tokens) if trees else pack_single(inputs)
            done = 0
            for batch in batches(rows, self.batch_tokens):
                done += self._score_batch(batch, trees, inputs, uses, sequences, results, subset)
                if progress is not None:
                    progress(min(done, len(sequences)), len(sequences))
            self._read_apart(uses, sequences, results, subset)
        return [result[0] for result in results] if subset is None else results

    def _score_batch(
        self,
        batch: Sequence[Row],
        trees: bool,
        inputs: Sequence[tuple[int, ...]],
        uses: Mapping[tuple[int, ...], Sequence[_Use]],
        sequences: Sequence[Encoded],
        results: list[np.ndarray],
        subset: np.ndarray | None,
    ) -> int:
        """Fill `results` with what `batch` tells; gives the number of windows that it held."""
        places: list[tuple[int, slice, int]] = []
        sources, targets = [], []
        width = len(batch[0].ids)
        for index, row in enumerate(batch):
            for member, path in row.members:
                for use in uses[inputs[member]]:
                    sequence = sequences[use.sequence]
                    at: np.ndarray = np.asarray(sequence.targets[use.part], dtype=np.int64)
                    sources.append(path[at - 1 - use.begin] + index * width)
                    targets.append(np.asarray(sequence.ids, dtype=np.int64)[at])
                    places.append((use.sequence, use.part, len(at)))
        self.trees_now = trees
        values = self._edges(batch, np.concatenate(sources), np.concatenate(targets), subset)
        start = 0
        for number, part, count in places:
            results[number][:, part] = values[:, start : start + count]
            start += count
        return len(places)

    def _read_apart(
        self,
        uses: Mapping[tuple[int, ...], Sequence[_Use]],
        sequences: Sequence[Encoded],
        results: list[np.ndarray],
        subset: np.ndarray | None,
    ) -> None:
        """Read every sequence whose scores are not numbers again, one to a row and without padding.

        Attention multiplies what it must not see by zero, and zero times NaN is NaN: one broken sentence would spoil those
        that share its row, and broken padding those that are shorter than their batch.
        """
        broken = [
            tokens
            for tokens, users in uses.items()
            if any(np.isnan(results[use.sequence][:, use.part]).any() for use in users)
        ]
        for _, same_length in groupby(pack_single(broken), key=lambda row: len(row.ids)):
            for batch in batches(list(same_length), self.batch_tokens):
                self._score_batch(batch, False, broken, uses, sequences, results, subset)

    # --------------------------------------------------------------------------------------------------------

    def _edges(
        self, batch: Sequence[Row], sources: np.ndarray, tokens: np.ndarray, subset: np.ndarray | None = None
    ) -> np.ndarray:
        """log p(tokens[e] | what the node sources[e] has read) for every edge e, and log p(subset | ...) if there is one.

        `sources` index the flattened [B x T]; the result has shape [1 or 2, edges].
        """
        import torch

        output = self._forward(batch)
        nodes: np.ndarray
        edge_node: np.ndarray
        nodes, edge_node = np.unique(sources, return_inverse=True)
        order = np.argsort(edge_node, kind="stable")
        values = torch.empty((1 if subset is None else 2, len(sources)), dtype=torch.float32, device=self.device)
        chosen = None if subset is None else torch.from_numpy(subset).to(self.device)
        picked = output.reshape(-1, output.shape[-1])[torch.from_numpy(nodes).to(self.device)]
        head = self.model.get_output_embeddings() if self.use_head else None
        vocabulary = self.model.get_output_embeddings().weight.shape[0] if head is not None else output.shape[-1]
        # On a CPU the chunk stays within what its caches and its allocator handle well; a GPU wants large ones.
        size = (16 << 20) if self.device.type == "cpu" else (512 << 20)
        chunk = max(1, size // (4 * vocabulary))
        bounds = np.searchsorted(np.take(edge_node, order), np.arange(0, len(nodes) + chunk, chunk))
        edges = torch.from_numpy(order).to(self.device)
        owner = torch.from_numpy(edge_node).to(self.device)
        came = torch.from_numpy(tokens).to(self.device)
        for number, begin in enumerate(range(0, len(nodes), chunk)):
            logits = picked[begin : begin + chunk]
            if head is not None:
                logits = head(logits)
            logits = logits.float()  # [nodes, V]
            here = edges[int(bounds[number]) : int(bounds[number + 1])]
            node = owner[here] - begin
            observed = logits[node, came[here]]
            mass = None if chosen is None else torch.logsumexp(logits[:, chosen], dim=-1)
            total = _log_sum_exp(logits)
            values[0, here] = observed - total[node]
            if mass is not None:
                values[1, here] = (mass - total)[node]
        return values.cpu().numpy()

    def _forward(self, batch: Sequence[Row]) -> torch.Tensor:
        """Hidden states [B, T, D] when the output layer is applied apart, else logits [B, T, V]."""
        arguments = self._tree_arguments(batch) if self.trees_now else self._padded_arguments(batch)
        if self.use_head:
            return self.model.base_model(**arguments, use_cache=False).last_hidden_state
        return self.model(**arguments, use_cache=False).logits

    def _tree_arguments(self, batch: Sequence[Row]) -> dict[str, Any]:
        import torch

        ids = _padded([row.ids for row in batch], self.device)
        if all(row.linear for row in batch):
            # Nothing branches, and padding stands on the right: plain causal attention, without any mask to
            # build.
            return {"input_ids": ids}
        positions = _padded([row.depths for row in batch], self.device)
        last = _padded([row.last for row in batch], self.device)  # padding: 0, so no real token sees it
        index = torch.arange(ids.shape[1], device=self.device)
        query, key = index[:, None], index[None, :]
        seen = (key <= query) & ((query <= last[:, None, :]) | (key == query))  # [B, T, T]
        dtype = self.model.dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=self.device).masked_fill_(~seen, torch.finfo(dtype).min)
        return {"input_ids": ids, "position_ids": positions, "attention_mask": mask[:, None]}

    def _padded_arguments(self, batch: Sequence[Row]) -> dict[str, Any]:
        """Padding stands on the right, where a causal model's tokens never look; positions count from 0 by
        default."""
        import torch

        ids = _padded([row.ids for row in batch], self.device)
        lengths = torch.tensor([len(row.ids) for row in batch], device=self.device)
        mask = torch.arange(ids.shape[1], device=self.device)[None, :] < lengths[:, None]
        return {"input_ids": ids, "attention_mask": mask.long()}

    # --------------------------------------------------------------------------------------------------------

    def _probe(self, inputs: Sequence[tuple[int, ...]]) -> None:
        """Choose the fastest way that agrees with the plain one on the beginnings of a few of the inputs.

        Each beginning comes with a twin that goes on in another order, so that there is always a branch to get wrong.
        """
        length = max(4, self.row_tokens // 16)
        step = max(1, len(inputs) // 2)
        starts = [sequence[:length] for sequence in sorted(inputs)[::step][:2]]
        twins = [start[: len(start) // 2] + start[len(start) // 2 :][::-1] for start in starts]
        sample = sorted({*starts, *twins})
        self.use_trees, self.use_head = False, False
        plain = [self._read([sequence])[0] for sequence in sample]
        for trees, head in ((True, True), (False, True), (True, False)):
            self.use_trees, self.use_head = trees, head
            if self._agrees(sample, plain):
                return
        self.use_trees, self.use_head = False, False

    def _agrees(self, sample: Sequence[tuple[int, ...]], plain: Sequence[np.ndarray]) -> bool:
        tolerance = _PROBE_TOLERANCE if str(self.model.dtype) == "torch.float32" else 0.5
        try:
            found = self._read(sample)
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError):
            return False
        return all(np.allclose(a, b, atol=tolerance, rtol=0, equal_nan=True) for a, b in zip(found, plain, strict=True))

    def _read(self, sample: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
        """Log-probability of token 0 and of the sequence's last token after every position of each
        sequence."""
        self.trees_now = bool(self.use_trees)
        rows = pack_trees(sample, self.row_tokens) if self.trees_now else pack_single(sample)
        values: list[np.ndarray] = [np.zeros(0)] * len(sample)
        for batch in batches(rows, self.batch_tokens):
            width = len(batch[0].ids)
            for index, row in enumerate(batch):
                for member, path in row.members:
                    at = np.tile(path + index * width, 2)
                    tokens: np.ndarray = np.repeat(np.array([0, sample[member][-1]], dtype=np.int64), len(path))
                    values[member] = self._edges(batch, at, tokens)[0]
        return values


def _log_sum_exp(logits: torch.Tensor) -> torch.Tensor:
    """logsumexp over the last axis of [N, V]; overwrites `logits` where that saves a pass over them."""
    import torch

    if logits.device.type == "cpu" and bool((logits.amax(dim=-1).abs() < _SAFE_EXPONENT).all()):
        return logits.exp_().sum(dim=-1).log_()
    return torch.logsumexp(logits, dim=-1)


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
    """[B, T] int64, padded with 0 on the right; padding is masked or causally invisible, so its value never
    matters."""
    import torch

    out: np.ndarray = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for row, values in zip(out, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(out).to(device)
