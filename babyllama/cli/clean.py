"""`babyllama clean`: clean text files by domain, or show what a cleaner changes."""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama import console
from babyllama.cli.arguments import seed

_WIDTH = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`clean IN OUT`, `clean --diff FILE` and `clean --domains`."""
    parser.description = (
        "Clean a text file, or all text files of a folder, by the cleaner of their domain. The domain follows from the "
        "file's name (childes.train -> childes) unless --domain names it."
    )
    parser.add_argument("paths", nargs="*", metavar="IN OUT", help="what to clean, and where to write it")
    parser.add_argument("--diff", metavar="FILE", help="write nothing; show what would change in FILE, by rule")
    parser.add_argument("--domains", action="store_true", help="list the domains and their rules")
    parser.add_argument("--domain", help="which cleaner to use")
    parser.add_argument("--sample", type=int, default=10, metavar="N", help="lines that --diff shows (default 10)")
    parser.add_argument("--seed", type=seed, default=42, help="draws the sample (default 42)")
    parser.add_argument(
        "--keep-speakers", action="store_true", help="keep speaker labels, stage directions and annotations"
    )
    parser.add_argument(
        "--errors", choices=("strict", "replace"), default="strict", help="what to do with broken UTF-8"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")


def run(args: argparse.Namespace) -> int:
    """Clean, or show."""
    from babyllama.errors import BabyLlamaError

    if args.domains:
        _print_domains(args.domain)
        return 0
    if args.diff:
        if args.paths:
            raise BabyLlamaError("--diff FILE writes nothing, so it takes no further paths.")
        _print_changes(args)
        return 0
    if len(args.paths) != 2:
        raise BabyLlamaError(
            "say what to clean and where to: `babyllama clean IN OUT`, or `babyllama clean --diff FILE`."
        )
    _clean(args)
    return 0


def _clean(args: argparse.Namespace) -> None:
    from babyllama.corpus.clean_files import clean_path

    source, target = args.paths
    cleaned = clean_path(
        source,
        Path(target),
        domain=args.domain,
        keep_speakers=args.keep_speakers,
        errors=args.errors,
        overwrite=args.overwrite,
    )
    console.say(f"written to {target}")
    for file in cleaned:
        removed = 1 - file.kept / file.characters if file.characters else 0.0
        print(f"{file.source}: {file.domain}, {file.documents:,} documents, {removed:.2%} of the characters removed")


def _print_changes(args: argparse.Namespace) -> None:
    from babyllama.corpus.clean_files import changes

    found = changes(
        Path(args.diff),
        domain=args.domain,
        keep_speakers=args.keep_speakers,
        errors=args.errors,
        sample=args.sample,
        seed=args.seed,
    )
    print(f"{args.diff}: domain {found.domain}, {found.documents:,} documents, {found.characters:,} characters")
    if found.rules:
        width = max(map(len, found.rules))
        print(f"{'rule':{width}}  {'changes':>9}  {'characters removed':>18}")
        for name, count in sorted(found.rules.items(), key=lambda item: -item[1].matches):
            print(f"{name:{width}}  {count.matches:9,}  {count.characters:18,}")
    print(f"{found.lines:,} lines change" + (f"; {len(found.sample)} of them:" if found.sample else ""))
    for before, after in found.sample:
        start = _first_difference(before, after)
        print(f"- {_around(before, start)}")
        for line in after.split("\n") if after else []:
            print(f"+ {_around(line, start)}")


def _first_difference(before: str, after: str) -> int:
    pairs = enumerate(zip(before, after, strict=False))
    return next((place for place, (old, new) in pairs if old != new), min(len(before), len(after)))


def _around(line: str, place: int) -> str:
    """The part of a long line around `place`."""
    start = max(0, place - _WIDTH // 2) if len(line) > _WIDTH else 0
    end = start + _WIDTH
    return ("... " if start else "") + line[start:end] + (" ..." if end < len(line) else "")


def _print_domains(only: str | None) -> None:
    from babyllama.corpus.cleaning import CLEANERS, Cleaner
    from babyllama.errors import ConfigError

    if only is not None and only not in CLEANERS:
        raise ConfigError(f"--domain {only!r} is not a domain; they are {', '.join(sorted(CLEANERS))}.")
    for name, cleaner in CLEANERS.items():
        if only in (None, name):
            print(f"{name}: {cleaner.what if isinstance(cleaner, Cleaner) else 'a registered function'}")
            if only and isinstance(cleaner, Cleaner):
                for rule in dict.fromkeys((rule.name, rule.what, rule.speech) for rule in cleaner.rules):
                    print(f"  {rule[0]}: {rule[1]}{' (not with --keep-speakers)' if rule[2] else ''}")
