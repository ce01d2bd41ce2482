"""The tokenizer stage: train at a path, or reuse what lies there when it came from the same text and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.artifacts import MANIFEST_NAME, Manifest, build_or_reuse
from babyllama.config.sections import TokenizerSection
from babyllama.corpus.reading import fingerprint_text, refuse_changed
from babyllama.errors import DataError, TokenizerError
from babyllama.tokenizer.files import (
    STAGE,
    copy_damage,
    find_tokenizer,
    load_fast,
    save_tokenizer,
    tokenizer_fingerprint,
    tokenizer_folder,
    write_copy,
)
from babyllama.tokenizer.train import train_tokenizer


def build_tokenizer(
    documents: Callable[[], Iterator[str]],
    files: Sequence[Path],
    section: TokenizerSection,
    path: str | Path,
    *,
    overwrite: bool = False,
    progress: bool = False,
    keep_foreign: bool = True,
    left_out: str | None = None,
    column: str = "text",
) -> bool:
    """Make `path` hold a tokenizer trained by `section` on `documents`; True when it was trained, False when reused.

    `documents()` streams the text of `files`, whose contents are the stage's input. A tokenizer whose manifest fits and
    whose files are whole is reused, any other of ours is trained again; the console is told which, and why. A tokenizer
    without a manifest is somebody else's: it is used as it is, or, without `keep_foreign`, a TokenizerError; `overwrite`
    replaces it. `left_out` says in words which of the files' text `documents()` does not give, `column` which column of records it reads.
    """
    path = Path(path)
    if not files:
        raise DataError("there is no text to train a tokenizer on: no files were given.")
    folder = tokenizer_folder(path)
    if not overwrite and _is_foreign(path, folder):
        if not keep_foreign:
            raise TokenizerError(
                f"{path} holds a tokenizer that BabyLlama did not train (it has no manifest). Choose another output, or "
                "pass --overwrite to replace it."
            )
        load_fast(path)
        console.say(f"tokenizer {path}: there already, used as it is (BabyLlama did not train it)")
        return False
    inputs = {"text": fingerprint_text(files)}

    def write(target: Path) -> dict[str, Any]:
        tokenizer = train_tokenizer(documents(), section, progress=progress)
        refuse_changed(files, inputs["text"])
        size = tokenizer.get_vocab_size()
        if size < section.vocab_size:
            console.say(
                f"tokenizer {path}: {size:,} entries, not {section.vocab_size:,}: the text supports no more pieces that occur "
                f"at least {section.min_frequency} times"
            )
        save_tokenizer(tokenizer, target)
        # Before the folder is in place: a kill in between leaves a copy that does not fit the folder, which is damage.
        write_copy(path, target)
        return {"vocab_size": size, "fingerprint": tokenizer_fingerprint(tokenizer)}

    built = build_or_reuse(
        folder,
        STAGE,
        inputs=inputs,
        settings=section.model_dump(mode="json", exclude=None if section.mask_token else {"mask_token"})
        | ({"left_out": left_out} if left_out else {})
        | ({} if column == "text" else {"column": column}),
        write=write,
        title=f"tokenizer {path}",
        overwrite=overwrite,
        # A tokenizer may lie in a model's folder.
        in_place=True,
        also_damaged=lambda manifest: copy_damage(path, manifest),
    )
    return not built.reused


def _is_foreign(path: Path, folder: Path) -> bool:
    """Does a tokenizer lie at `path` that this stage did not train?"""
    if find_tokenizer(path) is None:
        return False
    if not (folder / MANIFEST_NAME).is_file():
        return True
    # One that is damaged was somebody's of ours: the stage says so and trains again.
    manifest = Manifest.read(folder)
    return manifest is not None and manifest.stage != STAGE
