"""Rules between keys: what no single key can say about itself."""

from __future__ import annotations

from collections.abc import Iterator

from babyllama.config.sections import Config
from babyllama.config.tables import CLEANERS, FAMILIES
from babyllama.registry import suggestion

Finding = tuple[str, str]
"""(dotted key, broken rule)"""

FAMILY_KEYS = ("n_kv_head", "resid_pdrop", "attn_pdrop", "embd_pdrop")
"""Keys of the `model` section that only some families have."""


def cross_checks(config: Config) -> Iterator[Finding]:
    """Every contradiction between the keys of `config`."""
    yield from _model(config)
    yield from _batches(config)
    yield from _precision(config)
    yield from _data(config)


def _model(config: Config) -> Iterator[Finding]:
    model = config.model
    if model.type not in FAMILIES:
        yield "model.type", f"unknown model type; {suggestion(model.type, FAMILIES)}"
        return
    family = FAMILIES.get(model.type)()
    for key in FAMILY_KEYS:
        value = getattr(model, key)
        # A dropout of zero says what a family without that dropout does anyway.
        if value not in (None, 0.0) and key not in family.optional_keys:
            have = [name for name, other in FAMILIES.items() if key in other.optional_keys]
            yield f"model.{key}", f"{model.type} has no such setting ({', '.join(have)} has); remove the key"
    if model.hidden_size % model.n_head:
        yield (
            "model.hidden_size",
            f"must be a multiple of model.n_head ({model.hidden_size} / {model.n_head} is not whole); "
            f"try {model.hidden_size - model.hidden_size % model.n_head or model.n_head}",
        )
    else:
        for key, rule in family.problems(model):
            yield f"model.{key}", rule
    longest = model.max_position_embeddings
    if longest is not None and longest < config.data.seq_length:
        yield "model.max_position_embeddings", f"must be at least data.seq_length ({config.data.seq_length})"
    if not model.name.strip() or any(part in ("", ".", "..") for part in model.name.split("/")):
        yield "model.name", "must be a folder name"


def _batches(config: Config) -> Iterator[Finding]:
    training = config.training
    effective, micro = training.effective_batch_size, training.batch_size
    if micro == "auto":
        if effective is None:
            yield "training.batch_size", "auto needs training.effective_batch_size, which it then divides"
        return
    if effective is None:
        return
    if effective % micro:
        yield (
            "training.effective_batch_size",
            f"must be a multiple of training.batch_size ({effective} / {micro} is not whole); "
            f"try {max(1, effective // micro) * micro} or a batch_size that divides it",
        )
    if "gradient_accumulation_steps" in training.model_fields_set:
        product = micro * training.gradient_accumulation_steps
        if effective % product:
            yield (
                "training.gradient_accumulation_steps",
                f"training.effective_batch_size ({effective}) already sets the accumulation; "
                f"{micro} x {training.gradient_accumulation_steps} = {product} does not divide it: remove one of the two",
            )


def _precision(config: Config) -> Iterator[Finding]:
    training = config.training
    asked = {name for name in ("fp16", "bf16") if getattr(training, name)}
    if len(asked) == 2:
        yield "training.bf16", "fp16 and bf16 are both true; keep one, or write precision: auto"
    elif asked and training.precision not in ("auto", *asked):
        yield "training.precision", f"contradicts {asked.pop()}: true; keep one of the two"


def _data(config: Config) -> Iterator[Finding]:
    if config.data.random_offset and config.data.packing != "concat":
        yield "data.random_offset", "shifts the cuts of packing: concat; best_fit has none to shift"
    if config.data.seq_length < 2:
        yield "data.seq_length", "must be at least 2: each token is predicted from the ones before it"
    if "perplexity" in config.evaluation.tasks and config.data.eval_path is None:
        yield "evaluation.tasks", "perplexity needs data.eval_path, the text it is measured on"
    mixing = config.mixing
    if mixing is None:
        return
    for group, sources in (("sources", mixing.sources), ("dev_sources", mixing.dev_sources or [])):
        for index, source in enumerate(sources):
            if (source.path is None) == (source.hub is None):
                yield f"mixing.{group}[{index}]", "give either path or hub"
            if source.domain is not None and source.domain not in CLEANERS:
                yield f"mixing.{group}[{index}].domain", f"unknown domain; {suggestion(source.domain, CLEANERS)}"
    if mixing.dev_sources and not mixing.dev_budget:
        yield "mixing.dev_sources", "needs mixing.dev_budget, the size of the held-out text"
