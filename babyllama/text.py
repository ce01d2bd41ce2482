"""Numbers and names as text, in one place: durations, counts, sizes, shares, and names made safe to show."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence


def duration(seconds: float) -> str:
    """Seconds as a person reads them: 42s, 3:05, 2:10:00."""
    if not math.isfinite(seconds):
        return "?"
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest}s"


def short_count(value: float) -> str:
    """A large number to three digits: 2.5M."""
    value = float(f"{value:.3g}")
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def file_size(count: float) -> str:
    """Bytes in decimal units: 1.2 GB, 212 MB, 4 kB, 12 B."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def percent(fraction: float | None, places: int = 1) -> str:
    """A fraction as per cent without the sign: 79.1; `-` where there is none."""
    return "-" if fraction is None or math.isnan(fraction) else f"{100 * fraction:.{places}f}"


def significant(value: float | None) -> str:
    """A number with as many digits as it deserves: 9.217, 1,016.7, 1.2e+09; `-` where there is none."""
    if value is None:
        return "-"
    return f"{value:,.4g}" if abs(value) < 100 else f"{value:,.1f}" if abs(value) < 1e7 else f"{value:.3g}"


def plural(count: int, noun: str) -> str:
    """1 file, 2 files, 1,000 files."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: list[str], most: int = 3) -> str:
    """The first names of a list, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters of a text, with `...` where it goes on."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def perplexity(nats_per_token: float) -> float:
    """exp of a mean loss in nats per token; infinity where that overflows."""
    return math.exp(nats_per_token) if nats_per_token < 700 else math.inf


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def one_line(name: str) -> str:
    """`name` without anything that breaks a line or drives a terminal: such characters are spelled out."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", name)


def has_control_characters(name: str) -> bool:
    """Does `name` hold a character that breaks a line or drives a terminal?"""
    return _CONTROL.search(name) is not None


def is_utf8(name: str) -> bool:
    """Can `name`, as the system handed it over, be written as UTF-8?"""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def csv_cell(name: str) -> str:
    """`name` for a cell of a CSV file: a spreadsheet must not take it for a formula (OWASP, CSV injection)."""
    return "'" + name if name.startswith(_FORMULA) else name


def markdown(name: str) -> str:
    """`name` for a line of Markdown: shown as it is, never as markup, HTML or a new cell."""
    escaped = re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", one_line(name))
    return escaped.replace("&", "&amp;")


def unmarked(text: str) -> str:
    """What a line of Markdown that `markdown` and `code` made shows: without marks and escapes."""
    parts = re.split(r"(?<!\\)(`+)(.+?)\1(?!`)", text)
    plain = [re.sub(r"\\([\\`*_{}\[\]<>#|!~])", r"\1", part).replace("&amp;", "&") for part in parts[::3]]
    codes = [part.replace("\\|", "|") for part in parts[2::3]]
    return "".join(one for pair in zip(plain, [*codes, ""], strict=True) for one in pair)


def code(name: str) -> str:
    """`name` as code in a line or a table of Markdown, whatever it holds."""
    shown = one_line(name).replace("|", "\\|")
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    space = " " if len(fence) > 1 or not shown.strip() else ""
    return f"{fence}{space}{shown}{space}{fence}"


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], rule: str = "---") -> str:
    """A table of cells that are Markdown already; `rule` stands below every heading but the first (`--:` puts to the right)."""
    lines = [headings, ["---"] + [rule] * (len(headings) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
