"""Masked next-token prediction: a token is hidden, and its prediction is read one place earlier.

So are scored GPT-BERT and models trained with the hybrid objective (Charpentier and Samuel 2024, arXiv:2410.24159). A model of
a causal architecture reads in both directions here by a 4-D attention mask, as it did in the masked rows of its training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from babyllama.errors import EvaluationError
from babyllama.evaluation.scoring.masked import MaskedScorer

if TYPE_CHECKING:
    import torch

    from babyllama.evaluation.models import LoadedModel


class MntpScorer(MaskedScorer):
    """Scores sequences by masked next-token prediction; position 0, which nothing predicts, must be no target."""

    shift = 1

    def __init__(self, loaded: LoadedModel, *, batch_tokens: int | None = None) -> None:
        self.causal = not loaded.masked
        super().__init__(loaded, batch_tokens=batch_tokens)
        if self.causal and not self._looks_ahead():
            raise EvaluationError(
                f"--backend mntp: {loaded.name} ({loaded.model.config.model_type}) does not honour a mask that lets it read in both "
                "directions; use --backend causal."
            )

    def _arguments(self, ids: torch.Tensor, seen: torch.Tensor) -> dict[str, Any]:
        if not self.causal:
            return super()._arguments(ids, seen)
        import torch

        dtype = self.model.dtype
        hidden = (seen == 0)[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
        mask = torch.zeros(hidden.shape, dtype=dtype, device=ids.device)  # [B, 1, T, T], added to attention scores
        return {
            "input_ids": ids,
            "attention_mask": mask.masked_fill(hidden, torch.finfo(dtype).min),
            "use_cache": False,
        }

    def _looks_ahead(self) -> bool:
        """Does what is predicted at the first place change with the last token?"""
        import torch

        ids = torch.arange(6, device=self.device).repeat(2, 1) + 3
        ids[1, -1] = 3
        with torch.inference_mode():
            try:
                first = self.model(**self._arguments(ids, torch.ones_like(ids))).logits[:, 0]
            except (RuntimeError, TypeError, ValueError, IndexError):
                return False
        return not torch.allclose(first[0], first[1], atol=1e-6)
