"""Prompts that ask for words, made from stories that have them: the example of fine-tuning."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babyllama.artifacts import atomic_file
from babyllama.errors import DataError
from babyllama.evaluation.stories import has_dialogue, words_of, written_words

WORDS_ASKED = 3
HELD_OUT_SHARE, MOST_HELD_OUT = 0.1, 100
RARE, COMMON = 0.002, 0.1
"""A word is asked for if it stands in at least and at most this share of the stories: neither a misspelling nor `the`."""
SHORTEST_WORD = 3


def story_prompt(words: Sequence[str], dialogue: bool) -> str:
    """What the model is asked: Words: dog, rain, happy. Dialogue: yes."""
    return f"Words: {', '.join(words)}. Dialogue: {'yes' if dialogue else 'no'}.\n"


def write_story_prompts(stories: str | Path, folder: Path, *, seed: int = 42) -> dict[str, int]:
    """Write train.jsonl and held_out.jsonl into `folder` and return how many each holds.

    Each line has a prompt, its story as the response, and what was asked: `words` and `dialogue`, so that held_out.jsonl is
    also a file for `evaluate --tasks stories --story-prompts`. Every tenth story, at most 100, is held out; words are drawn
    with `seed`. Stories without enough words to ask for are left out. DataError for text without stories.
    """
    from babyllama.corpus.reading import corpus_files, read_documents

    texts = list(read_documents(corpus_files(stories, key="--make-prompts")))
    examples = make_examples(texts, seed=seed)
    if len(examples) < 2:
        raise DataError(
            f"--make-prompts {stories}: no stories to make prompts from ({len(texts):,} documents, {len(examples)} with "
            f"{WORDS_ASKED} words that are neither rare nor common). Separate stories by a line <|endoftext|>."
        )
    chosen = sorted(
        random.Random(seed).sample(
            range(len(examples)), max(1, min(MOST_HELD_OUT, round(HELD_OUT_SHARE * len(examples))))
        )
    )
    held_out = [examples[number] for number in chosen]
    kept = [one for number, one in enumerate(examples) if number not in set(chosen)]
    found = {}
    for name, rows in (("train.jsonl", kept), ("held_out.jsonl", held_out)):
        with atomic_file(folder / name) as handle:
            handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        found[str(folder / name)] = len(rows)
    return found


def make_examples(stories: Sequence[str], *, seed: int) -> list[dict[str, Any]]:
    """One example a story: its prompt, the story, the words and whether a dialogue was asked for."""
    counts = Counter(word for story in stories for word in set(words_of(story)))
    least, most = max(2, RARE * len(stories)), COMMON * len(stories)
    draw = random.Random(seed)
    examples = []
    for story in stories:
        # A word that is only ever written with a capital is a name or the start of a sentence.
        written = set(written_words(story))
        candidates = sorted(
            {
                word
                for word in words_of(story)
                if len(word) >= SHORTEST_WORD and least <= counts[word] <= most and word in written
            }
        )
        if len(candidates) < WORDS_ASKED:
            continue
        words = draw.sample(candidates, WORDS_ASKED)
        dialogue = has_dialogue(story)
        prompt = story_prompt(words, dialogue)
        examples.append({"prompt": prompt, "response": story, "words": words, "dialogue": dialogue})
    return examples
