"""A byte-level BPE tokenizer as GGUF keeps it: entries with their kinds, merges, and which split comes before them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from babyllama.artifacts import read_object
from babyllama.errors import TokenizerError

MODEL, PRE_TOKENIZER = "gpt2", "gpt-2"
"""llama.cpp's names of byte-level BPE, and of the regular expression that GPT-2 and our tokenizers split text with."""
NORMAL, CONTROL, UNUSED = 1, 3, 5
"""Kinds of entries (`llama_token_type`)."""
_ROLES = {"bos": "bos_token", "eos": "eos_token", "padding": "pad_token", "unknown": "unk_token", "mask": "mask_token"}
"""GGUF's `tokenizer.ggml.<role>_token_id` -> the key of tokenizer_config.json."""


@dataclass(frozen=True)
class GgufTokenizer:
    """What a GGUF file says about its tokenizer."""

    tokens: list[str]
    """Entry of each id, in the byte-level alphabet."""
    kinds: list[int]
    merges: list[str]
    """`left right`, the earliest first."""
    special: dict[str, int] = field(default_factory=dict)
    """Role -> id."""

    @classmethod
    def read(cls, folder: Path, rows: int) -> GgufTokenizer:
        """The tokenizer in `folder` for a model of so many `rows`.

        TokenizerError for one that llama.cpp would not read the same way: only byte-level BPE without normalisation and without
        prefix space.
        """
        description = read_object(folder / "tokenizer.json")
        _refuse_others(folder, description)
        model = description["model"]
        entries = {id: token for token, id in model["vocab"].items()}
        added = {one["id"]: one for one in description.get("added_tokens", ())}
        entries |= {id: one["content"] for id, one in added.items()}
        if max(entries) >= rows:
            raise TokenizerError(f"{folder}: the tokenizer has {max(entries) + 1:,} entries, the model {rows:,} rows.")
        # Rows without an entry (model.vocab_size above the tokenizer's) need a name, which no text can spell.
        tokens = [entries.get(id, f"[UNUSED{id}]") for id in range(rows)]
        kinds = [
            UNUSED if id not in entries else CONTROL if id in added and added[id].get("special") else NORMAL
            for id in range(rows)
        ]
        merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
        names = read_object(folder / "tokenizer_config.json")
        ids = {token: id for id, token in entries.items()}
        special = {role: ids[_content(names[key])] for role, key in _ROLES.items() if names.get(key) is not None}
        return cls(tokens, kinds, merges, special)

    @classmethod
    def of_file(cls, reader: Any) -> GgufTokenizer:
        """The tokenizer of an open GGUF file (`gguf.GGUFReader`)."""

        def contents(key: str) -> Any:
            found = reader.get_field(f"tokenizer.ggml.{key}")
            return None if found is None else found.contents()

        special = {role: contents(f"{role}_token_id") for role in _ROLES}
        return cls(
            contents("tokens"),
            list(contents("token_type")),
            contents("merges") or [],
            {role: id for role, id in special.items() if id is not None},
        )

    def add_to(self, writer: Any) -> None:
        """Write it with `writer` (a `gguf.GGUFWriter`)."""
        writer.add_tokenizer_model(MODEL)
        writer.add_tokenizer_pre(PRE_TOKENIZER)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.kinds)
        writer.add_token_merges(self.merges)
        for role, id in self.special.items():
            writer.add_uint32(f"tokenizer.ggml.{role}_token_id", id)
        # Every document was trained with <s> in front, which is what a prompt of llama.cpp begins with then.
        writer.add_add_bos_token("bos" in self.special)
        writer.add_add_eos_token(False)


def _refuse_others(folder: Path, description: dict[str, Any]) -> None:
    model, pre_tokenizer = description["model"], description.get("pre_tokenizer") or {}
    problem = None
    if model.get("type") != "BPE" or pre_tokenizer.get("type") != "ByteLevel":
        problem = f"it is {model.get('type')} with {pre_tokenizer.get('type')}"
    elif description.get("normalizer"):
        problem = f"it normalises text ({description['normalizer'].get('type')})"
    elif pre_tokenizer.get("add_prefix_space"):
        problem = "it puts a space in front of a text"
    elif not pre_tokenizer.get("use_regex", True) or model.get("ignore_merges"):
        problem = "it splits text in a way of its own"
    if problem:
        raise TokenizerError(
            f"{folder}: llama.cpp would read this tokenizer otherwise: {problem}. GGUF is written for byte-level BPE "
            "(`tokenizer.type: bpe`) without nfkc and add_prefix_space."
        )


def _content(token: Any) -> str:
    """A token as tokenizer_config.json names it: text, or an object with the text in it."""
    return str(token["content"] if isinstance(token, dict) else token)
