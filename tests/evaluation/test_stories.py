"""Stories: what a machine can see of them, and the task that counts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evaluation_world import save_run

from babyllama.cli import main
from babyllama.errors import DataError
from babyllama.evaluation.stories import (
    StoryPrompt,
    check_stories,
    found_words,
    has_dialogue,
    read_story_prompts,
    words_of,
)


@pytest.mark.unit
def test_asked_words_count_as_whole_words_with_regular_endings() -> None:
    text = "The dogs' ball was red; Max's cat jumped. A catalogue fell."
    assert found_words(text, ["dog", "ball", "max", "jump", "log", "fall"]) == ["dog", "ball", "max", "jump"]
    assert found_words("one c++ two", ["c++"]) == ["c++"]


@pytest.mark.unit
def test_a_dialogue_has_a_word_between_quotation_marks() -> None:
    assert has_dialogue('"Hello," said Tom.')
    assert has_dialogue("She said: “Come in.”")
    assert not has_dialogue('It was 5" wide.')
    assert not has_dialogue('" "')


@pytest.mark.unit
def test_words_are_those_between_punctuation_and_apostrophes_stay() -> None:
    assert words_of("Don’t stop, Zoë! 12 cats_dogs") == ["don't", "stop", "zoë", "cats", "dogs"]


@pytest.mark.unit
def test_the_checks_count_what_was_asked_and_what_the_training_text_has() -> None:
    asked = StoryPrompt("A dog", ("dog", "cat"), dialogue=True)
    stories = [(asked, ' "The dog ran," he said.'), (StoryPrompt("So"), " a b c d a b c d")]
    rates, rows = check_stories(stories, {"the", "dog", "ran", "a", "b", "c"})
    assert rates == {
        "asked_words": 0.5,
        "all_asked_words": 0.0,
        "dialogue": 1.0,
        "repetition": pytest.approx(0.5 * (1 / 5)),
        "known_words": pytest.approx(9 / 13),
    }
    assert (rows[0]["missing"], rows[0]["unknown_words"], rows[1]["unknown_words"]) == (["cat"], ["he", "said"], ["d"])
    assert check_stories([(StoryPrompt("So"), " it is")], None)[0]["known_words"] is None


@pytest.mark.unit
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1: not a JSON record"),
        ('{"words": ["a"]}', "line 1: an object with a text `prompt`"),
        ('{"prompt": " "}', "line 1: an object with a text `prompt`"),
        ('{"prompt": "a", "words": "dog"}', "`words` must be a list of words"),
        ('{"prompt": "a", "dialogue": 1}', "`dialogue` must be true or false"),
        ("", "holds no prompts"),
    ],
)
def test_a_prompt_file_that_cannot_be_used_is_one_error(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(DataError, match=said):
        read_story_prompts(file)


@pytest.mark.integration
def test_the_task_tells_stories_and_compares_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "held_out.txt").write_text("The dog is here.\n<|endoftext|>\nThe cat ran.\n")
    for number, name in enumerate("AB"):
        save_run(tmp_path / name, eval_path=str(tmp_path / "held_out.txt"), seed=number)
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "The dog", "words": ["dog"], "dialogue": true}\n')
    command = ["evaluate", "A", "B", "--tasks", "stories", "--story-prompts", str(prompts), "--device", "cpu"]
    assert main([*command, "--stories-per-prompt", "2"]) == 0
    printed = capsys.readouterr()
    assert "stories side by side" in printed.out
    assert "asked words that came" in printed.out
    assert "the training text is not known" in printed.err
    kept = json.loads((tmp_path / "A" / "evaluation" / "stories.json").read_text())
    assert (kept["stories"], kept["held_out_stories"], kept["known_words"]) == (2, 2, None)
    assert len(kept["samples"]) == 2
    assert kept["bits_per_byte"] > 0
    assert main([*command, "--stories-per-prompt", "2"]) == 0
    assert capsys.readouterr().err.count("stories: up to date, reused") == 2
    prompts.write_text('{"prompt": "The cat"}\n')
    assert main([*command, "--stories-per-prompt", "2"]) == 0
    assert "measured again" in capsys.readouterr().err
