"""Who speaks, written in small letters: `Humbug: No.` at the start of lines, which alone may also be what somebody says."""

from __future__ import annotations

import re
from collections import Counter

from babyllama.corpus.cleaning.rules import Rule

_OFTEN = 3
"""Lines of a document that a name must introduce to be a label: `Remember: never again.` is said once or twice."""
_NOT_NAMES = {"Answer", "Example", "Name", "Note", "Notice", "Question", "Quote", "Remember", "Rule", "Step", "Warning"}
_COLON = re.compile(r": ?(?=[^\d\s])")
_LABEL = re.compile(r"(?:[-–—] ?)?([A-Z][a-z.'’]+(?: #?(?:[A-Z][a-z.'’]*|\d+)){0,2})(?: [(\[][^()\[\]]{1,60}[)\]])?: ?")
_LONGEST = 110
"""Characters of a label with its direction."""


def _without_labels(match: re.Match[str]) -> str:
    text = match[0]
    labels: list[tuple[int, int, str]] = []
    for colon in _COLON.finditer(text):
        start = text.rfind("\n", max(0, colon.start() - _LONGEST), colon.start()) + 1
        label = start and _LABEL.fullmatch(text, start, colon.end())
        if label and label[1] not in _NOT_NAMES:
            labels.append((start, colon.end(), label[1]))
    counts = Counter(name for _, _, name in labels)
    pieces, end = [], 0
    for start, behind, name in labels:
        if counts[name] >= _OFTEN:
            pieces.append(text[end:start])
            end = behind
    return "".join([*pieces, text[end:]])


SPEAKER_NAMES = Rule(
    "speaker names",
    f"`Humbug: No.` and `Man #2 (whispering): No.` lose the name where it introduces {_OFTEN} lines of the document or more",
    r"(?s:.+)",  # looked for by their colons, in a sixth of the time that an expression for such lines takes
    _without_labels,
    needs=(": ", "):", "]:"),
    speech=True,
    across_lines=True,
)
