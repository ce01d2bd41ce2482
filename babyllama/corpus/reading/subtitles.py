"""Subtitles (.srt by pysubs2, .vtt by webvtt-py): the lines that are shown, without counters, timings and tags."""

from __future__ import annotations

import html
from pathlib import Path

from babyllama.errors import DataError


def srt_text(text: str, path: Path) -> str:
    """The lines of a SubRip file; an empty cue gives none."""
    from pysubs2 import SSAFile

    # pysubs2 takes a number at the end of a cue for the counter of the next one; with a counter behind the last cue, a year
    # that ends the film stays.
    subtitles = SSAFile.from_string(text.rstrip() + "\n\n0\n", format_="srt")
    if not len(subtitles):
        raise DataError(f"{path} holds no subtitles: no line with two times and --> between them.")
    return _lines(event.plaintext for event in subtitles)


def vtt_text(text: str, path: Path) -> str:
    """The lines of a WebVTT file."""
    import webvtt

    try:
        captions = webvtt.WebVTT.from_string(text).captions
    except webvtt.errors.MalformedFileError as error:
        raise DataError(f"{path} is no WebVTT file: {error}.") from error
    return _lines(html.unescape(caption.text) for caption in captions)


def _lines(cues) -> str:  # type: ignore[no-untyped-def]
    lines = (" ".join(line.split()) for cue in cues for line in cue.splitlines())
    return "\n".join(line for line in lines if line)
