"""What training reads: mix, tokenizer and packed text of a configuration, each built or reused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from babyllama import console
from babyllama.config import Config
from babyllama.config.tables import OBJECTIVES
from babyllama.errors import DataError, TokenizerError

if TYPE_CHECKING:
    from babyllama.dataset import PackedDataset
    from babyllama.training.objectives.base import Objective


@dataclass(frozen=True)
class Inputs:
    """What training reads, built or reused."""

    tokenizer_path: str
    train: PackedDataset
    eval: PackedDataset | None
    synthetic: bool
    others: dict[str, str] = field(default_factory=dict)
    """Fingerprints of what the objective learns from beside the text."""

    @property
    def fingerprints(self) -> dict[str, str]:
        """Content fingerprints of what a run learns from."""
        found = {"tokenizer": self.train.tokenizer_fingerprint, "train": self.train.manifest.inputs["text"]}
        return found | ({"eval": self.eval.manifest.inputs["text"]} if self.eval else {}) | self.others


def prepare_inputs(config: Config) -> Inputs:
    """Mix, tokenizer and packed text of `config`, each reused when it is up to date."""
    from babyllama.corpus.held_out import text_files
    from babyllama.corpus.reading import is_synthetic
    from babyllama.corpus.reading.instructions import examples_or_documents
    from babyllama.dataset import prepare_dataset

    objective = _objective(config)
    others = objective.inputs(config) if objective else {}
    if config.model.init_from is not None:
        from babyllama.training.initial import initial_fingerprint

        others = others | initial_fingerprint(config)
    if config.mixing:
        from babyllama.corpus.mixing import mix

        report = mix(config)
        if not report.reused:
            console.say(report.table())
    data = config.data
    train_files, eval_files = text_files(config)
    if not any(file.stat().st_size for file in train_files):
        raise DataError(f"data.train_path: {data.train_path} holds no text: its {len(train_files)} file(s) are empty.")
    _provide_tokenizer(config, train_files, objective)

    def packed(files: list[Path], split: Literal["train", "eval"]) -> PackedDataset:
        return prepare_dataset(
            examples_or_documents(files, data),
            files,
            data.tokenizer_path,
            data,
            split=split,
        )

    return Inputs(
        data.tokenizer_path,
        packed(train_files, "train"),
        packed(eval_files, "eval") if eval_files else None,
        is_synthetic(train_files),
        others,
    )


def _objective(config: Config) -> type[Objective] | None:
    """The objective of `config`, where it may ask for more than text and any tokenizer. Next-token prediction does not, and
    its file loads torch, which costs more than everything else that a small text needs."""
    return None if config.training.objective == "causal" else OBJECTIVES.get(config.training.objective)


def _provide_tokenizer(config: Config, files: list[Path], objective: type[Objective] | None) -> None:
    """Train the tokenizer that the configuration describes, unless it is there and fits; complain if it describes none."""
    path = Path(config.data.tokenizer_path)
    if config.tokenizer is not None:
        from babyllama.corpus.reading.instructions import documents_of
        from babyllama.tokenizer import build_tokenizer

        asked = config.tokenizer.mask_token
        hides_tokens = objective is not None and objective.hides_tokens
        mask_token = hides_tokens if asked is None else asked
        build_tokenizer(
            lambda: documents_of(files, config.data),
            files,
            config.tokenizer.model_copy(update={"mask_token": mask_token}),
            path,
            column=config.data.column,
        )
    elif not path.exists() and (path.suffix == ".json" or config.data.tokenizer_path.startswith((".", "/"))):
        raise TokenizerError(
            f"data.tokenizer_path = {str(path)!r}: no tokenizer there. Train one with\n"
            f"  python train_tokenizer.py --data-dir {config.data.train_path} --output {path}\n"
            "or add a `tokenizer:` section, and train does it."
        )
    if objective is not None:
        from babyllama.tokenizer import load_tokenizer

        # A tokenizer that the objective cannot use is named before the text is packed with it.
        objective.build(config, load_tokenizer(config.data.tokenizer_path))
