"""Prompts that ask for words, made from stories that have them: the example of fine-tuning."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
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


def write_story_prompts(
    stories: str | Path, folder: Path, *, held_out: str | Path | None = None, seed: int = 42
) -> dict[str, int]:
    """Write train.jsonl and held_out.jsonl into `folder` and return how many each holds.

    Each line has a prompt, its story as the response, and what was asked: `words` and `dialogue`, so that held_out.jsonl is
    also a file for `evaluate --tasks stories --story-prompts`. At most 100 prompts are held out: of the stories in `held_out`,
    else a tenth of those in `stories`. Words are drawn with `seed`; stories without enough words to ask for are left out.
    DataError for text without stories.
    """
    texts = _stories(stories, "--make-prompts")
    counts = Counter(word for text in texts for word in set(words_of(text)))
    examples = make_examples(texts, counts, len(texts), seed=seed)
    others = [] if held_out is None else _stories(held_out, "--held-out-stories")
    asked = make_examples(others, counts, len(texts), seed=seed) if held_out is not None else examples
    if len(examples) < 2 or not asked:
        raise DataError(
            f"--make-prompts {stories}: no stories to make prompts from ({len(texts) + len(others):,} documents, "
            f"{len(examples)} with {WORDS_ASKED} words that are neither rare nor common). Separate stories by a line "
            "<|endoftext|>."
        )
    most = MOST_HELD_OUT if held_out is not None else min(MOST_HELD_OUT, max(1, round(HELD_OUT_SHARE * len(examples))))
    chosen = sorted(random.Random(seed).sample(range(len(asked)), min(most, len(asked))))
    rows = {
        "train.jsonl": [one for n, one in enumerate(examples) if held_out is not None or n not in set(chosen)],
        "held_out.jsonl": [asked[number] for number in chosen],
    }
    for name, lines in rows.items():
        with atomic_file(folder / name) as handle:
            handle.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return {str(folder / name): len(lines) for name, lines in rows.items()}


def _stories(path: str | Path, key: str) -> list[str]:
    from babyllama.corpus.reading import corpus_files, read_documents

    return list(read_documents(corpus_files(path, key=key)))


def make_examples(stories: Sequence[str], counts: Mapping[str, int], total: int, *, seed: int) -> list[dict[str, Any]]:
    """One example a story: its prompt, the story, the words and whether a dialogue was asked for.

    `counts`: in how many of the `total` stories of the training text each word stands.
    """
    least, most = max(2, RARE * total), COMMON * total
    draw = random.Random(seed)
    examples = []
    for story in stories:
        # A word that is only ever written with a capital is a name or the start of a sentence.
        written = set(written_words(story))
        candidates = sorted(
            {
                word
                for word in words_of(story)
                if len(word) >= SHORTEST_WORD and least <= counts.get(word, 0) <= most and word in written
            }
        )
        if len(candidates) < WORDS_ASKED:
            continue
        words = draw.sample(candidates, WORDS_ASKED)
        dialogue = has_dialogue(story)
        prompt = story_prompt(words, dialogue)
        examples.append({"prompt": prompt, "response": story, "words": words, "dialogue": dialogue})
    return examples
