"""The hybrid objective: some rows are read causally, others as masked next-token prediction, by one model.

In a masked row attention runs in both directions inside each document, some tokens are hidden, and a hidden token is
predicted from the position *before* it, by the same output layer (Lv et al. 2023, arXiv:2305.14571, masked next-token
prediction; Charpentier and Samuel 2024, arXiv:2410.24159, GPT-BERT mixes it with causal rows). Rows of both kinds share one
forward pass under a 4-D mask, so any family that honours such a mask is trained as it stands, and what is saved is an
ordinary causal model.

Which rows are masked, and what is hidden where, is computed from (seed, epoch, place), so that it depends neither on the
number of devices nor on an interruption. Of n consecutive rows n * share are masked, up to one.

Shapes: B rows, T tokens, N = B*T, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from babyllama.config import Config, ObjectiveSection
from babyllama.dataset.packed import IGNORED
from babyllama.errors import TokenizerError
from babyllama.training.data.batch_plan import BatchPlan
from babyllama.training.network import Batch, Network, Sums
from babyllama.training.objectives.base import TARGETS, Collator, Row, stack
from babyllama.training.objectives.causal import Causal, CausalCollator, next_token_targets
from babyllama.training.objectives.cross_entropy import LossOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CAUSAL_TARGETS, MASKED_TARGETS = "causal_targets", "masked_targets"
_DRAW = 0x6D61736B
"""Keeps these random numbers apart from those that order the blocks with the same seed and epoch."""


@dataclass(frozen=True)
class Ramp:
    """A value that moves in a straight line over the run."""

    start: float
    end: float

    @classmethod
    def of(cls, start: float, end: float | None) -> Ramp:
        """From `start` to `end`; None keeps it."""
        return cls(start, start if end is None else end)

    def at(self, progress: float) -> float:
        """The value when this part of the run is over."""
        return self.start + (self.end - self.start) * min(1.0, max(0.0, progress))

    def area(self, progress: float) -> float:
        """Its integral from the start."""
        inside = min(1.0, max(0.0, progress))
        return inside * (self.start + self.at(inside)) / 2 + self.end * max(0.0, progress - inside)


@dataclass(frozen=True)
class Masking:
    """What is hidden in a masked row, and behind what."""

    mask_id: int
    ordinary_V: np.ndarray
    """bool: which ids may be hidden and may stand in as random tokens; special tokens may not."""
    rate: Ramp
    """Part of the tokens of a row that is hidden."""
    spans: tuple[int, int]
    """Fewest and most neighbouring tokens that are hidden together."""
    mask_share: float
    """Part of the hidden tokens that the mask token stands for,"""
    random_share: float
    """and that a random token stands for; the rest stays as it is."""
    seed: int

    def apply(
        self, ids_T: np.ndarray, hideable_T: np.ndarray, key: tuple[int, int], progress: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """(ids with replacements [T], which are hidden [T]) for the row at `key`, (epoch, place).

        `hideable_T` says which tokens may be hidden: those of the text that have a token of their own document before them.
        """
        draw = np.random.default_rng([self.seed, _DRAW, *key])
        hidden_T = np.zeros(len(ids_T), dtype=bool)
        left = round(self.rate.at(progress) * int(hideable_T.sum()))
        candidates = draw.permutation(np.flatnonzero(hideable_T))
        lengths = draw.integers(self.spans[0], self.spans[1] + 1, size=len(candidates))
        for start, length in zip(candidates, lengths, strict=True):
            if left <= 0:
                break
            # A span ends where it meets what cannot be hidden, or what is hidden already.
            for place in range(start, min(start + min(int(length), left), len(ids_T))):
                if hidden_T[place] or not hideable_T[place]:
                    break
                hidden_T[place] = True
                left -= 1
        places = np.flatnonzero(hidden_T)
        lot = draw.random(len(places))
        replaced = np.array(ids_T)
        replaced[places[lot < self.mask_share]] = self.mask_id
        random = places[(lot >= self.mask_share) & (lot < self.mask_share + self.random_share)]
        replaced[random] = draw.choice(np.flatnonzero(self.ordinary_V), size=len(random))
        return replaced, hidden_T


@dataclass(frozen=True)
class HybridCollator:
    """Blocks -> one micro-batch of causal and masked rows; `bidirectional` [B] says which are masked."""

    causal: CausalCollator
    masking: Masking
    share: Ramp
    """Part of the rows that is masked."""
    rows_per_epoch: int
    epochs: float
    """Passes over the text in the whole run."""

    def is_masked(self, epoch: int, place: int) -> bool:
        """Is the row at this place of this epoch's order a masked one?"""
        number, whole = epoch * self.rows_per_epoch + place, self.rows_per_epoch * self.epochs
        before, after = (whole * self.share.area(count / whole) for count in (number, number + 1))
        # A hair more, since sums of tenths fall short of whole numbers.
        return floor(after + 1e-6) > floor(before + 1e-6)

    def __call__(self, rows: Sequence[Row]) -> Batch:
        """One micro-batch. The labels of a masked row are those of its hidden tokens alone."""
        masked = [number for number, row in enumerate(rows) if self.is_masked(row["key"].epoch, row["key"].place)]
        batch = self.causal(rows)
        counts = batch["counts"]
        counts[CAUSAL_TARGETS], counts[MASKED_TARGETS] = counts[TARGETS], 0
        if not masked:
            return batch
        bidirectional_B = torch.zeros(len(rows), dtype=torch.bool)
        bidirectional_B[masked] = True
        positions_BT = stack(rows, "position_ids")
        batch |= self._documents(positions_BT, bidirectional_B)
        for number in masked:
            key = rows[number]["key"]
            ids_T = batch["input_ids"][number].numpy().copy()
            hideable_T = (batch["labels"][number].numpy() != IGNORED) & (positions_BT[number].numpy() > 0)
            hideable_T &= self.masking.ordinary_V[ids_T]
            progress = (key.epoch + key.place / self.rows_per_epoch) / self.epochs
            replaced_T, hidden_T = self.masking.apply(ids_T, hideable_T, (key.epoch, key.place), progress)
            batch["input_ids"][number] = torch.from_numpy(replaced_T)
            batch["labels"][number] = torch.from_numpy(np.where(hidden_T, ids_T, IGNORED))
        batch["bidirectional"] = bidirectional_B
        targets_B = (batch["labels"][:, 1:] != IGNORED).sum(1)
        counts[MASKED_TARGETS] = int(targets_B[bidirectional_B].sum())
        counts[CAUSAL_TARGETS] = int(targets_B[~bidirectional_B].sum())
        counts[TARGETS] = counts[CAUSAL_TARGETS] + counts[MASKED_TARGETS]
        return batch

    def _documents(self, positions_BT: Tensor, bidirectional_B: Tensor) -> Batch:
        """Positions and documents of every row: a masked row needs its mask even where it holds one document.

        Without document attention a causal row is one document, as in a batch without masked rows.
        """
        if not self.causal.document_attention:
            plain_T = torch.arange(positions_BT.shape[1])
            positions_BT = torch.where(bidirectional_B[:, None], positions_BT, plain_T)
        restarts = positions_BT[:, 1:] != positions_BT[:, :-1] + 1
        document_ids = torch.zeros_like(positions_BT)
        document_ids[:, 1:] = restarts.cumsum(-1)
        return {"position_ids": positions_BT, "document_ids": document_ids}


class Hybrid(Causal):
    """Causal rows and masked rows in one batch; the held-out loss stays causal."""

    parts: ClassVar[Mapping[str, str]] = {"causal_loss": CAUSAL_TARGETS, "masked_loss": MASKED_TARGETS}
    hides_tokens = True

    def __init__(
        self, options: LossOptions, *, document_attention: bool, masking: Masking, share: Ramp, weight: float
    ) -> None:
        super().__init__(options, document_attention=document_attention)
        self.masking, self.share, self.weight = masking, share, weight
        self._rows_per_epoch, self._epochs = 1, 1.0

    @classmethod
    def build(cls, config: Config, tokenizer: PreTrainedTokenizerFast) -> Hybrid:
        """The objective of the `objective` section; TokenizerError when `tokenizer` has no mask token."""
        section = config.objective or ObjectiveSection()
        if tokenizer.mask_token_id is None:
            raise TokenizerError(
                f"training.objective = {config.training.objective} hides tokens behind <mask>, and the tokenizer at "
                f"{config.data.tokenizer_path} has none. Train one with `babyllama tokenizer --mask-token`, or let a "
                "`tokenizer:` section do it."
            )
        ordinary_V = np.ones(len(tokenizer), dtype=bool)
        ordinary_V[tokenizer.all_special_ids] = False
        masking = Masking(
            mask_id=tokenizer.mask_token_id,
            ordinary_V=ordinary_V,
            rate=Ramp.of(section.mask_rate, section.mask_rate_end),
            spans=(section.shortest_span, section.longest_span),
            mask_share=section.mask_token_share,
            random_share=section.random_token_share,
            seed=config.training.seed,
        )
        causal = Causal.of(config)
        return cls(
            causal.options,
            document_attention=causal.document_attention,
            masking=masking,
            share=cls.masked_share(section),
            weight=section.masked_weight,
        )

    @classmethod
    def masked_share(cls, section: ObjectiveSection) -> Ramp:
        """Part of the rows that is masked, over the run."""
        return Ramp.of(section.masked_share, section.masked_share_end)

    def begin(self, plan: BatchPlan, total_steps: int) -> None:
        """Shares and rates that move do so over the steps of this run."""
        self._rows_per_epoch, self._epochs = plan.num_blocks, total_steps / plan.steps_per_epoch

    def collator(self, *, training: bool) -> Collator:
        """Causal rows alone for held-out text."""
        causal = CausalCollator(self.document_attention)
        if not training:
            return causal
        return HybridCollator(causal, self.masking, self.share, self._rows_per_epoch, self._epochs)

    def facts(self) -> dict[str, Any]:
        """Shares of masked rows and hidden tokens."""
        return {"masked rows": _course(self.share), "hidden tokens of a masked row": _course(self.masking.rate)}

    def sums(self, network: Network, batch: Batch) -> Sums:
        """Both kinds of loss from one forward pass; without a masked row it is exactly the causal one."""
        bidirectional_B = batch.get("bidirectional")
        if bidirectional_B is None:
            sums = super().sums(network, batch)
            zero = torch.zeros_like(sums["cross_entropy"])
            return {**sums, "causal_loss": sums["cross_entropy"], "masked_loss": zero}
        inputs = dict(batch)
        targets_N = next_token_targets(inputs.pop("labels"))
        masked_N = bidirectional_B.repeat_interleave(batch["input_ids"].shape[1])
        kinds = [torch.where(masked_N == kind, targets_N, IGNORED) for kind in (False, True)]
        causal, masked = network.cross_entropies(inputs, kinds, self.options)
        return {
            "objective": causal["objective"] + self.weight * masked["objective"],
            "cross_entropy": causal["cross_entropy"] + masked["cross_entropy"],
            "causal_loss": causal["cross_entropy"],
            "masked_loss": masked["cross_entropy"],
        }

    def example(self, size: int, length: int, vocabulary: int, device: torch.device) -> Batch:
        """Every other row masked, and every token a target, which costs the most."""
        batch = super().example(size, length, vocabulary, device)
        positions = torch.arange(length, device=device).expand(size, length)
        return {
            **batch,
            "position_ids": positions,
            "document_ids": torch.zeros_like(positions),
            "bidirectional": torch.arange(size, device=device) % 2 == 0,
        }


def _course(ramp: Ramp) -> str:
    return (
        f"{ramp.start:.0%}" if ramp.start == ramp.end else f"{ramp.start:.0%} at the start, {ramp.end:.0%} at the end"
    )


class Masked(Hybrid):
    """Masked rows alone."""

    @classmethod
    def masked_share(cls, section: ObjectiveSection) -> Ramp:
        """Every row."""
        return Ramp(1.0, 1.0)
