"""Units of mixing: cutting long documents, and counting words and sentences as Python would."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babyllama.corpus.mixing.units import count_text, count_words, cut


@pytest.mark.unit
def test_cutting_loses_nothing_and_prefers_line_ends():
    text = "\n".join(f"Zeile {n}: äöü. Noch ein Satz! Und {'x' * (n % 50)} Ende?" for n in range(100))
    data = (text + " " + "é" * 3000).encode()
    pieces = list(cut(data, 256))
    assert b"".join(gap + piece for piece, gap in pieces) == data
    assert all(0 < len(piece) <= 256 for piece, _ in pieces)
    assert all(piece.decode() == piece.decode().strip() for piece, _ in pieces)
    assert sum(gap == b"\n" for _, gap in pieces) > 25


@pytest.mark.unit
def test_counts_agree_with_python():
    text = 'One  two\tthree.\nFour? "Five!" (six.) Mr. e.g. 3.14 — “seven.” eight\u2003nine\x1cten ... end'
    assert count_words(text.encode()) == len(text.split())
    assert count_words(b"") == 0
    assert count_text(b'He came. "Who?" she said. (No.) It was 3.14 then!') == (10, 5)


PIECES = [*"ab.!?\"')]”’“ \n\t", "é", "…", "\x1c", "\x85", "\xa0", "\u2003", "😀", "word ", "end.” ", "3.14"]


@pytest.mark.unit
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_counts_of_any_text_are_those_of_python(text):
    sentences = re.findall(r"[.!?](?:[\"')\]”’])?(?=\s|\Z)", text)
    assert count_text(text.encode()) == (len(text.split()), len(sentences))
