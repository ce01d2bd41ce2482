"""Every key of a configuration, typed; the docstring below a key feeds `--help`, the JSON schema and the docs.

Sections are frozen: a configuration is data, and what a run creates from it is passed along as arguments.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt


def _none_from_text(value: Any) -> Any:
    """Old YAML files spell an absent value as None, which YAML reads as the string "None"."""
    return None if isinstance(value, str) and value in ("None", "null", "none", "") else value


Fraction = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Optional_ = BeforeValidator(_none_from_text)


class Section(BaseModel):
    """A frozen group of keys; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, coerce_numbers_to_str=True)


class DataSection(Section):
    """Which text is read and how it becomes blocks of tokens."""

    tokenizer_path: str = "./models/gpt-clean-16000.json"
    """Tokenizer: a tokenizer.json, a folder with one, or a Hub name. Trained there first if the `tokenizer` section
    is present and nothing is there yet."""
    train_path: str = "./data/babylm_10M_clean"
    """Training text: a file, a folder of text files, or a glob. With a `mixing` section: where the mix is written."""
    eval_path: Annotated[str | None, Optional_] = "./data/babylm_dev_clean"
    """Held-out text in the same forms; null trains without evaluation."""
    seq_length: PositiveInt = 128
    """Tokens per block, which is also the longest context the model is trained on."""
    eval_samples: Annotated[PositiveInt | None, Optional_] = None
    """How many held-out blocks to evaluate on during training, drawn with `training.seed`; null takes all."""
    errors: Literal["strict", "replace"] = "strict"
    """Broken UTF-8 in a text file: `strict` stops and names the position, `replace` puts U+FFFD there."""
    packing: Literal["concat", "best_fit"] = "concat"
    """`concat` cuts one long row of documents into blocks; `best_fit` places whole documents to cut fewer of them."""
    random_offset: bool = False
    """Shift the block starts by a new random offset each epoch, so that repeated epochs see other cuts (`concat` only)."""
    document_attention: bool = True
    """Keep attention inside a document: no token sees the document before it in the same block."""
    packed_dir: str = "./data/packed"
    """Where packed blocks are kept between runs."""


class TokenizerSection(Section):
    """The tokenizer that is trained when `data.tokenizer_path` holds none yet."""

    type: Literal["bpe", "unigram", "wordpiece"] = "bpe"
    """Algorithm; `bpe` is byte-level and lossless."""
    vocab_size: Annotated[int, Field(ge=259, le=65536)] = 16000
    """Entries in the vocabulary, the three marks included; 259 is the 256 bytes and the marks."""
    min_frequency: PositiveInt = 2
    """A merge must occur this often to enter the vocabulary."""
    nfkc: bool = False
    """Normalise text to NFKC first. Decoding then gives the normalised text, not the original."""
    add_prefix_space: bool = False
    """Put a space before the first word of a text, so that it gets the token it has in mid-sentence."""
    add_bos: bool = False
    """Let `tokenizer(text)` put `<s>` in front, for evaluations that expect it."""


class SourceSection(Section):
    """One source of a mix."""

    path: Annotated[str | None, Optional_] = None
    """File, folder or glob, relative to `mixing.root`: text, .jsonl or .parquet, also as .gz .zst .xz .bz2."""
    hub: Annotated[str | None, Optional_] = None
    """Hub data set by name instead of a path; it is streamed."""
    config_name: Annotated[str | None, Optional_] = None
    """Configuration (subset) of the Hub data set."""
    split: str = "train"
    """Split of the Hub data set."""
    column: str = "text"
    """Column or JSON key that holds the text (Hub, .jsonl, .parquet)."""
    name: Annotated[str | None, Optional_] = None
    """Name in tables and manifests; by default the file stem or the Hub name."""
    domain: Annotated[str | None, Optional_] = None
    """Which cleaner and document splitter apply; by default guessed from the file stem."""
    weight: PositiveFloat = 1.0
    """Share relative to the other sources."""


class MixingSection(Section):
    """Round-robin mixing of sources into one training text."""

    root: str = "./data/babylm"
    """Folder that relative source paths start from."""
    sources: Annotated[list[SourceSection], Field(min_length=1)]
    """What is mixed, in round-robin order."""
    budget: Annotated[str | None, Optional_] = None
    """Size of the mix: `2MB`, `10MB`, `10M words`, `5M tokens`; null takes all text that equal shares allow."""
    unit: Literal["bytes", "words", "tokens"] = "bytes"
    """What the shares are equal in; tokens are counted by `data.tokenizer_path`."""
    max_unit: str = "4kB"
    """Longer documents are cut at line ends into consecutive pieces of about this size."""
    exact: bool = False
    """Cut the last unit of each source at a sentence end, else at a word, so that shares come out exactly."""
    on_short: Literal["error", "redistribute", "repeat", "stop"] = "error"
    """A source that runs short: stop with the numbers, give its share to the others, repeat it, or end the mix there."""
    clean: bool = True
    """Apply each domain's cleaner."""
    keep_speakers: bool = False
    """Keep speaker labels and stage directions of transcripts."""
    deduplicate: Literal["none", "exact", "near"] = "none"
    """Drop documents that occurred before: the same text, or nearly the same (MinHash)."""
    dev_budget: Annotated[str | None, Optional_] = None
    """Size of the held-out text; null makes none here (`data.eval_path` then names other text)."""
    dev_sources: Annotated[list[SourceSection] | None, Optional_] = None
    """Sources of the held-out text; null splits it off the training sources by unit."""
    seed: int = 42
    """Orders the documents inside each source; the same seed gives the same mix to the byte."""
    shuffle: bool = False
    """Draw documents in a seeded random order instead of file order."""
    errors: Literal["strict", "replace"] = "strict"
    """Broken UTF-8 in a source: `strict` stops and names the position, `replace` puts U+FFFD there."""


class ModelSection(Section):
    """The architecture. Keys that a family does not know are an error for that family."""

    type: str
    """Family: Llama, GPT2, GPTJ (see `babyllama config families`)."""
    name: str = "BabyLlama"
    """Name of the run folder below `logging.output_dir`."""
    hidden_size: PositiveInt
    """Width D of the residual stream."""
    intermediate_size: Annotated[PositiveInt | None, Optional_] = None
    """Width of the feed-forward layer; null is the family's default (GPT-2, GPT-J: 4 D; Llama: 8/3 D rounded up to 64)."""
    n_layer: PositiveInt
    """Number of blocks."""
    n_head: PositiveInt
    """Number of attention heads; must divide `hidden_size`."""
    n_kv_head: Annotated[PositiveInt | None, Optional_] = None
    """Number of key/value heads (grouped-query attention, Llama only); null is `n_head`."""
    tie_word_embeddings: bool = False
    """Use the input embedding as output layer."""
    resid_pdrop: Annotated[Probability | None, Optional_] = None
    """Dropout after each attention and feed-forward layer (GPT-2, GPT-J)."""
    attn_pdrop: Annotated[Probability | None, Optional_] = None
    """Dropout on attention weights."""
    embd_pdrop: Annotated[Probability | None, Optional_] = None
    """Dropout on embeddings (GPT-2, GPT-J)."""
    initializer_range: PositiveFloat = 0.02
    """Standard deviation of the initial weights."""
    max_position_embeddings: Annotated[PositiveInt | None, Optional_] = None
    """Longest context the model accepts; null is `data.seq_length`."""
    vocab_size: Annotated[PositiveInt | None, Optional_] = None
    """Rows of the embedding; null is the tokenizer's size. It may be larger (padding), never smaller."""


class TrainingSection(Section):
    """How the model is trained."""

    lr: PositiveFloat = 3e-4
    """Peak learning rate (with Muon: of embeddings, output layer and norms)."""
    batch_size: PositiveInt | Literal["auto"] = 32
    """Sequences per device in one forward pass (the micro-batch); `auto`, with `effective_batch_size`, takes the largest
    that fits."""
    effective_batch_size: Annotated[PositiveInt | None, Optional_] = None
    """Sequences per optimizer step over all devices; when given, the accumulation steps follow from it."""
    num_epochs: PositiveFloat = 1
    """Passes over the training text."""
    max_steps: Annotated[PositiveInt | None, Optional_] = None
    """Stop after this many optimizer steps instead of `num_epochs`."""
    gradient_accumulation_steps: PositiveInt = 1
    """Micro-batches per optimizer step; the loss averages over all their target tokens."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Optimizer steps over which the learning rate rises from zero."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Number format of the matrix products; `auto` takes bf16 where the hardware computes it, fp16 on older CUDA, else fp32."""
    fp16: bool = False
    """Old spelling of `precision: fp16`."""
    bf16: bool = False
    """Old spelling of `precision: bf16`."""
    torch_compile: bool | Literal["auto"] = False
    """Compile the model; `auto` does it when the run is long enough to pay the compile time back."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    dataloader_num_workers: Annotated[int, Field(ge=0)] = 0
    """Processes that read blocks ahead; memory-mapped blocks rarely need any."""
    save_steps: Annotated[PositiveInt | None, Optional_] = None
    """Optimizer steps between checkpoints; null saves at each epoch's end."""
    save_total_limit: Annotated[PositiveInt | None, Optional_] = 2
    """How many Trainer checkpoints are kept; null keeps all."""
    eval_steps: Annotated[PositiveInt | None, Optional_] = None
    """Optimizer steps between evaluations; null evaluates at each epoch's end."""
    logging_steps: PositiveInt = 10
    """Optimizer steps between rows of losses.csv."""
    seed: int = 42
    """Seeds weights, data order, dropout and the held-out sample."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    threads: Annotated[PositiveInt | None, Optional_] = None
    """CPU threads; null takes the cores this process may use."""
    word_checkpoints: bool = False
    """Save ready-to-upload models by words seen on the BabyLM schedule: every 1M to 10M, 10M to 100M, 100M to 1000M."""
    keep_best: bool = False
    """Use the checkpoint with the lowest held-out loss as the final model."""
    blimp_every_words: Annotated[PositiveInt | None, Optional_] = None
    """Score a small fixed set of minimal pairs each time this many words have been seen."""


class OptimizationSection(Section):
    """The optimizer, its schedule and regularisation."""

    optimizer: Literal["adamw", "muon"] = "adamw"
    """`muon` uses Muon for the 2-D hidden matrices and AdamW for embeddings, output layer and norms."""
    muon_lr: PositiveFloat = 0.02
    """Peak learning rate of the matrices under Muon."""
    muon_momentum: Probability = 0.95
    """Momentum of Muon."""
    schedule: Literal["cosine", "linear", "constant", "wsd"] = "cosine"
    """Learning rate after warm-up; `wsd` stays constant and cools down linearly over the last part."""
    cooldown_fraction: Fraction = 0.2
    """Part of the run over which `wsd` cools down."""
    min_lr_ratio: Fraction = 0.0
    """Lowest learning rate as a part of the peak."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """Decoupled weight decay on matrices; never on norms and biases."""
    adam_beta1: Probability = 0.9
    """AdamW: decay of the mean of gradients."""
    adam_beta2: Probability = 0.999
    """AdamW: decay of the mean of squared gradients."""
    adam_epsilon: PositiveFloat = 1e-8
    """AdamW: added to the denominator."""
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0
    """Gradients longer than this are scaled down; 0 turns clipping off."""
    label_smoothing: Probability = 0.0
    """Part of the target probability spread over the vocabulary."""
    z_loss: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the squared log-normaliser (Chowdhery et al. 2022, PaLM uses 1e-4)."""
    ema_decay: Annotated[Probability | None, Optional_] = None
    """Keep an exponential moving average of the weights with this decay and ship it as the final model."""


class LoggingSection(Section):
    """Where results go and who is told."""

    output_dir: str = "./models/"
    """Folder of run folders."""
    wandb: bool = False
    """Report to Weights & Biases; without a login it records offline."""
    project: str = "babyllama"
    """Project name for trackers."""
    report_to: list[Literal["wandb", "trackio", "tensorboard"]] = []
    """Further trackers; losses.csv is always written."""


class EvaluationSection(Section):
    """What `train` evaluates when training has ended."""

    tasks: list[Literal["perplexity", "blimp", "generation"]] = []
    """Evaluations run at the end of training; empty leaves them to `evaluate`."""
    blimp_data: Annotated[str | None, Optional_] = None
    """Folder of minimal-pair files; null is data/blimp, else data/blimp_synthetic."""
    protocol: Literal["lm-eval", "babylm-2024", "babylm-2025", "babylm-2026", "minicons"] = "lm-eval"
    """Whose way of scoring minimal pairs (see docs/evaluation.md)."""
    pairs_per_paradigm: Annotated[PositiveInt | None, Optional_] = None
    """Score a seeded subset; null scores all pairs."""


class Config(Section):
    """One run: text, tokenizer, model, training, evaluation."""

    data: DataSection = DataSection()
    """Which text is read and how it becomes blocks of tokens."""
    model: ModelSection
    """The architecture."""
    training: TrainingSection = TrainingSection()
    """How the model is trained."""
    optimization: OptimizationSection = OptimizationSection()
    """The optimizer, its schedule and regularisation."""
    logging: LoggingSection = LoggingSection()
    """Where results go and who is told."""
    tokenizer: Annotated[TokenizerSection | None, Optional_] = None
    """Present: train the tokenizer at `data.tokenizer_path` when none is there."""
    mixing: Annotated[MixingSection | None, Optional_] = None
    """Present: mix sources into `data.train_path` before training."""
    evaluation: EvaluationSection = EvaluationSection()
    """What is evaluated at the end of training."""
