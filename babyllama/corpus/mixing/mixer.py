"""Mixing: several sources become one training text, in equal or weighted shares, the same text every time.

    report = mix(config)          # writes or reuses the folder of config.data.train_path
    print(report.table())

What the folder holds:

    mix.train        the units, each document ended by a line `<|endoftext|>`
    mix.dev          the held-out text, when `mixing.dev_budget` is set
    *.units.tsv      for each unit: source, document, piece, offset, bytes
    manifest.json    what went in, the settings, and per source what came out

A document longer than `mixing.max_unit` is mixed in pieces, so that sources take turns even where one of them is a
single huge document. Pieces that end up behind one another are written as one document, with the white space that was
between them. The others are documents of their own in mix.train: a model sees each with its own `<s>`. That they
continue a document is marked in `mix.train.units.tsv`, where `piece` counts from 0 within `document`: a piece above 0
goes on where the piece before it, of the same source and document, ended.

How the order keeps every prefix balanced is explained in `babyllama.corpus.mixing.round_robin`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.artifacts import Built, build_or_reuse
from babyllama.config.sections import Config
from babyllama.corpus.mixing.deduplication import duplicate_test
from babyllama.corpus.mixing.overlap import measure_overlap
from babyllama.corpus.mixing.plan import STAGE, MixPlan, plan_mix
from babyllama.corpus.mixing.report import MixReport
from babyllama.corpus.mixing.round_robin import MixedSource, Share, Short, divide, round_robin
from babyllama.corpus.mixing.shuffling import shuffled
from babyllama.corpus.mixing.sources import Source
from babyllama.corpus.mixing.units import Reading, Unit, exact_bytes, exact_words, units_of
from babyllama.corpus.mixing.writing import MixWriter
from babyllama.corpus.reading import is_synthetic, read_documents
from babyllama.errors import DataError, RunError

_PROGRESS_EVERY = 1000
_ENDLESS = 1 << 60


def mix(config: Config) -> MixReport:
    """Mix the sources of `config.mixing` into the folder of `config.data.train_path`, or reuse it when up to date.

    Raises `ConfigError` and `DataError` for settings and texts that cannot be mixed (a source that is missing, shared,
    broken or too short), `RunError` when the folder cannot be written or holds something other than a mix. Whatever
    happens, the folder afterwards is the old one or the complete new one.
    """
    plan = plan_mix(config)
    plan.refuse_foreign_folder()

    def write(folder: Path) -> dict[str, Any]:
        try:
            return _write(plan, folder)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise RunError(
                f"cannot write the mix into {plan.folder}: {error.strerror or error}. Nothing of it was kept. "
                + ("Free some space, or lower mixing.budget." if full else "Choose a folder you may write to.")
            ) from error

    return _report(
        plan,
        build_or_reuse(
            plan.folder,
            STAGE,
            inputs=plan.inputs,
            settings=plan.settings,
            write=write,
            title=f"mix {plan.folder}",
            own=plan.manifest.files if plan.manifest else (),
        ),
    )


def _report(plan: MixPlan, built: Built) -> MixReport:
    outputs = built.manifest.outputs
    dev = plan.folder / plan.dev_name
    return MixReport(
        folder=plan.folder,
        train=plan.folder / plan.train_name,
        dev=dev if plan.dev_name in built.manifest.files else None,
        unit=plan.unit,
        sources=outputs["sources"],
        dev_sources=outputs["dev_sources"],
        overlap=outputs["overlap"]["fraction"] if outputs["overlap"] else None,
        reused=built.reused,
        reason=built.reason,
    )


def _write(plan: MixPlan, folder: Path) -> dict[str, Any]:
    """Write the texts and their tables into `folder`; the manifest's outputs."""
    train, dev = folder / plan.train_name, folder / plan.dev_name
    if plan.splits:
        rows, dev_rows = _mix_into(plan, plan.sources, [plan.budget, plan.dev_budget], [train, dev])
    else:
        (rows,) = _mix_into(plan, plan.sources, [plan.budget], [train])
        dev_rows = _mix_into(plan, plan.dev_sources, [plan.dev_budget], [dev])[0] if plan.dev_sources else []
    plan.refuse_changed_sources()
    overlap = None
    if dev.exists():
        measured = measure_overlap(read_documents([train]), read_documents([dev]))
        overlap = {"ngrams": measured.ngrams, "shared": measured.shared, "fraction": measured.fraction}
    return {
        "synthetic": is_synthetic([file for source in (*plan.sources, *plan.dev_sources) for file in source.files]),
        "sources": rows,
        "dev_sources": dev_rows,
        "overlap": overlap,
    }


def _mix_into(
    plan: MixPlan,
    sources: Sequence[Source],
    budgets: Sequence[int | None],
    files: Sequence[Path],
) -> list[list[dict[str, Any]]]:
    """Mix `sources` into `files`, one per budget; per file the rows of the table.

    Sources found to be short while their shares are redistributed are mixed again with new shares from the beginning,
    so that all prefixes have the final proportions.
    """
    totals: list[int | None] = [None] * len(sources)
    mixing = plan.mixing
    if list(budgets) == [None] and not mixing.exact and mixing.on_short != "redistribute":
        # All that equal shares allow: no source is measured first, the mix ends with the first source that does.
        shares = [[share] for share in divide(_ENDLESS, [source.weight for source in sources])]
        return _attempt(plan, sources, shares, files, stop=True)
    if budgets[0] is None:
        totals = [_measure(plan, sources, number, files[0].parent) for number in range(len(sources))]
    while True:
        shares = _shares(plan, sources, budgets, totals)
        try:
            return _attempt(plan, sources, shares, files, stop=mixing.on_short == "stop")
        except Short as short:
            if mixing.on_short != "redistribute" and budgets[0] is not None:
                raise DataError(_shortage(plan, sources, shares, files[0].parent)) from short
            known = totals[short.number]
            totals[short.number] = short.total if known is None else min(known - 1, short.total)


def _shares(
    plan: MixPlan, sources: Sequence[Source], budgets: Sequence[int | None], totals: Sequence[int | None]
) -> list[list[int]]:
    """Per source its share of each budget; `totals` is what sources hold, as far as known."""
    weights = [source.weight for source in sources]
    dev_budget = budgets[1] or 0 if len(budgets) > 1 else 0
    sizes = [total for total in totals if total is not None]
    if budgets[0] is not None:
        budget = budgets[0] + dev_budget
    elif plan.mixing.on_short == "redistribute":
        budget = sum(sizes)
    else:
        budget = int(min(size / weight for size, weight in zip(sizes, weights, strict=True)) * sum(weights))
    caps = totals if plan.mixing.on_short == "redistribute" or budgets[0] is None else None
    shares = divide(budget, weights, caps)
    if sum(shares) < budget or budget <= dev_budget:
        raise DataError(
            f"the sources together hold {sum(shares):,} {plan.unit} after cleaning, less than the {budget:,} "
            "that the mix needs. Lower mixing.budget, or add sources."
        )
    if len(budgets) == 1:
        return [[share] for share in shares]
    dev_shares = divide(dev_budget, shares)
    return [[share - dev_share, dev_share] for share, dev_share in zip(shares, dev_shares, strict=True)]


def _attempt(
    plan: MixPlan,
    sources: Sequence[Source],
    shares: list[list[int]],
    files: Sequence[Path],
    *,
    stop: bool,
) -> list[list[dict[str, Any]]]:
    """One mix with the given shares, which ends when a source does if `stop`."""
    exact = (exact_words if plan.unit == "words" else exact_bytes) if plan.mixing.exact else None
    is_duplicate = duplicate_test(plan.mixing.deduplicate, plan.mixing.seed)
    repeat = plan.mixing.on_short == "repeat"
    readings = [Reading() for _ in sources]
    mixed_sources = [
        MixedSource(
            number,
            _stream(plan, source, number, readings[number], is_duplicate, files[0].parent, repeat=repeat),
            [Share(share) for share in shares[number]],
            exact,
        )
        for number, source in enumerate(sources)
    ]
    total = sum(map(sum, shares))
    mixed = 0
    with ExitStack() as stack:
        bar = stack.enter_context(console.progress("mixing", total if total < _ENDLESS else None))
        writers = [stack.enter_context(MixWriter(file)) for file in files]
        drawn = round_robin(mixed_sources, stop_when_short=stop)
        for step, (number, part, unit) in enumerate(drawn):
            writers[part].add(sources[number].name, unit)
            mixed += unit.size
            if step % _PROGRESS_EVERY == 0:
                bar(mixed)
    for source, reading in zip(sources, readings, strict=True):
        reading.spellings.warn(f"the source {source.name!r}")
    return [
        [_row(sources[one.number], one.shares[part], readings[one.number], one.number, plan) for one in mixed_sources]
        for part in range(len(files))
    ]


def _stream(
    plan: MixPlan,
    source: Source,
    number: int,
    reading: Reading,
    is_duplicate: Callable[[bytes], bool] | None,
    folder: Path,
    *,
    repeat: bool,
) -> Iterator[Unit]:
    """The units of a source in the order they are mixed in, with `repeat` again and again."""
    first_document, epoch, editor = 0, 0, plan.editor_of(source)
    while True:
        units = units_of(
            source,
            cleaned=plan.mixing.clean,
            keep_speakers=plan.mixing.keep_speakers,
            max_unit=plan.max_unit,
            size=plan.size,
            edit=partial(editor, counts=reading.edits) if editor else None,
            is_duplicate=is_duplicate,
            reading=reading,
            first_document=first_document,
        )
        if plan.mixing.shuffle:
            units = shuffled(units, folder, [plan.mixing.seed, number, epoch])
        documents = first_document
        for unit in units:
            documents = max(documents, unit.document + 1)
            yield unit
        if documents == first_document:
            after = "cleaning and mixing.filter" if editor else "cleaning"
            raise DataError(f"the source {source.name!r} holds no text after {after}. Leave it out of mixing.sources.")
        if not repeat:
            return
        # A repetition is wanted here, so only what the source repeats within itself stays out.
        is_duplicate = duplicate_test(plan.mixing.deduplicate, plan.mixing.seed)
        first_document, epoch = documents, epoch + 1


def _measure(plan: MixPlan, sources: Sequence[Source], number: int, folder: Path) -> int:
    """All that a source holds, in the unit of the shares."""
    is_duplicate = duplicate_test(plan.mixing.deduplicate, plan.mixing.seed)
    units = _stream(plan, sources[number], number, Reading(), is_duplicate, folder, repeat=False)
    return sum(unit.size for unit in units)


def _shortage(plan: MixPlan, sources: Sequence[Source], shares: list[list[int]], folder: Path) -> str:
    """The numbers behind a source that runs short, and what to do."""
    totals = [_measure(plan, sources, number, folder) for number in range(len(sources))]
    lines = [
        f"{source.name} holds {total:,} of the {sum(share):,} {plan.unit} of its share"
        for source, total, share in zip(sources, totals, shares, strict=True)
        if total < sum(share) or (plan.mixing.exact and total == sum(share))
    ]
    weights = [source.weight for source in sources]
    largest = int(min(total / weight for total, weight in zip(totals, weights, strict=True)) * sum(weights))
    return (
        f"the sources are too short for mixing.budget = {plan.mixing.budget!r}: {'; '.join(lines) or 'no exact cut'} "
        f"(after cleaning). In these proportions they make a mix of at most {largest:,} {plan.unit}. Lower the budget, "
        "or set mixing.on_short to redistribute, repeat or stop."
    )


def _row(source: Source, share: Share, reading: Reading, number: int, plan: MixPlan) -> dict[str, Any]:
    share.count()
    prefix = "dev: " if source in plan.dev_sources else ""
    return {
        "name": source.name,
        "domains": list(source.domains),
        "documents": share.documents,
        "units": share.units,
        "bytes": share.size,
        "words": share.words,
        "sentences": share.sentences,
        "taken": share.taken,
        "share": share.target if plan.budget is not None or plan.mixing.exact else share.taken,
        "read_characters": reading.characters,
        "removed": {"characters": reading.characters - reading.kept, "duplicates": reading.duplicates},
        **({"edits": editor.described(reading.edits)} if (editor := plan.editor_of(source)) else {}),
        "fingerprint": plan.inputs[prefix + source.name],
    }
