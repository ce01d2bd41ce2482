"""Round-robin mixing: the sources and what is made of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from babyllama.config.types import AmountText, FilePath, Optional_, RegularExpression, Section, Seed, SizeText, Text


class SourceSection(Section):
    """One source of a mix."""

    path: Annotated[FilePath | None, Optional_] = None
    """File, folder or glob, relative to `mixing.root`: text, .cha, .srt, .vtt, .jsonl or .parquet, also as .gz .zst .xz .bz2."""
    hub: Annotated[Text | None, Optional_] = None
    """Hub data set by name instead of a path; it is streamed."""
    config_name: Annotated[Text | None, Optional_] = None
    """Configuration (subset) of the Hub data set."""
    split: Text = "train"
    """Split of the Hub data set."""
    column: Text = "text"
    """Column or JSON key that holds the text (Hub, .jsonl, .parquet); `meta.text` is the key `text` of the object `meta`."""
    speakers: Literal["all", "children", "adults"] = "all"
    """Whose utterances of CHAT transcripts (.cha) are read, by the roles in their `@Participants` header."""
    titles: bool = True
    """Keep the title line of WikiExtractor's articles."""
    name: Annotated[Text | None, Optional_] = None
    """Name in tables and manifests; by default the file stem or the Hub name."""
    domain: Annotated[Text | None, Optional_] = None
    """Which cleaner and document splitter apply; by default guessed from the file stem."""
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Share relative to the other sources."""


class FilterSection(Section):
    """Which sentences a mix leaves out; exactly one of `drop`, `keep`, `drop_if` and `keep_if`."""

    drop: Annotated[RegularExpression | None, Optional_] = None
    """Leave out the sentences in which this regular expression is found."""
    keep: Annotated[RegularExpression | None, Optional_] = None
    """Leave out the sentences in which this regular expression is not found."""
    drop_if: Annotated[Text | None, Optional_] = None
    """Leave out the sentences of which this predicate is true: `passive`, or one that a plugin registers."""
    keep_if: Annotated[Text | None, Optional_] = None
    """Leave out the sentences of which this predicate is not true."""


class ReplaceSection(Section):
    """What a mix replaces in its text."""

    pattern: RegularExpression
    """Every match of this regular expression is replaced; text is looked at line by line."""
    by: str
    """What stands there instead; `\\1` and `\\g<name>` are groups of the pattern."""


class MixingSection(Section):
    """Round-robin mixing of sources into one training text."""

    root: FilePath = "./data/babylm"
    """Folder that relative source paths start from."""
    sources: Annotated[list[SourceSection], Field(min_length=1)]
    """What is mixed, in round-robin order."""
    budget: Annotated[AmountText | None, Optional_] = None
    """Size of the mix: `2MB`, `10MB`, `10M words`, `5M tokens`; null takes all text that equal shares allow."""
    unit: Literal["bytes", "words", "tokens"] = "bytes"
    """What the shares are equal in; tokens are counted by `data.tokenizer_path`."""
    max_unit: SizeText = "4kB"
    """Longer documents are cut at line ends into consecutive pieces of about this size."""
    exact: bool = False
    """Cut the last unit of each source at a sentence end, else at a word, so that shares come out exactly."""
    on_short: Literal["error", "redistribute", "repeat", "stop"] = "error"
    """A source that runs short: stop with the numbers, give its share to the others, repeat it, or end the mix there."""
    clean: bool = True
    """Apply each domain's cleaner."""
    filter: Annotated[list[FilterSection], Field(default_factory=list)]
    """Sentences that are left out, after cleaning: by regular expression or by predicate."""
    replace: Annotated[list[ReplaceSection], Field(default_factory=list)]
    """What is replaced in the sentences that are left, one after another."""
    edit_dev: bool = False
    """Filter and replace in the held-out text as well; otherwise it stays the same with and without them."""
    keep_speakers: bool = False
    """Keep speaker labels and stage directions of transcripts."""
    deduplicate: Literal["none", "exact", "near"] = "none"
    """Drop documents that occurred before: the same text, or nearly the same (MinHash)."""
    dev_budget: Annotated[AmountText | None, Optional_] = None
    """Size of the held-out text; null makes none here (`data.eval_path` then names other text)."""
    dev_sources: Annotated[list[SourceSection] | None, Optional_] = None
    """Sources of the held-out text; null splits it off the training sources by unit."""
    seed: Seed = 42
    """Orders the documents inside each source; the same seed gives the same mix to the byte."""
    shuffle: bool = False
    """Draw documents in a seeded random order instead of file order."""
    errors: Literal["strict", "replace"] = "strict"
    """Broken UTF-8 in a source: `strict` stops and names the position, `replace` puts U+FFFD there."""
