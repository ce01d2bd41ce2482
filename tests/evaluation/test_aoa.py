"""The task `aoa`: every checkpoint of a run reads the words, and what is read is kept."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evaluation_world import TEXT, load, save_model, save_run

from babyllama.cli import main
from babyllama.errors import DataError
from babyllama.evaluation.acquisition import child_age, correlate, model_age_2025, model_age_2026, tokens_of
from babyllama.evaluation.acquisition_data import AGES, read_children, read_contexts, word_surprisals

pytestmark = pytest.mark.integration

WORDS = {"cat": 19.0, "dog": 20.0, "mirror": 25.0, "houses": 27.0, "girl": 22.0}
NAMES = ["chck_1M", "chck_2M", "chck_4M", "chck_10M"]


def write_data(folder: Path) -> Path:
    """Made-up files of the published format: two contexts a word, and a sigmoid of ages."""
    folder.mkdir(parents=True)
    rows = {
        word: [{"context": text, "word_in_context_stats": {"count": 1}} for text in (TEXT[i % 5][:20], " Who saw the ")]
        for i, word in enumerate(WORDS)
    }
    (folder / "cdi_childes.json").write_text(json.dumps({**rows, "a": [{"context": "left out"}]}))
    with (folder / "cdi_human.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["", "word", *AGES])
        for number, (word, age) in enumerate(WORDS.items()):
            out.writerow([number, word, *np.round(1 / (1 + np.exp(-0.6 * (np.array(AGES) - age))), 2)])
    return folder


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    root = save_run(tmp_path / "models" / "tiny")
    for number, name in enumerate(NAMES):
        save_model(root / "checkpoints" / name, seed=number)
    write_data(tmp_path / "data" / "evaluation" / "aoa")
    return tmp_path


def evaluate(capsys: pytest.CaptureFixture[str], *more: str) -> Any:
    assert main(["evaluate", "models/tiny", "--tasks", "aoa", "--device", "cpu", "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)["results"]["aoa"]


@pytest.mark.parametrize("family", ["Llama", "Bert"])
def test_surprisal_of_a_word_is_that_of_transformers(tmp_path: Path, family: str) -> None:
    """Context, one space, word; the tokens that end beyond the space. A masked model sees one token hidden at a time."""
    loaded = load(save_model(tmp_path / "m", family))
    contexts = {"houses": ["Nobody has ever seen these", "  The "], "dog": ["Once upon a time there was a little"]}
    expected = []
    for word, texts in contexts.items():
        for text in texts:
            before = text.strip() + " "
            encoded = loaded.tokenizer(before + word, return_offsets_mapping=True)
            ids = torch.tensor(encoded["input_ids"])
            places = [i for i, (_, end) in enumerate(encoded["offset_mapping"]) if end > len(before)]
            with torch.no_grad():
                if family == "Llama":
                    log_p = loaded.model(ids[None]).logits[0].log_softmax(-1)
                    expected.append(-sum(log_p[i - 1, ids[i]].item() for i in places))
                else:
                    total = 0.0
                    for i in places:
                        hidden = ids.clone()
                        hidden[i] = loaded.tokenizer.mask_token_id
                        total -= loaded.model(hidden[None]).logits[0, i].log_softmax(-1)[ids[i]].item()
                    expected.append(total)
    assert word_surprisals(loaded, contexts, "auto") == pytest.approx(expected, abs=1e-4)


def test_the_result_follows_from_the_surprisals_that_are_kept(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(capsys)
    assert found["checkpoints"] == NAMES
    assert (found["words"], found["contexts"], found["backend"]) == (5, 10, "causal")
    folder = world / "models" / "tiny" / "evaluation"
    kept = json.loads((folder / "aoa_2026_surprisals.json").read_text())
    assert {name: len(values) for name, values in kept.items()} == dict.fromkeys(NAMES, 10)
    contexts = read_contexts(world / "data" / "evaluation" / "aoa" / "cdi_childes.json")
    for name in NAMES:
        model = load(world / "models" / "tiny" / "checkpoints" / name)
        assert kept[name] == pytest.approx(word_surprisals(model, contexts, "auto"), abs=1e-4)
    seen = np.array([1e6, 2e6, 4e6, 1e7])
    tokenizer = load(world / "models" / "tiny").tokenizer
    values = np.array([kept[name] for name in NAMES]).reshape(4, 5, 2)
    children = {
        word: child_age(np.array(AGES), shares)
        for word, shares in read_children(world / "data" / "evaluation" / "aoa" / "cdi_human.csv").items()
    }
    ceiling = np.log(tokenizer.vocab_size)
    ages: dict[int, dict[str, float | None]] = {2025: {}, 2026: {}}
    for number, word in enumerate(contexts):
        ages[2025][word] = model_age_2025(np.repeat(seen, 2), values[:, number].ravel())
        ages[2026][word] = model_age_2026(seen, values[:, number].mean(1), tokens_of(tokenizer, word) * ceiling)
    for year in (2025, 2026):
        expected = correlate(ages[year], children, year)
        assert found[f"rules_of_{year}"] == {
            "r": pytest.approx(expected.r, abs=1e-6), "raw_r": expected.raw, "p": expected.p, "words": len(expected.words)
        }  # fmt: skip


def test_a_checkpoint_that_is_there_later_is_all_that_is_read(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(capsys)
    assert main(["evaluate", "models/tiny", "--tasks", "aoa", "--device", "cpu"]) == 0
    assert "aoa_2026: up to date, reused" in capsys.readouterr().err
    save_model(world / "models" / "tiny" / "checkpoints" / "chck_20M", seed=9)
    assert main(["evaluate", "models/tiny", "--tasks", "aoa", "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert "aoa: reading 10 contexts with tiny/chck_20M" in said.err
    assert said.err.count("aoa: reading") == 1
    assert "over 5 checkpoints, chck_1M to chck_20M" in said.out


def test_the_words_of_a_checkpoint_are_those_of_its_name(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the pipelines take them; a checkpoint is saved at the step that passes them, and says in its facts where that was."""
    from babyllama.evaluation.tasks import aoa

    nats = iter([[17.0 - step * (2.5 + word / 9) for word in range(5) for _ in range(2)] for step in (0, 1, 3, 4)])
    monkeypatch.setattr(aoa, "word_surprisals", lambda *given: next(nats))
    for number, name in enumerate(NAMES):
        facts = world / "models" / "tiny" / "checkpoints" / name / "checkpoint.json"
        facts.write_text(json.dumps({"words_seen": 1_900_000 * (1 + number)}))
    evaluate(capsys)
    seen = np.array([1e6, 2e6, 4e6, 1e7])
    with (world / "models" / "tiny" / "evaluation" / "aoa_2026_ages.csv").open() as file:
        ages = {row["word"]: row["model_2025_log10_words"] for row in csv.DictReader(file)}
    for number, word in enumerate(WORDS):
        values = np.array([17.0 - step * (2.5 + number / 9) for step in (0, 1, 3, 4)])
        expected = model_age_2025(np.repeat(seen, 2), np.repeat(values, 2))
        assert expected is not None
        assert float(ages[word]) == pytest.approx(expected, abs=1e-5)


def test_the_suite_has_it_in_its_column(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "models/tiny", "--suite", "babylm-2025", "--tasks", "aoa", "--device", "cpu", "--json"]
    assert main(command) == 0
    column = json.loads(capsys.readouterr().out)["columns"]["aoa"]
    assert column["score"]["value"] == pytest.approx(100 * column["numbers"]["rules_of_2025"]["r"])
    assert column["published_items"] == 8005


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        ("rm -r models/tiny/checkpoints/chck_1M models/tiny/checkpoints/chck_2M", "at least 3 words-seen checkpoints"),
        ("rm data/evaluation/aoa/cdi_human.csv", "no file cdi_human.csv in"),
        ("rm -r data", "there is no folder data/evaluation/"),
        ("echo '{}' > data/evaluation/aoa/cdi_childes.json", "no words. Fetch it again"),
        ("echo word,16 > data/evaluation/aoa/cdi_human.csv", "It is not the children's data."),
    ],
)
def test_what_is_missing_is_named(world: Path, break_it: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess

    subprocess.run(break_it, shell=True, check=True, cwd=world)
    assert main(["evaluate", "models/tiny", "--tasks", "aoa", "--device", "cpu"]) == 2
    assert message in capsys.readouterr().err


def test_a_single_model_has_no_age(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "models/tiny/checkpoints/chck_1M", "--tasks", "aoa", "--device", "cpu"]) == 2
    assert "name a run folder" in capsys.readouterr().err


def test_scipy_that_is_not_there_is_named(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from babyllama.evaluation import acquisition

    monkeypatch.setattr(acquisition.importlib.util, "find_spec", lambda name: None)
    assert main(["evaluate", "models/tiny", "--tasks", "aoa", "--device", "cpu"]) == 2
    assert "pip install 'babyllama[aoa]'" in capsys.readouterr().err


def test_a_context_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"cat": [{"context": 3}]}')
    with pytest.raises(DataError, match="a context of 'cat' is no text"):
        read_contexts(tmp_path / "x.json")
