"""Tokens -> the files of a packed dataset, in one pass and bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np

from babyllama.artifacts import write_array
from babyllama.dataset import layout
from babyllama.dataset.binpacking import fill_blocks
from babyllama.dataset.encoding import TokenBatch
from babyllama.dataset.layout import POSITION

WINDOW = 1 << 21
"""Tokens among which `best_fit` places documents: the blocks of a window hold its documents and no others."""


class BitFile:
    """One bit per token; `rest` are those that do not fill a byte yet."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._rest = np.zeros(0, dtype=bool)

    def write(self, bits: np.ndarray) -> None:
        """Append bool [N]."""
        bits = np.concatenate([self._rest, bits])
        whole = len(bits) // 8 * 8
        self._file.write(np.packbits(bits[:whole], bitorder="little").tobytes())
        self._rest = bits[whole:]

    def finish(self) -> None:
        """Write what is still held back."""
        self._file.write(np.packbits(self._rest, bitorder="little").tobytes())


class TokenWriter:
    """`concat`: the tokens as they come. Use as a context manager; `close` is what completes the files.

    `marked`: batches say which tokens are targets, and so do the files.
    """

    def __init__(self, folder: Path, vocab_size: int, *, marked: bool = False) -> None:
        self._type = layout.token_type(vocab_size)
        names = (layout.TOKENS, layout.WORDS, layout.MORE_WORDS, layout.STARTS)
        self._files: dict[str, IO[bytes]] = {
            name: (folder / name).open("wb") for name in (*names, *([layout.TARGETS] if marked else []))
        }
        self._folder = folder
        self._word_bits = BitFile(self._files[layout.WORDS])
        self._target_bits = BitFile(self._files[layout.TARGETS]) if marked else None
        self.counts = np.zeros(vocab_size, dtype=np.int64)
        self.tokens = self.words = self.documents = self.targets = 0

    def __enter__(self) -> TokenWriter:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, batch: TokenBatch) -> None:
        """Take the next tokens of the text."""
        self.documents += len(batch.starts)
        self.counts += np.bincount(batch.ids, minlength=len(self.counts))
        self._write(batch.ids, batch.words, batch.starts, _targets(batch))

    def close(self) -> None:
        """Write what is still held back."""
        self._word_bits.finish()
        if self._target_bits is not None:
            self._target_bits.finish()
        write_array(self._folder / layout.TOKEN_COUNTS, self.counts)

    def _write(self, ids: np.ndarray, words: np.ndarray, starts: np.ndarray, targets: np.ndarray) -> None:
        """Append tokens; `starts` are the places among them where a piece starts."""
        self._files[layout.TOKENS].write(ids.astype(self._type).tobytes())
        self._files[layout.STARTS].write((starts + self.tokens).astype(POSITION).tobytes())
        several = np.flatnonzero(words > 1)
        more = np.repeat(several + self.tokens, words[several] - 1).astype(POSITION)
        self._files[layout.MORE_WORDS].write(more.tobytes())
        self._word_bits.write(words > 0)
        if self._target_bits is not None:
            self._target_bits.write(targets)
            self.targets += int(np.count_nonzero(targets))
        self.tokens += len(ids)
        self.words += int(words.sum())


class BestFitWriter(TokenWriter):
    """`best_fit`: documents, cut to whole blocks where they are longer, each placed where it leaves the least room.

    Best-fit decreasing over a window of the text, after Ding et al. 2024 (Fewer Truncations Improve Language Modeling,
    arXiv:2404.10830). A document is cut only into stretches that fill a block and one rest. `separate`: with `alone`, each
    piece has a block of its own.
    """

    def __init__(
        self,
        folder: Path,
        vocab_size: int,
        seq_length: int,
        window: int = WINDOW,
        *,
        alone: bool = False,
        marked: bool = False,
    ) -> None:
        super().__init__(folder, vocab_size, marked=marked)
        for name in (layout.PIECES, layout.BLOCKS):
            self._files[name] = (folder / name).open("wb")
        self._length, self._window = seq_length, max(window, seq_length)
        self._held_ids = np.zeros(0, dtype=np.uint32)
        self._held_words = np.zeros(0, dtype=POSITION)
        self._held_targets = np.zeros(0, dtype=bool)
        self._held_starts = np.zeros(0, dtype=POSITION)
        self._next_document = self._parts_done = 0
        self._new: list[TokenBatch] = []
        self._size = 0
        self.blocks = 0
        self._alone = alone

    def add(self, batch: TokenBatch) -> None:
        """Take the next tokens of the text; they are written when a window is full."""
        self.documents += len(batch.starts)
        self.counts += np.bincount(batch.ids, minlength=len(self.counts))
        self._new.append(batch)
        self._size += len(batch.ids)
        if self._size >= self._window:
            self._place(open_end=batch.open)

    def close(self) -> None:
        """Place what is left and write the end of the last block."""
        self._place(open_end=False)
        self._files[layout.BLOCKS].write(np.array([self.tokens], dtype=POSITION).tobytes())
        super().close()

    def _gather(self) -> None:
        places = np.cumsum([len(self._held_ids), *(len(batch.ids) for batch in self._new)])
        starts = [batch.starts + place for batch, place in zip(self._new, places, strict=False)]
        self._held_starts = np.concatenate([self._held_starts, *starts])
        self._held_ids = np.concatenate([self._held_ids, *(batch.ids for batch in self._new)])
        self._held_words = np.concatenate([self._held_words, *(batch.words for batch in self._new)])
        self._held_targets = np.concatenate([self._held_targets, *map(_targets, self._new)])
        self._new = []

    def _place(self, *, open_end: bool) -> None:
        """Write blocks of all held documents, except the rest of the last one when it goes on."""
        self._gather()
        starts, length = self._held_starts, self._length
        if len(starts) == 0:
            return
        sizes = np.diff(np.append(starts, len(self._held_ids)))
        keep = int(sizes[-1] % length) if open_end else 0
        if open_end and keep == 0:
            # Its end token may be all that follows; it must not become a piece of its own beside a full one.
            keep = min(length, int(sizes[-1]))
        sizes[-1] -= keep
        # Pieces: each document's full stretches, then its rest.
        parts = -(-sizes // length)
        document = np.repeat(np.arange(len(sizes), dtype=POSITION), parts)
        part = layout.runs(np.zeros(len(sizes), dtype=POSITION), parts)
        begin = starts[document] + part * length
        size = np.minimum(length, starts[document] + sizes[document] - begin)
        part = part + np.where(document == 0, self._parts_done, 0)
        order, block_sizes = (np.arange(len(size)), size) if self._alone else fill_blocks(size, length)
        begin, size = begin[order], size[order]
        gathered = layout.runs(begin, size)
        blocks = self.tokens + np.cumsum(block_sizes) - block_sizes
        identity = np.stack([document[order] + self._next_document, part[order]], axis=1)
        self._files[layout.BLOCKS].write(blocks.astype(POSITION).tobytes())
        self._files[layout.PIECES].write(identity.astype(POSITION).tobytes())
        self._write(
            self._held_ids[gathered],
            self._held_words[gathered],
            np.cumsum(size) - size,
            self._held_targets[gathered],
        )
        self.blocks += len(blocks)
        self._hold_back(len(self._held_ids) - keep, int(parts[-1]), only=len(sizes) == 1, open_end=open_end)

    def _hold_back(self, place: int, parts: int, *, only: bool, open_end: bool) -> None:
        """Keep the tokens from `place` on: the rest of a document of which `parts` pieces were written."""
        documents = len(self._held_starts) - (1 if open_end else 0)
        self._next_document += documents
        self._parts_done = (parts + (self._parts_done if only else 0)) if open_end else 0
        self._held_ids, self._held_words = self._held_ids[place:].copy(), self._held_words[place:].copy()
        self._held_targets = self._held_targets[place:].copy()
        self._held_starts = np.zeros(1 if open_end else 0, dtype=POSITION)
        self._size = len(self._held_ids)


def _targets(batch: TokenBatch) -> np.ndarray:
    """bool [N]: which tokens of `batch` are learned."""
    return np.ones(len(batch.ids), dtype=bool) if batch.targets is None else batch.targets
