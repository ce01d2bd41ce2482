"""The text of an epoch with its documents in another order: by arithmetic, nothing is written anew."""

from __future__ import annotations

import numpy as np

from babyllama.dataset.layout import POSITION


class DocumentOrder:
    """A permutation of the documents of a text, and where its stretches lie in the text as it is stored.

    Holds 16 bytes for each document, and takes a sort of them to make: once an epoch.
    """

    def __init__(self, starts: np.ndarray, num_tokens: int, keys: np.ndarray) -> None:
        """`starts`: the token at which each stored document starts [D]; the documents are put in the order of `keys` [D]."""
        order = np.argsort(keys, kind="stable")
        lengths = np.diff(np.append(starts, num_tokens))[order]
        self._stored = np.asarray(starts)[order].astype(POSITION)
        """Where the k-th document of the permuted text starts in the stored one [D]."""
        self._begins = np.concatenate([[0], np.cumsum(lengths)]).astype(POSITION)
        """Where it starts in the permuted one [D + 1], with the end of the last."""

    def stored(self, start: int, stop: int) -> list[tuple[int, int]]:
        """The stretches of the stored text that tokens start..stop-1 of the permuted text are, in their order."""
        first = int(np.searchsorted(self._begins, start, side="right")) - 1
        last = int(np.searchsorted(self._begins, stop, side="left"))
        begins = self._begins[first:last]
        shift = self._stored[first:last] - begins
        low = np.maximum(begins, start) + shift
        high = np.minimum(self._begins[first + 1 : last + 1], stop) + shift
        return list(zip(low.tolist(), high.tolist(), strict=True))
