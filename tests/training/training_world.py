"""A tiny world for the training tests: packed blocks with PackedDataset's interface, models of 2 layers, a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from babyllama.architectures import families
from babyllama.artifacts import fingerprint_bytes
from babyllama.config import Config, ModelSection
from babyllama.config.tables import FAMILIES
from babyllama.runs import RunPaths, RunRecord

VOCABULARY = 67
LENGTH = 16


class TinyBlocks:
    """Random documents packed into blocks of 16 tokens; the last block is padded where `ragged`."""

    def __init__(
        self, blocks: int = 40, seed: int = 0, *, ragged: bool = True, length: int = LENGTH, offsets: bool = False
    ) -> None:
        rng = np.random.default_rng(seed)
        self.length, self.offsets = length, offsets
        count = blocks * length - (length // 3 if ragged else 0)
        row: list[int] = []
        while len(row) < count:
            size = int(rng.integers(2, 12))
            # A skewed unigram model, so that there is something to learn.
            row += [1, *(3 + rng.geometric(0.1, size) % (VOCABULARY - 3)).tolist(), 2]
        self.tokens = np.array(row[:count], dtype=np.int64)
        self.blocks = blocks
        self.num_words = int((self.tokens > 2).sum())

    def __len__(self) -> int:
        return self.blocks

    @property
    def content(self) -> dict[str, str]:
        return {"text": fingerprint_bytes(self.tokens.tobytes())}

    def block(self, index: int, offset: int = 0, documents: int = 0) -> dict[str, Any]:
        start = max(0, index * self.length - offset)
        piece = self.tokens[start : start + self.length]
        ids = np.zeros(self.length, dtype=np.int64)
        labels = np.full(self.length, -100, dtype=np.int64)
        ids[: len(piece)], labels[: len(piece)] = piece, piece
        positions = np.zeros(self.length, dtype=np.int64)
        for place in range(1, self.length):
            # As in PackedDataset, positions start anew at a document and at the padding.
            positions[place] = 0 if ids[place] == 1 or place == len(piece) else positions[place - 1] + 1
        counts = {"words": int((piece > 2).sum()), "tokens": len(piece)}
        return {"input_ids": ids, "labels": labels, "position_ids": positions, **counts}

    def check(self, *, model_vocab_size: int | None = None) -> None:
        assert model_vocab_size is None or model_vocab_size >= VOCABULARY

    def epoch_order(self, epoch: int, seed: int) -> np.ndarray:
        return np.random.default_rng([seed, epoch]).permutation(self.blocks)

    def epoch_documents(self, epoch: int, seed: int) -> int:
        return 0

    def epoch_offset(self, epoch: int, seed: int) -> int:
        return int(np.random.default_rng([seed, epoch]).integers(self.length)) if self.offsets else 0


FAMILY_NAMES = [known.name for known in families() if not known.probed]
"""Every family that has a file of its own."""


def tiny_section(family: str = "Llama", **keys: Any) -> ModelSection:
    """A model of 2 layers and width 32; for `type: hf` name an `architecture`."""
    sizes = {"hidden_size": 32, "n_layer": 2, "n_head": 2, "intermediate_size": 64, "max_position_embeddings": 64}
    return ModelSection(**{"type": family, "name": "tiny", **sizes, **keys})


def tiny_model(family: str = "Llama", *, tied: bool = False, dropout: float = 0.0, seed: int = 0, **keys: Any) -> Any:
    """A freshly initialised model of `tiny_section`, with every dropout that its family has."""
    from babyllama.architectures import build_model

    drops = {name for name in ("resid_pdrop", "embd_pdrop", "attn_pdrop") if name in FAMILIES.get(family).optional_keys}
    drops = set() if FAMILIES.get(family).probed else drops
    section = tiny_section(family, tie_word_embeddings=tied, **dict.fromkeys(drops, dropout), **keys)
    model: Any = build_model(section, vocab_size=VOCABULARY, seq_length=LENGTH, seed=seed)
    model.tiny_keys = {key: getattr(section, key) for key in section.model_fields_set - {"name"}}
    return model


def tiny_tokenizer(*, mask: bool = True) -> Any:
    """A word-level tokenizer with the three special tokens, and `<mask>` as its last entry."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2} | {f"w{i}": i for i in range(3, VOCABULARY)}
    if mask:
        vocabulary = {name: i for name, i in vocabulary.items() if i < VOCABULARY - 1} | {"<mask>": VOCABULARY - 1}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"} | (
        {"mask_token": "<mask>"} if mask else {}
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, **special)


def tiny_config(folder: Path, **sections: dict[str, Any]) -> Config:
    """A configuration for the tiny world; sections override key by key."""
    values: dict[str, dict[str, Any]] = {
        "data": {"seq_length": LENGTH, "packed_dir": str(folder / "packed")},
        "model": {"type": "Llama", "name": "tiny", "hidden_size": 32, "n_layer": 2, "n_head": 2},
        "training": {
            "batch_size": 4,
            "gradient_accumulation_steps": 2,
            "num_epochs": 2,
            "lr": 3e-3,
            "logging_steps": 1,
            # The same arithmetic on every machine; `auto` is bf16 where a CPU computes it.
            "precision": "fp32",
        },
        "optimization": {},
        "logging": {"output_dir": str(folder)},
    }
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return Config(**values)  # type: ignore[arg-type]


def tiny_run(
    folder: Path, *, model: Any = None, resume: Any = None, eval_blocks: int = 6, force: bool = False, **sections: Any
) -> Any:
    """Train a tiny model in `folder`; returns (TrainingMetrics, RunPaths)."""
    from babyllama.training import train

    model = tiny_model() if model is None else model
    config = tiny_config(
        folder, **{**sections, "model": {**getattr(model, "tiny_keys", {}), **sections.get("model", {})}}
    )
    paths = RunPaths(folder / config.model.name)
    result = train(
        config,
        model=model,
        tokenizer=tiny_tokenizer(),
        train_dataset=TinyBlocks(),
        eval_dataset=TinyBlocks(eval_blocks, seed=1) if eval_blocks else None,
        paths=paths,
        resume=resume,
        force=force,
        record=RunRecord.load(paths) if paths.record.is_file() else RunRecord.new("tiny"),
    )
    return result, paths
