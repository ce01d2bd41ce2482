"""Attention that stays inside a document, for every family.

A block holds several documents. `document_mask` lets a token see the tokens before it in its own document only; with
positions that restart at each document, a packed document gets the logits it would get alone (tested per family).
"""

from __future__ import annotations

import torch
from torch import Tensor


def document_mask(
    document_ids_BT: Tensor, implementation: str, dtype: torch.dtype, bidirectional_B: Tensor | None = None
) -> Tensor:
    """Mask [B, 1, T, T]: query i sees key j when both lie in one document and j <= i, or in a bidirectional row any j.

    Boolean for `sdpa` and what stands in for it; for `eager` additive in `dtype`, with its lowest number where nothing is seen.
    """
    length = document_ids_BT.shape[1]
    causal_TT = torch.ones(length, length, dtype=torch.bool, device=document_ids_BT.device).tril()
    same_BTT = document_ids_BT.unsqueeze(2) == document_ids_BT.unsqueeze(1)
    seen_BTT = causal_TT if bidirectional_B is None else causal_TT | bidirectional_B[:, None, None]
    mask = (same_BTT & seen_BTT).unsqueeze(1)
    if implementation.startswith("sdpa"):
        return mask
    additive = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return additive.masked_fill_(~mask, torch.finfo(dtype).min)
