"""The tokenizer stage: train at a path, or reuse what lies there when it came from the same text and settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from babyllama.artifacts import Manifest, fingerprint_file, fingerprint_files, sole_builder
from babyllama.config.sections import TokenizerSection
from babyllama.errors import DataError, TokenizerError
from babyllama.tokenizer.files import (
    TOKENIZER_FILE,
    find_tokenizer,
    load_fast,
    manifest_path,
    save_tokenizer,
    tokenizer_fingerprint,
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
    say: Callable[[str], None] | None = None,
) -> bool:
    """Make `path` hold a tokenizer trained by `section` on `documents`; True when it was trained, False when reused.

    `documents()` streams the text of `files`, whose contents are the stage's input. A tokenizer whose manifest fits is
    reused, one whose manifest does not is trained again; `say` is told which, and why. A tokenizer without a manifest
    is somebody else's: it is used as it is, or, without `keep_foreign`, a TokenizerError; `overwrite` replaces it.
    `left_out` says in words which of the files' text `documents()` does not give.
    """
    say = say or (lambda message: None)
    path = Path(path)
    if not files:
        raise DataError("there is no text to train a tokenizer on: no files were given.")
    inputs = {"text": fingerprint_files(files)}
    settings = section.model_dump(mode="json") | ({"left_out": left_out} if left_out else {})
    with sole_builder(path):
        if not overwrite and find_tokenizer(path) is not None:
            manifest = Manifest.read(manifest_path(path))
            if manifest is None or manifest.stage != "tokenizer":
                if keep_foreign:
                    load_fast(path)
                    say(f"tokenizer {path}: there already, used as it is (BabyLlama did not train it)")
                    return False
                raise TokenizerError(
                    f"{path} holds a tokenizer that BabyLlama did not train (it has no manifest). Choose another output, or "
                    "pass --overwrite to replace it."
                )
            reason = manifest.stale_reason(inputs, settings) or _damage(path, manifest)
            if reason is None:
                say(f"tokenizer {path}: up to date, reused")
                return False
            say(f"tokenizer {path}: trained again ({reason})")
        tokenizer = train_tokenizer(documents(), section, progress=progress)
        size = tokenizer.get_vocab_size()
        if size < section.vocab_size:
            say(
                f"tokenizer {path}: {size:,} entries, not {section.vocab_size:,}: the text supports no more pieces that occur "
                f"at least {section.min_frequency} times"
            )
        outputs = {
            "vocab_size": size,
            "fingerprint": tokenizer_fingerprint(tokenizer),
            TOKENIZER_FILE: "sha256:" + hashlib.sha256(tokenizer.to_str(pretty=True).encode()).hexdigest(),
        }
        save_tokenizer(
            tokenizer, path, manifest=Manifest("tokenizer", inputs=inputs, settings=settings, outputs=outputs)
        )
        return True


def _damage(path: Path, manifest: Manifest) -> str | None:
    """Why the files at `path` are not the ones the manifest was written for; None when they are."""
    folder_file = manifest_path(path).parent / TOKENIZER_FILE
    for file in {folder_file, path if path.suffix == ".json" else folder_file}:
        if not file.is_file():
            return f"{file} is missing"
        if fingerprint_file(file) != manifest.outputs.get(TOKENIZER_FILE):
            return f"{file} was changed or only half replaced"
    load_fast(path)
    return None
