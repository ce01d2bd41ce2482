"""What a machine can see of a story: are the words that were asked for there, is there a dialogue, does it repeat itself,
are its words words of the training text. None of this says that a story is good."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from babyllama.errors import DataError
from babyllama.evaluation.quality import repeated_share

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SPOKEN = re.compile(r"[\"“][^\"“”]*\w[^\"“”]*[\"”]")
_ENDINGS = "(?:s|es|d|ed|ing|['’]s)?"


@dataclass(frozen=True)
class StoryPrompt:
    """How a story begins, and what it is asked to have."""

    prompt: str
    words: tuple[str, ...] = ()
    """Words that shall come in what the model writes."""
    dialogue: bool = False
    """Shall somebody speak?"""


STORY_PROMPTS: tuple[StoryPrompt, ...] = (
    StoryPrompt("Once upon a time, there was a little dog named Max. Max wanted to find his ball.", ("Max", "ball")),
    StoryPrompt("One day, a girl named Lily went to the park with her mom.", ("Lily", "mom", "park")),
    StoryPrompt("Tom had a big red car. He liked to play with it every day.", ("Tom", "car", "play")),
    StoryPrompt(
        "The little bird could not fly. It was very sad. A cat came and said,", ("bird", "cat", "fly"), dialogue=True
    ),
    StoryPrompt('Sara saw a cake on the table. "Can I have some cake?" she asked.', ("Sara", "cake"), dialogue=True),
    StoryPrompt("Jack was hungry, so he went looking for", ("Jack", "eat", "food")),
    StoryPrompt("It was raining, and Ben and Mia could not go outside.", ("Ben", "Mia", "rain")),
    StoryPrompt("Once there was a frog who lived in a pond. The frog had no friends.", ("frog", "pond", "friend")),
)
"""Openings whose persons and things should come again, for a model that was trained on stories and nothing else."""


def read_story_prompts(file: Path) -> tuple[StoryPrompt, ...]:
    """JSON lines {"prompt": text, "words": [text], "dialogue": true or false}; only the prompt must be there. DataError."""
    from babyllama.corpus.reading.records import json_lines

    found = tuple(_prompt(value, place) for place, value in json_lines(file))
    if not found:
        raise DataError(f"{file} holds no prompts: write one JSON object with a key `prompt` a line.")
    return found


def _prompt(value: Any, where: str) -> StoryPrompt:
    if not isinstance(value, dict) or not isinstance(value.get("prompt"), str) or not value["prompt"].strip():
        raise DataError(f"{where}: an object with a text `prompt` that is not empty belongs here.")
    words, dialogue = value.get("words", []), value.get("dialogue", False)
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
        raise DataError(f"{where}: `words` must be a list of words.")
    if not isinstance(dialogue, bool):
        raise DataError(f"{where}: `dialogue` must be true or false.")
    return StoryPrompt(value["prompt"], tuple(words), dialogue)


def words_of(text: str) -> list[str]:
    """The words of a text, lower-cased, without punctuation and numbers."""
    return [word.lower() for word in written_words(text)]


def written_words(text: str) -> list[str]:
    """The same as they are written."""
    return [word.replace("’", "'") for word in _WORD.findall(text)]


def found_words(text: str, asked: Iterable[str]) -> list[str]:
    """Those of the `asked` words that stand in `text`, in any case, also with a regular ending (dog, dogs, dog's)."""
    return [word for word in asked if re.search(rf"(?<!\w){re.escape(word)}{_ENDINGS}(?!\w)", text, re.IGNORECASE)]


def has_dialogue(text: str) -> bool:
    """Does somebody speak: is there a word between an opening and a closing quotation mark?"""
    return _SPOKEN.search(text) is not None


@dataclass
class StoryChecks:
    """What was seen in stories; each rate is None where nothing was asked or known."""

    asked: int = 0
    present: int = 0
    """Of the asked words, those that came."""
    all_present: list[bool] = field(default_factory=list)
    spoken: list[bool] = field(default_factory=list)
    """Of the stories that were to have a dialogue."""
    words: int = 0
    known: int = 0

    def rates(self, repetition: Sequence[float], *, vocabulary: bool) -> dict[str, float | None]:
        """The numbers of the result."""
        return {
            "asked_words": self.present / self.asked if self.asked else None,
            "all_asked_words": _share(self.all_present),
            "dialogue": _share(self.spoken),
            "repetition": sum(repetition) / len(repetition) if repetition else None,
            "known_words": self.known / self.words if vocabulary and self.words else None,
        }


def check_stories(
    stories: Sequence[tuple[StoryPrompt, str]], vocabulary: Collection[str] | None
) -> tuple[dict[str, float | None], list[dict[str, Any]]]:
    """(rates, one row a story) of continuations, the prompt excluded; `vocabulary` are the words of the training text."""
    checks = StoryChecks()
    rows, repetition = [], []
    for asked, text in stories:
        found, spoken, words = found_words(text, asked.words), has_dialogue(text), words_of(text)
        unknown = [] if vocabulary is None else sorted({word for word in words if word not in vocabulary})
        repeated = repeated_share(text.split(), 4)
        checks.asked += len(asked.words)
        checks.present += len(found)
        if asked.words:
            checks.all_present.append(len(found) == len(asked.words))
        if asked.dialogue:
            checks.spoken.append(spoken)
        checks.words += len(words)
        checks.known += sum(word not in unknown for word in words)
        repetition.append(repeated)
        rows.append(
            {
                "prompt": asked.prompt,
                "text": text,
                "missing": [word for word in asked.words if word not in found],
                "dialogue": spoken,
                "repetition": repeated,
                "unknown_words": unknown,
            }
        )
    return checks.rates(repetition, vocabulary=vocabulary is not None), rows


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
