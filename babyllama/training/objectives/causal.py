"""Next-token prediction: each token from the ones before it in its own document.

The reported loss is the mean over all target tokens of a block: every token of the text, every `</s>`, and every `<s>` but a
block's first token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from babyllama.config import Config
from babyllama.dataset.packed import IGNORED
from babyllama.training.network import Batch, Network, Sums
from babyllama.training.objectives.base import TARGETS, TOKENS, WORDS, Collator, Objective, Row, stack
from babyllama.training.objectives.cross_entropy import LossOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class CausalCollator:
    """Blocks -> input_ids, labels [B, T], and where documents meet position_ids and document_ids [B, T]."""

    document_attention: bool = True

    def __call__(self, rows: Sequence[Row]) -> Batch:
        """One micro-batch. Labels are unshifted: the label of a token is its id, -100 where it is no target."""
        labels = stack(rows, "labels")
        batch: Batch = {"input_ids": stack(rows, "input_ids"), "labels": labels}
        if self.document_attention:
            batch |= document_entries(stack(rows, "position_ids"))
        batch["counts"] = {
            TARGETS: int((labels[:, 1:] != IGNORED).sum()),
            TOKENS: sum(int(row["tokens"]) for row in rows),
            WORDS: sum(int(row["words"]) for row in rows),
        }
        return batch


def document_entries(position_ids_BT: Tensor) -> Batch:
    """position_ids and document_ids where a document ends inside a row; nothing where none does.

    Without a boundary in the batch plain causal attention is the same and has the faster kernel.
    """
    restarts = position_ids_BT[:, 1:] != position_ids_BT[:, :-1] + 1
    if not bool(restarts.any()):
        return {}
    document_ids = torch.zeros_like(position_ids_BT)
    document_ids[:, 1:] = restarts.cumsum(-1)
    return {"position_ids": position_ids_BT, "document_ids": document_ids}


def next_token_targets(labels_BT: Tensor) -> Tensor:
    """Targets [B*T] of each position: the next label of its row; the last position of a row has none."""
    targets_BT = torch.full_like(labels_BT, IGNORED)
    targets_BT[:, :-1] = labels_BT[:, 1:]
    return targets_BT.flatten()


class Causal(Objective):
    """Next-token prediction."""

    def __init__(self, options: LossOptions, *, document_attention: bool = True) -> None:
        self.options, self.document_attention = options, document_attention

    @classmethod
    def build(cls, config: Config, tokenizer: PreTrainedTokenizerFast) -> Causal:
        """As `of`: any tokenizer does."""
        return cls.of(config)

    @classmethod
    def of(cls, config: Config) -> Causal:
        """Label smoothing and z-loss of the `optimization` section, document masks of the `data` section."""
        section = config.optimization
        options = LossOptions(section.label_smoothing, section.z_loss)
        # A row that holds one document needs no mask: what follows it is padding, which no token sees.
        return cls(options, document_attention=config.data.document_attention and config.data.packing != "separate")

    def collator(self, *, training: bool) -> Collator:
        """The same for training and held-out text."""
        return CausalCollator(self.document_attention)

    def sums(self, network: Network, batch: Batch) -> Sums:
        """Cross-entropy of the next token at every position that has one."""
        inputs = dict(batch)
        targets_N = next_token_targets(inputs.pop("labels"))
        return network.cross_entropy(inputs, targets_N, self.options)

    def example(self, size: int, length: int, vocabulary: int, device: torch.device) -> Batch:
        """Random tokens, every one a target, without a document boundary."""
        ids = torch.randint(min(3, vocabulary - 1), vocabulary, (size, length), device=device)
        return {"input_ids": ids, "labels": ids}

    def compile(self) -> None:
        """Compile the softmax and its gradient."""
        self.options = replace(self.options, compile=True)
