"""The historical classes and functions, thin over the rooms, under the names users know."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama import console
from babyllama.artifacts import fingerprint_value
from babyllama.config import Config
from babyllama.config.sections import DataSection, LoggingSection, TokenizerSection
from babyllama.corpus.cleaning import DomainCleaners, clean, create_cleaner_registry
from babyllama.corpus.reading import corpus_files, read_documents
from babyllama.errors import DataError
from babyllama.evaluation.benchmark_suite import BenchmarkSuite
from babyllama.evaluation.evaluator import ModelEvaluator as _ModelEvaluator
from babyllama.evaluation.evaluator import compare_models, evaluate_model
from babyllama.runs import Run, locate_model
from babyllama.runs.locate import newest_run
from babyllama.settings import config_from_values
from babyllama.settings import load_config as _load_config
from babyllama.studies.templates import compare_architectures, plot_scaling_laws

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from babyllama.dataset import PackedDataset
    from babyllama.evaluation.models import LoadedModel

__all__ = [
    "BenchmarkSuite",
    "DataProcessor",
    "DomainCleaners",
    "ModelEvaluator",
    "compare_architectures",
    "compare_models",
    "create_cleaner_registry",
    "create_model",
    "distill_knowledge",
    "evaluate_model",
    "load_config",
    "plot_scaling_laws",
    "predict",
    "train_bpe_tokenizer",
    "train_model",
]

PathLike = str | os.PathLike[str]


def load_config(path: PathLike, overrides: Iterable[str] = ()) -> Config:
    """The checked configuration in `path`, with `section.key=value` overrides laid over it. Raises ConfigError."""
    return _load_config(Path(path), overrides)


def create_model(config: Config | PathLike, tokenizer: Any = None) -> PreTrainedModel:
    """A freshly initialised model of `config` (a path or a Config).

    Vocabulary and special tokens are those of `tokenizer` (an object or a path), else of the tokenizer at
    `data.tokenizer_path`; when there is none yet, those of the one the configuration asks for.
    """
    from babyllama.architectures import build_model
    from babyllama.plan import vocabulary
    from babyllama.tokenizer import find_tokenizer, special_ids

    config = config if isinstance(config, Config) else load_config(config)
    section, length, seed = config.model, config.data.seq_length, config.training.seed
    if tokenizer is None and find_tokenizer(config.data.tokenizer_path) is None:
        return build_model(section, vocab_size=vocabulary(config)[0], seq_length=length, seed=seed)
    loaded = _tokenizer(config.data.tokenizer_path if tokenizer is None else tokenizer)
    return build_model(section, vocab_size=len(loaded), seq_length=length, seed=seed, special=special_ids(loaded))


def train_model(config: Config | PathLike, **options: Any) -> Run:
    """Train `config` (a path or a Config); the run that comes back is accepted wherever a model is.

    `options` are those of `babyllama.pipeline.train_run`: resume, overwrite, force, quiet.
    """
    from babyllama.pipeline import train_run

    return train_run(config if isinstance(config, Config) else load_config(config), **options)


def distill_knowledge(
    teacher_models: Sequence[PathLike],
    student_config: Config | PathLike,
    distillation_config: Config | PathLike,
    **options: Any,
) -> Run:
    """Train a student with `teacher_models` (runs, paths or Hub names) and return its run.

    Text, tokenizer and model are those of `student_config`; how it is trained, and how teachers count, is
    `distillation_config`'s: its `training`, `optimization` and `distillation` sections and `data.seq_length`. The run is
    called like the student with `-distilled` behind it. `options` are those of `train_model`.
    """
    student = student_config if isinstance(student_config, Config) else load_config(student_config)
    teachers = [os.fspath(teacher) for teacher in teacher_models]
    how = distillation_config
    if not isinstance(how, Config):
        asked = ("training.objective=distillation", f"distillation.teachers={json.dumps(teachers)}")
        how = load_config(how, asked)
    values = student.model_dump(mode="json", exclude_unset=True)
    taught = how.model_dump(mode="json", include={"training", "optimization", "distillation"}, exclude_unset=True)
    values |= taught
    values["training"] = {**taught.get("training", {}), "objective": "distillation"}
    values["distillation"] = {**(taught.get("distillation") or {}), "teachers": teachers}
    values["data"] = {**values.get("data", {}), "seq_length": how.data.seq_length}
    values["model"] = {**values["model"], "name": f"{student.model.name}-distilled"}
    return train_model(config_from_values(values), **options)


def train_bpe_tokenizer(
    data_dir: PathLike | Sequence[PathLike],
    output_path: PathLike,
    vocab_size: int = 16000,
    min_frequency: int = 2,
    **settings: Any,
) -> Tokenizer:
    """Train a byte-level BPE tokenizer on the text in `data_dir` (a file, folder, glob, or a list of files) and save it.

    `settings` are further keys of the `tokenizer` section. Returns the tokenizer; raises DataError or TokenizerError.
    """
    from babyllama.tokenizer import save_tokenizer, train_tokenizer

    section = TokenizerSection(type="bpe", vocab_size=vocab_size, min_frequency=min_frequency, **settings)
    tokenizer = train_tokenizer(read_documents(_files(data_dir)), section)
    save_tokenizer(tokenizer, output_path)
    return tokenizer


def predict(
    prompt: str, model: PathLike | None = None, *, max_new_tokens: int = 100, seed: int | None = None, **options: Any
) -> None:
    """Print `prompt` and a continuation by `model` (a run, a folder or a Hub name; by default the newest run in ./models).

    Every call draws anew unless a `seed` is given. `options` are those of `babyllama.evaluation.generate`: temperature,
    top_k, top_p, min_p, repetition_penalty. DataError for an empty prompt.
    """
    from babyllama.evaluation.generation import generate

    if not prompt.strip():
        raise DataError('predict: the prompt is empty: give the text to continue, for example "Once upon a time".')
    path = newest_run(LoggingSection().output_dir).root if model is None else Path(model)
    stands = locate_model(os.fspath(model) if model is not None else path)
    config = Path(stands.source) / "config.json"
    loaded = _loaded(str(path), config.stat().st_mtime_ns if config.is_file() else 0)
    console.write(prompt)
    shown = {"max_new_tokens": max_new_tokens, "seed": seed, **options}
    generate(loaded, prompt, show=console.write, **shown)
    console.write("\n")


@functools.lru_cache(maxsize=1)
def _loaded(path: str, changed: int) -> LoadedModel:
    """The model that `predict` was asked for last; a run that was trained again is read again."""
    from babyllama.evaluation.models import load_model

    return load_model(path)


class ModelEvaluator(_ModelEvaluator):
    """Evaluates one model; subclass it and override a method for an evaluation of one's own."""

    def plot_metrics(self, metrics: dict[str, Any] | None = None, path: PathLike | None = None) -> Path:
        """Draw `metrics` (default: a fresh evaluation of perplexity and minimal pairs) on one sheet and return its path.

        `metrics` is what `evaluate` or any other method returns. Without `path` the sheet goes into the run's plots/
        folder, else into the current folder.
        """
        from babyllama.reporting.evaluation_plots import metrics_sheet
        from babyllama.reporting.figures import save_figure

        results = self.evaluate() if metrics is None else metrics
        folder = self.loaded.run.plots if self.loaded.run is not None else Path()
        target = Path(path) if path is not None else folder / "metrics.png"
        return save_figure(metrics_sheet(self.loaded.name, results.get("results", results)), target)


class DataProcessor:
    """Text files to packed blocks of tokens, with one tokenizer (an object or a path)."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast | Tokenizer | PathLike) -> None:
        self.tokenizer = _tokenizer(tokenizer)
        self._path = os.fspath(tokenizer) if isinstance(tokenizer, str | os.PathLike) else None

    def load_text_files(self, path: PathLike | Sequence[PathLike], errors: str = "strict") -> list[str]:
        """The documents of a file, a folder, a glob or a list of files."""
        return list(read_documents(_files(path), errors=errors))

    def clean_text(self, text: str, domain: str = "default") -> str:
        """`text` cleaned for `domain` (see `create_cleaner_registry`)."""
        return clean(text, domain)

    def tokenize_and_chunk(self, texts: Iterable[str], seq_length: int = 128) -> list[list[int]]:
        """`<s> document </s>` of all texts in one row, cut into blocks of `seq_length`; the last one may be shorter."""
        row: list[int] = []
        for text in texts:
            ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            row += [self.tokenizer.bos_token_id, *ids, self.tokenizer.eos_token_id]
        return [row[start : start + seq_length] for start in range(0, len(row), seq_length)]

    def prepare_dataset(self, path: PathLike | Sequence[PathLike], seq_length: int = 128, **keys: Any) -> PackedDataset:
        """The text in `path` (a file, folder, glob, or a list of them) as packed blocks on disk, built or reused.

        `keys` are further keys of the `data` section.
        """
        from babyllama.dataset import prepare_dataset

        files = _files(path)
        data = DataSection(train_path=", ".join(os.fspath(one) for one in _paths(path)), seq_length=seq_length, **keys)
        data = data.model_copy(update={"tokenizer_path": self._saved(data.packed_dir)})
        with console.quiet():
            return prepare_dataset(
                lambda: read_documents(files, errors=data.errors, column=data.column),
                files,
                data.tokenizer_path,
                data,
                split="train",
            )

    def _saved(self, packed_dir: str) -> str:
        """Where the tokenizer lies; one that lives only in memory is put beside the blocks that are made with it."""
        from babyllama.tokenizer import find_tokenizer, save_tokenizer, special_ids, tokenizer_fingerprint

        fingerprint = tokenizer_fingerprint(self.tokenizer)
        if self._path is not None and tokenizer_fingerprint(self._path) == fingerprint:
            return self._path
        name = fingerprint_value([fingerprint, special_ids(self.tokenizer)]).removeprefix("sha256:")[:12]
        saved = str(Path(packed_dir) / f"tokenizer-{name}.json")
        if find_tokenizer(saved) is None:
            save_tokenizer(self.tokenizer, saved)
        return saved


def _tokenizer(tokenizer: Any) -> PreTrainedTokenizerFast:
    """`tokenizer` (a path, a `tokenizers.Tokenizer` or a Hugging Face one) as a Hugging Face tokenizer."""
    from tokenizers import Tokenizer

    from babyllama.tokenizer import load_tokenizer, wrap_tokenizer

    if isinstance(tokenizer, str | os.PathLike):
        return load_tokenizer(os.fspath(tokenizer))
    return wrap_tokenizer(tokenizer) if isinstance(tokenizer, Tokenizer) else tokenizer


def _paths(path: PathLike | Sequence[PathLike]) -> Sequence[PathLike]:
    return [path] if isinstance(path, str | os.PathLike) else path


def _files(path: PathLike | Sequence[PathLike]) -> list[Path]:
    files = [file for one in _paths(path) for file in corpus_files(os.fspath(one), key="path")]
    if not files:
        raise DataError("path: the list names no files. Give at least one file, folder or glob.")
    return files
