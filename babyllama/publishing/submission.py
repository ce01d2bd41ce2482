"""A BabyLM submission: the tree of results, the collated file that is handed in, and the form, all from a run's kept results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from babyllama.artifacts import read_json, read_object
from babyllama.errors import EvaluationError
from babyllama.evaluation.acquisition_data import CONTEXTS_IN_ALL, AoaData
from babyllama.evaluation.models import model_content
from babyllama.evaluation.suites.suite import Column, Suite
from babyllama.publishing.submission_layout import (
    AOA_SCORE,
    AOA_SURPRISALS,
    FINAL,
    TRACKS,
    collated_name,
    parts_of,
)
from babyllama.publishing.submission_parts import Found, Missing, RunResults, has_checkpoint
from babyllama.runs import ModelPlace, Run, locate_model
from babyllama.runs.paths import words_of

GLUE_TASKS = 7
GROUPS = ("Overall", "NLP", "Human-like")
"""Averages of the board."""


@dataclass(frozen=True)
class Lack:
    """Something that the board will not find."""

    revision: str
    what: str
    why: str


@dataclass
class Submission:
    """What goes into the folder."""

    suite: Suite
    track: str
    backend: str
    name: str
    """The model's name on the board."""
    files: dict[str, Any] = field(default_factory=dict)
    """Path below results/<model>/ -> JSON value."""
    scores: dict[str, float | None] = field(default_factory=dict)
    """Column -> what the board will show, in per cent; None: it counts 0."""
    local: dict[str, float] = field(default_factory=dict)
    """Column -> the score of what there is of it, whole or not."""
    lacks: list[Lack] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    """Columns whose data are not here to check the predictions against."""
    problems: list[str] = field(default_factory=list)
    """Predictions that are not those of the data."""
    evaluators: set[str] = field(default_factory=set)
    models: dict[str, str] = field(default_factory=dict)
    """Revision -> fingerprint of the model that was scored."""

    def average(self, group: str = "Overall") -> float:
        """As the board has it: a column that is missing counts 0."""
        columns = [one for one in self.suite.columns if group in ("Overall", one.group)]
        return fmean(self.scores.get(one.name) or 0.0 for one in columns)

    def lack(self, revision: str, what: str, why: object) -> None:
        """Keep in mind that something is missing."""
        self.lacks.append(Lack(revision, what, str(why)))


def gather(run: Run, suite: Suite, data: str | None, *, track: str, backend: str, name: str) -> Submission:
    """Everything that the run has of the suite. EvaluationError for a run without a finished model."""
    place = locate_model(run.root)
    if place.run is None:
        raise EvaluationError(f"{run.root} is no run folder: a submission is made of a run's kept results.")
    kept = RunResults(suite, {name: value for name, value in (("data", data), ("backend", backend)) if value})
    way = backend if backend != "auto" else _backend_of(place)
    made = Submission(suite, track, way, name)
    made.models[FINAL] = model_content(place)
    _final(made, kept, place)
    _checkpoints(made, kept, place)
    return made


def _backend_of(place: ModelPlace) -> str:
    """mlm for a masked model, causal for any other."""
    names = read_object(Path(place.source) / "config.json").get("architectures") or [""]
    return "mlm" if "MaskedLM" in names[0] else "causal"


def _final(made: Submission, kept: RunResults, place: ModelPlace) -> None:
    year = made.suite.settings["year"]
    collated: dict[str, Any] = {}
    columns = {one.name: one for one in made.suite.columns}
    scores: dict[str, list[float | None]] = {}
    for part in parts_of(tuple(columns), year):
        found = _try(
            made, FINAL, part.key, lambda part=part: kept.predictions(place, columns[part.column], part, FINAL)
        )
        collated[part.key] = None
        scores.setdefault(part.column, []).append(None)
        if found is not None:
            made.files[f"{FINAL}/zero_shot/{made.backend}/{part.file(FINAL)}"] = found.predictions
            value = _checked(made, FINAL, part.key, found)
            if value is not None:
                made.local[part.column] = fmean(
                    [*([made.local[part.column]] if part.column in made.local else []), value]
                )
            if _is_whole(made, FINAL, part.key, found):
                collated[part.key] = found.predictions
                scores[part.column][-1] = value
    for name, values in scores.items():
        made.scores[name] = None if all(one is None for one in values) else fmean(one or 0.0 for one in values)
    collated["glue"] = _glue(made, kept, place, columns["glue"])
    collated |= _aoa(made, kept, place, columns["aoa"], year)
    made.files[collated_name(made.backend)] = collated


def _glue(made: Submission, kept: RunResults, place: ModelPlace, column: Column) -> dict[str, Any]:
    from babyllama.finetuning.glue_data import GLUE

    found = _try(made, FINAL, "glue", lambda: kept.glue(place, column)) or {}
    collated: dict[str, Any] = {}
    values: list[float] = []
    whole: list[float] = []
    for name in GLUE:
        if name not in found:
            if found:
                made.lack(FINAL, f"glue {name}", "not scored")
            continue
        made.files[f"{FINAL}/finetune/{name}/predictions.json"] = found[name].predictions
        value = _checked(made, FINAL, f"glue {name}", found[name])
        if value is not None:
            values.append(value)
        if _is_whole(made, FINAL, f"glue {name}", found[name]):
            collated |= found[name].predictions
            whole.append(value or 0.0)
    if values:
        made.local["glue"] = fmean(values)
    made.scores["glue"] = sum(whole) / GLUE_TASKS if whole else None
    return collated


def _aoa(made: Submission, kept: RunResults, place: ModelPlace, column: Column, year: int) -> dict[str, Any]:
    empty: dict[str, Any] = {"aoa": None} if year == 2025 else {"aoa_surprisals": None, "aoa": None}
    made.scores["aoa"] = None
    result = _try(made, FINAL, "aoa", lambda: kept.kept(place, column, False))
    if result is None:
        return empty
    stored, _, data = result
    made.evaluators.add(stored.versions.get("babyllama", "?"))
    r = stored.numbers[f"rules_of_{year}"]["r"]
    made.local["aoa"] = 100 * r
    below = f"{FINAL}/zero_shot/{made.backend}"
    made.files[f"{below}/{AOA_SCORE}"] = {"aoa": r}
    if data is None:
        made.lack(
            FINAL, "aoa", "its contexts are not here, and the surprisals are handed in with them: name them with --data"
        )
        return empty
    assert place.results is not None
    nats = read_json(place.results / f"{stored.name}_surprisals.json")
    words: AoaData = data.content[0]
    wanted = TRACKS[made.track]
    surprisals = {
        "metadata": {
            "model_name": made.name, "use_bos_only": False, "total_steps": len(wanted),
            "completed_steps": sum(one in nats for one in wanted),
        },
        "results": list(_aoa_rows(words, {name: nats[name] for name in wanted if name in nats})),
    }  # fmt: skip
    made.files[f"{below}/{AOA_SURPRISALS}"] = surprisals
    lacking = [name for name in wanted if name not in nats]
    if lacking or words.count != CONTEXTS_IN_ALL:
        why = f"{words.count:,} of {CONTEXTS_IN_ALL:,} contexts" if words.count != CONTEXTS_IN_ALL else ""
        why += (
            f"{'; ' if why and lacking else ''}{f'{len(lacking)} of {len(wanted)} checkpoints lack' if lacking else ''}"
        )
        made.lack(FINAL, "aoa", why)
        return empty
    made.scores["aoa"] = 100 * r
    return {"aoa": surprisals} if year == 2025 else {"aoa_surprisals": surprisals, "aoa": {"aoa": r}}


def _aoa_rows(words: AoaData, nats: dict[str, list[float | None]]) -> Iterator[dict[str, Any]]:
    places = [(word, n, text) for word, texts in words.contexts.items() for n, text in enumerate(texts)]
    for name, values in nats.items():
        for (word, number, text), value in zip(places, values, strict=True):
            yield {
                "step": name, "word_count": words_of(Path(name)), "target_word": word, "context_id": number, "context": text,
                "surprisal": math.nan if value is None else value,
            }  # fmt: skip


def _checkpoints(made: Submission, kept: RunResults, place: ModelPlace) -> None:
    """The fast set of every checkpoint of the track: a value, or None, for each."""
    columns = {one.name: one for one in made.suite.columns}
    parts = [part for part in parts_of(tuple(columns), made.suite.settings["year"]) if part.fast is not None]
    results: dict[str, list[Any]] = {part.key: [] for part in parts}
    for revision in TRACKS[made.track]:
        folder = has_checkpoint(place, revision)
        if folder is None:
            made.lack(revision, "all", "the run has no such checkpoint")
            for values in results.values():
                values.append(None)
            continue
        there = locate_model(folder)
        made.models[revision] = model_content(there)
        for part in parts:
            results[part.key].append(None)
            found = _try(
                made,
                revision,
                part.key,
                lambda p=part, at=there, r=revision: kept.predictions(at, columns[p.column], p, r),
            )
            if found is None:
                continue
            made.files[f"{revision}/zero_shot/{made.backend}/{part.file(revision)}"] = found.predictions
            if _checked(made, revision, part.key, found) is not None and _is_whole(made, revision, part.key, found):
                assert found.gold is not None
                results[part.key][-1] = found.gold.values(found.predictions)
    made.files[collated_name(made.backend)]["fast_eval_results"] = results


def _try(made: Submission, revision: str, what: str, read: Any) -> Any:
    """What `read` gives; None, kept in mind, where that is missing."""
    try:
        return read()
    except Missing as error:
        made.lack(revision, what, error)
        return None


def _checked(made: Submission, revision: str, what: str, found: Found) -> float | None:
    """The score in per cent, from the predictions and the data; None where there are no data, or the two do not fit."""
    made.evaluators.add(found.evaluator.get("babyllama", "?"))
    if found.gold is None:
        made.unchecked.append(f"{revision} {what}")
        return None
    problems = found.gold.problems(found.predictions)
    made.problems += [f"{revision} {what}: {problem}" for problem in problems]
    return None if problems else found.gold.score(found.predictions)


def _is_whole(made: Submission, revision: str, what: str, found: Found) -> bool:
    if not found.whole:
        other = f"{found.count:,} predictions, but not of the groups that were published"
        part = f"{found.count:,} of {found.size:,} predictions: the board takes no part"
        made.lack(revision, what, other if found.count == found.size else part)
    return found.whole
