"""Made-up evaluation data in the formats of the BabyLM suites, and the plain way to score them: a forward pass for each item.

EWoK's rows are invented: its own are given out under a password.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

NOUNS = ["cat", "dog", "girl", "house", "mat", "mirror"]


def write_lines(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_suite(root: Path, *, fast: bool = True) -> Path:
    """A little of everything below `root`, in the folders of the published archives."""
    full = root / "full_eval"
    pair = {"sentence_good": "The cats are sleeping on the mat.", "sentence_bad": "The cats is sleeping on the mat."}
    other = {"sentence_good": "The dog is running.", "sentence_bad": "The dog are running."}
    for uid in ("causative", "wh_island"):
        facts = {"UID": uid, "field": "syntax", "linguistics_term": "term"}
        rows = [{**pair, **facts, "pairID": "0"}, {**other, **facts, "pairID": "1"}]
        rows = rows if uid == "causative" else [{**row, "sentence_good": "So " + row["sentence_good"]} for row in rows]
        write_lines(full / "blimp_filtered" / f"{uid}.jsonl", rows)
        if fast:
            write_lines(root / "fast_eval" / "blimp_fast" / f"{uid}.jsonl", rows[:1])
    questions = [
        {"row": 0, "sentence_good": "Who ran?\nThe girl ran.", "sentence_bad": "Who ran?\nThe mat ran."},
        {"row": 0, "sentence_good": "A: Who sat?\nB: The dog.", "sentence_bad": "A: Who sat?\nB: The house."},
    ]
    write_lines(full / "supplement_filtered" / "qa_congruence_easy.jsonl", questions)
    write_lines(full / "supplement_filtered" / "hypernym.jsonl", [{"row": 0, **other}])
    write_ewok(full / "ewok_filtered")
    write_entities(full / "entity_tracking")
    write_comps(full / "comps")
    write_wugs(full)
    write_piqa(full)
    write_reading(full / "reading" / "reading_data.csv")
    return root


def write_ewok(folder: Path) -> None:
    for domain in ("made-up-places", "made-up-people"):
        rows = []
        for number, noun in enumerate(NOUNS[:4]):
            row = {
                "Domain": domain, "ConceptA": "in", "ConceptB": "out", "ContextType": "direct", "ContextDiff": "word",
                "TargetDiff": "word", "Context1": f"The {noun} went in.", "Context2": f"The {noun} went out.",
                "Target1": f"It is {'not ' * (number % 2)}inside.", "Target2": "It is outside.",
            }  # fmt: skip
            swapped = {**row, "Context1": row["Context2"], "Context2": row["Context1"], "Target1": row["Target2"]}
            rows += [row, {**swapped, "Target2": row["Target1"]}]
        write_lines(folder / f"{domain}.jsonl", rows)


def write_entities(folder: Path) -> None:
    for file in ("regular", "ambiref", "move_contents"):
        rows = []
        for operations in range(2):
            for number, noun in enumerate(NOUNS[: 3 + operations + len(file) % 3]):
                prefix = f"Box 0 has the {noun}." + f" Take the {noun} out." * operations + " Box 0 has "
                wrong = "nothing." if number == 1 else f"the {NOUNS[(number + 1) % 6]}."
                options = [f"the {noun}.", wrong, f"the {NOUNS[(number + 2) % 6]} and the mat."]
                rows.append(
                    {"sample_id": 1, "numops": operations, "input_prefix": prefix, "options": options, "example_id": 0}
                )
        write_lines(folder / f"{file}.jsonl", rows)


def write_comps(folder: Path) -> None:
    for number, stem in enumerate(("comps_base", "comps_wugs", "comps_wugs_dist-before", "comps_wugs_dist-in-between")):
        rows = [
            {"prefix_acceptable": f"A {a}", "prefix_unacceptable": f"A {b}", "property_phrase": f"can {verb}."}
            for a, b, verb in zip(NOUNS, NOUNS[1 + number % 2 :], ("sleep", "run", "chase dogs", "see"), strict=False)
        ]
        write_lines(folder / f"{stem}.jsonl", rows)


def write_wugs(root: Path) -> None:
    adjectives = [
        {"sentences": f"A noun for {word}able. {word}ability\tA noun for {word}able. {word}ableness", "ratio": ratio}
        for word, ratio in (("act", 0.5), ("blick", 0.75), ("dax", 0.25), ("toma", 0.5), ("wug", 1.0))
    ]
    write_lines(root / "wug_adj_nominalization" / "wug_adj_nominalization.jsonl", adjectives)
    verbs = [
        {
            "sentences": "\t".join(f"They {verb}. They {past} again." for past in (f"{verb}ed", f"{verb}t", verb)),
            "ratio": ratio,
        }
        for verb, ratio in (("veed", 0.7), ("jang", 0.2), ("splink", 0.4), ("dax", 0.9))
    ]
    write_lines(root / "wug_past_tense" / "wug_past_tense.jsonl", verbs)


def write_piqa(root: Path) -> None:
    four = [
        {"prompt": f"To find the {noun},", "solution0": "look.", "solution1": "look under the mat on the chair.",
         "solution2": "sleep on it", "solution3": "see", "label": number % 4, "example_id": str(number)}
        for number, noun in enumerate(NOUNS)
    ]  # fmt: skip
    write_lines(root / "global_piqa_parallel" / "test.jsonl", four)
    two = [
        {**{k: v for k, v in row.items() if k not in ("solution2", "solution3")}, "label": n % 2}
        for n, row in enumerate(four)
    ]
    write_lines(root / "global_piqa_nonparallel" / "test.jsonl", two[:5])


READING_NUMBERS = ("RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound", "self_paced_reading_time")


def write_reading(file: Path) -> list[dict[str, Any]]:
    """The words behind the first of some sentences, with made-up times; the first sentence begins with "None"."""
    draw = random.Random(1)
    sentences = [
        "None of the cats ran.",
        "The girl saw a dog,",
        "Nobody was there",
        "The old house and the mat are here now.",
    ]
    sentences += [f"The {a} sees the {b} on the mat" for a in NOUNS for b in NOUNS[:2]]
    rows = []
    for sentence in sentences:
        words = sentence.split()
        for place in range(1, len(words)):
            item, before = " ".join(words[:place]), " ".join(words[: place - 1])
            numbers = {name: round(200 + 50 * draw.random() + 3 * len(words[place]), 3) for name in READING_NUMBERS}
            frequency = "" if draw.random() < 0.05 else round(5 + 8 * draw.random(), 4)
            rows.append(
                {"": len(rows), "item": "" if item == "None" else item, "word": words[place], "sentence": sentence,
                 "context_length": place, "Subtlex_log10": frequency, "length": len(words[place]), **numbers,
                 "prev_word": words[place - 1] if before else "", "prev_item": before if before != "None" else "",
                 "prev_length": len(words[place - 1]) if before else -1}
            )  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def plain_scores(loaded: Any, text: str, scored_from: int, backend: str) -> list[float]:
    """Log-probability of each token of `text` that ends beyond `scored_from`: one forward pass for every one of them."""
    import torch

    encoded = loaded.tokenizer(text, return_offsets_mapping=True)
    ids, spans, mask = encoded["input_ids"], encoded["offset_mapping"], loaded.tokenizer.mask_token_id
    values = []
    for place, (_, end) in enumerate(spans):
        if end <= scored_from or (place == 0 and backend != "mlm"):
            continue
        hidden = [*ids[:place], mask, *ids[place + 1 :]]
        read, at, options = {
            "causal": (ids[:place], place - 1, {}),
            "mlm": (hidden, place, {}),
            "mntp": (
                hidden,
                place - 1,
                {} if loaded.masked else {"attention_mask": torch.zeros(1, 1, len(ids), len(ids))},
            ),
        }[backend]
        with torch.no_grad():
            logits = loaded.model(torch.tensor([read]), **options).logits[0, at]
        values.append(float(torch.log_softmax(logits, -1)[ids[place]]))
    return values
