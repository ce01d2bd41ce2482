"""What runs were made from: the training text by source, and the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babyllama.artifacts import Manifest, read_text
from babyllama.errors import BabyLlamaError
from babyllama.evaluation.results import Table
from babyllama.reporting.views.base import Block, Folded, Note, Section, Shares, Source
from babyllama.reporting.views.overview import runs_table
from babyllama.reporting.views.reading import Reading
from babyllama.text import duration, file_size, one_line, percent


def corpus_section(readings: Sequence[Reading]) -> Section:
    """A table of sources with their shares for each different text, and the shares side by side."""
    texts: dict[Path, list[Reading]] = {}
    for reading in readings:
        if reading.config is not None:
            texts.setdefault(reading.resolve(reading.config.data.train_path).absolute(), []).append(reading)
    blocks: list[Block] = []
    bars: list[tuple[str, Mapping[str, float]]] = []
    for path, runs in texts.items():
        names = ", ".join(one.label for one in runs)
        try:
            table, shares = _corpus(path, runs[0])
        except (BabyLlamaError, OSError) as error:
            blocks.append(Note(f"{names}: the training text cannot be described: {error}"))
            continue
        blocks.append(
            table if len(texts) == 1 else Table(f"{names}: {table.title}", table.columns, table.rows, table.bold)
        )
        bars.append((names, shares))
    if bars:
        spoken = "; ".join(
            f"{name}: " + ", ".join(f"{part} {percent(share, 0)} %" for part, share in parts.items())
            for name, parts in bars
        )
        blocks.insert(0, Shares("Shares of the training text", f"Shares of the training text. {spoken}.", bars))
    return Section("corpus", "Corpus", blocks or [Note("No run here says what it was trained on.")])


def _corpus(path: Path, reading: Reading) -> tuple[Table, dict[str, float]]:
    """The table of a text, and the share of each of its parts."""
    folder = path if path.is_dir() else path.parent
    manifest = Manifest.read(folder)
    if manifest is not None and manifest.stage == "mix":
        return _mix(manifest, folder)
    from babyllama.corpus.reading import corpus_files

    files = corpus_files(str(path), key="data.train_path")
    total = sum(file.stat().st_size for file in files) or 1
    rows = [
        (one_line(file.name), f"{file.stat().st_size:,}", f"{percent(file.stat().st_size / total)} %") for file in files
    ]
    rows.append(("total", f"{total:,}", "100.0 %"))
    shares = {one_line(file.name): file.stat().st_size / total for file in files}
    return Table(f"{one_line(str(path))}: bytes by file", ("bytes", "share"), rows, frozenset({len(rows) - 1})), shares


def _mix(manifest: Manifest, folder: Path) -> tuple[Table, dict[str, float]]:
    sources: list[dict[str, Any]] = manifest.outputs["sources"]
    unit = str(manifest.settings.get("unit", "bytes"))
    total = sum(row["taken"] for row in sources) or 1
    numbers = ("documents", "bytes", "words", "sentences")
    rows = [
        (
            one_line(row["name"]),
            one_line(", ".join(row["domains"])),
            *(f"{row[name]:,}" for name in numbers),
            f"{percent(row['taken'] / total)} %",
            f"{percent(row['removed']['characters'] / (row['read_characters'] or 1))} %",
            f"{row['removed']['duplicates']:,}",
        )
        for row in sources
    ]
    sums = [f"{sum(row[name] for row in sources):,}" for name in numbers]
    rows.append(("total", "", *sums, "100.0 %", "", f"{sum(row['removed']['duplicates'] for row in sources):,}"))
    columns = ("domain", *numbers, f"share of {unit}", "cleaned away", "duplicates")
    shares = {one_line(row["name"]): row["taken"] / total for row in sources}
    title = f"{one_line(folder.name)}: a mix of {len(sources)} sources"
    return Table(title, columns, rows, frozenset({len(rows) - 1})), shares


def environment_section(readings: Sequence[Reading]) -> Section:
    """Machine, versions and command of each run, and its whole configuration."""
    facts = [_environment(one) for one in readings]
    names = dict.fromkeys(name for one in facts for name in one)
    rows = [(name, *(one.get(name, "-") for one in facts)) for name in names]
    headings = [one.label for one in readings] if len(readings) > 1 else ("",)
    blocks: list[Block] = [runs_table(readings)] if len(readings) == 1 else []
    blocks.append(Table("How they were made" if len(readings) > 1 else "How it was made", headings, rows))
    for reading in readings:
        try:
            text = read_text(reading.paths.config)
        except (BabyLlamaError, OSError):
            continue
        blocks.append(
            Folded(f"{reading.label}: {reading.paths.config.name}", [Source(reading.paths.config.name, text)])
        )
    return Section("environment", "Environment", blocks)


def _environment(reading: Reading) -> dict[str, str]:
    found: dict[str, str] = {"folder": one_line(str(reading.paths.root))}
    record, metrics = reading.record, reading.metrics
    if record is not None:
        found |= {"started": record.started, "command": one_line(record.command), "seed": str(record.seed)}
        found |= {"device": record.device or "-", "precision": record.precision or "-", "threads": f"{record.threads}"}
        found |= {one_line(name): one_line(str(value)) for name, value in record.objective.items()}
    if metrics is not None:
        found["devices"] = str(metrics.devices)
        found["micro-batch x accumulation"] = f"{metrics.micro_batch} x {metrics.accumulation}"
        found["peak memory"] = file_size(metrics.peak_memory_bytes)
        if metrics.peak_share is not None:
            found["share of the device's peak"] = f"{percent(metrics.peak_share)} %"
        found["training time"] = duration(metrics.training_time)
        found["resumed from step"] = "-" if metrics.resumed_from_step is None else f"{metrics.resumed_from_step:,}"
    if record is not None:
        found |= {f"{name} version": version for name, version in record.versions.items()}
        found |= {f"fingerprint of {name}": value[:19] for name, value in record.fingerprints.items()}
    return found
