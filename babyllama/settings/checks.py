"""Rules between keys: what no single key can say about itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from babyllama.config.amounts import parse_amount
from babyllama.config.sections import Config
from babyllama.config.tables import CLEANERS, FAMILIES, OPTIMIZERS, PREDICATES, PROTOCOLS, TASKS
from babyllama.registry import suggestion
from babyllama.settings import objective_checks
from babyllama.settings.rules import Finding, Rules

FAMILY_KEYS = ("n_kv_head", "resid_pdrop", "attn_pdrop", "embd_pdrop", "architecture", "hf")
"""Keys of the `model` section that only some families have."""
RULES = Rules()


def cross_checks(config: Config, broken: Collection[str] = ()) -> Iterator[Finding]:
    """Every contradiction between the keys of `config`, but for rules on keys that are `broken` by themselves."""
    for rules in (RULES, objective_checks.RULES):
        yield from rules.broken(config, broken)


@RULES.on("model.type")
def _known_family(config: Config) -> Iterator[Finding]:
    if config.model.type not in FAMILIES:
        yield "model.type", f"unknown model type; {suggestion(config.model.type, FAMILIES)}"


@RULES.on("model.type", *(f"model.{key}" for key in FAMILY_KEYS))
def _keys_of_the_family(config: Config) -> Iterator[Finding]:
    model = config.model
    if model.type not in FAMILIES:
        return
    for key in FAMILY_KEYS:
        # A dropout of zero says what a family without that dropout does anyway.
        if getattr(model, key) and key not in FAMILIES.get(model.type).optional_keys:
            have = [name for name, other in FAMILIES.items() if key in other.optional_keys]
            yield f"model.{key}", f"{model.type} has no such setting ({', '.join(have)} has); remove the key"


@RULES.on("model.type", "model.hidden_size")
def _rules_of_the_family(config: Config) -> Iterator[Finding]:
    model = config.model
    if model.type in FAMILIES:
        for key, rule in FAMILIES.get(model.type)().problems(model):
            yield f"model.{key}", rule


@RULES.on("model.max_position_embeddings", "data.seq_length")
def _context_holds_a_block(config: Config) -> Iterator[Finding]:
    longest = config.model.max_position_embeddings
    if longest is not None and longest < config.data.seq_length:
        yield "model.max_position_embeddings", f"must be at least data.seq_length ({config.data.seq_length})"


@RULES.on("publish.license", "publish.license_name", "publish.license_link")
def _other_licence_is_named(config: Config) -> Iterator[Finding]:
    publish = config.publish
    named = publish.license_name, publish.license_link
    if publish.license == "other" and None in named:
        yield "publish.license", "other needs license_name and license_link, so that readers know which"
    elif publish.license != "other" and any(named):
        yield "publish.license", "must be other where license_name or license_link is given"


@RULES.on("training.batch_size", "training.effective_batch_size")
def _effective_batch(config: Config) -> Iterator[Finding]:
    effective, micro = config.training.effective_batch_size, config.training.batch_size
    if micro == "auto":
        if effective is None:
            yield "training.batch_size", "auto needs training.effective_batch_size, which it then divides"
    elif effective is not None and effective % micro:
        yield (
            "training.effective_batch_size",
            f"must be a multiple of training.batch_size ({effective} / {micro} is not whole); "
            f"try {max(1, effective // micro) * micro} or a batch_size that divides it",
        )


@RULES.on("training.batch_size", "training.effective_batch_size", "training.gradient_accumulation_steps")
def _accumulation(config: Config) -> Iterator[Finding]:
    training = config.training
    effective, micro = training.effective_batch_size, training.batch_size
    if micro == "auto" or effective is None or "gradient_accumulation_steps" not in training.model_fields_set:
        return
    product = micro * training.gradient_accumulation_steps
    if effective % product:
        yield (
            "training.gradient_accumulation_steps",
            f"training.effective_batch_size ({effective}) already sets the accumulation; "
            f"{micro} x {training.gradient_accumulation_steps} = {product} does not divide it: remove one of the two",
        )


@RULES.on("training.fp16", "training.bf16", "training.precision")
def _one_precision(config: Config) -> Iterator[Finding]:
    training = config.training
    asked = {name for name in ("fp16", "bf16") if getattr(training, name)}
    if len(asked) == 2:
        yield "training.bf16", "fp16 and bf16 are both true; keep one, or write precision: auto"
    elif asked and training.precision not in ("auto", *asked):
        yield "training.precision", f"contradicts {asked.pop()}: true; keep one of the two"


@RULES.on("data.random_offset", "data.shuffle", "data.packing")
def _cut_anew(config: Config) -> Iterator[Finding]:
    data = config.data
    if data.random_offset and data.packing != "concat":
        yield "data.random_offset", f"shifts the cuts of packing: concat; {data.packing} has none to shift"
    if data.shuffle == "documents" and data.packing != "concat":
        yield "data.shuffle", f"documents change places with packing: concat; {data.packing} places them itself"


@RULES.on("data.seq_length")
def _something_to_predict(config: Config) -> Iterator[Finding]:
    if config.data.seq_length < 2:
        yield "data.seq_length", "must be at least 2: each token is predicted from the ones before it"


@RULES.on("data.eval_path", "evaluation.tasks", "evaluation.curve_tasks", "training.keep_best")
def _held_out_text(config: Config) -> Iterator[Finding]:
    if config.data.eval_path is not None:
        return
    for key in ("tasks", "curve_tasks"):
        if {"perplexity", "surprisal"} & set(getattr(config.evaluation, key)):
            yield f"evaluation.{key}", "perplexity and surprisal need data.eval_path, the text it is measured on"
    if config.training.keep_best:
        yield "training.keep_best", "needs held-out text to tell which model is best: set data.eval_path"


@RULES.on("evaluation.tasks", "evaluation.curve_tasks", "evaluation.protocol")
def _known_tasks_and_protocol(config: Config) -> Iterator[Finding]:
    for key in ("tasks", "curve_tasks"):
        for task in getattr(config.evaluation, key):
            if task not in TASKS:
                yield f"evaluation.{key}", f"unknown task {task!r}; {suggestion(task, TASKS)}"
    if config.evaluation.protocol not in PROTOCOLS:
        yield "evaluation.protocol", f"unknown protocol; {suggestion(config.evaluation.protocol, PROTOCOLS)}"


@RULES.on("optimization.optimizer")
def _known_optimizer(config: Config) -> Iterator[Finding]:
    if config.optimization.optimizer not in OPTIMIZERS:
        yield "optimization.optimizer", f"unknown optimizer; {suggestion(config.optimization.optimizer, OPTIMIZERS)}"


@RULES.on("mixing.sources", "mixing.dev_sources")
def _sources(config: Config) -> Iterator[Finding]:
    if config.mixing is None:
        return
    for group, sources in (("sources", config.mixing.sources), ("dev_sources", config.mixing.dev_sources or [])):
        for index, source in enumerate(sources):
            if (source.path is None) == (source.hub is None):
                yield f"mixing.{group}[{index}]", "give either path or hub"
            if source.domain is not None and source.domain not in CLEANERS:
                yield f"mixing.{group}[{index}].domain", f"unknown domain; {suggestion(source.domain, CLEANERS)}"


@RULES.on("mixing.dev_sources", "mixing.dev_budget")
def _held_out_budget(config: Config) -> Iterator[Finding]:
    if config.mixing is not None and config.mixing.dev_sources and not config.mixing.dev_budget:
        yield "mixing.dev_sources", "needs mixing.dev_budget, the size of the held-out text"


@RULES.on("mixing.filter", "mixing.replace", "mixing.dev_sources")
def _edits(config: Config) -> Iterator[Finding]:
    mixing = config.mixing
    if mixing is None:
        return
    ways = ("drop", "keep", "drop_if", "keep_if")
    for index, one in enumerate(mixing.filter):
        if sum(getattr(one, way) is not None for way in ways) != 1:
            yield f"mixing.filter[{index}]", f"give exactly one of {', '.join(ways)}"
        for way in ("drop_if", "keep_if"):
            name = getattr(one, way)
            if name is not None and name not in PREDICATES:
                yield f"mixing.filter[{index}].{way}", f"unknown predicate; {suggestion(name, PREDICATES)}"
    for index, replacement in enumerate(mixing.replace):
        try:
            re.compile(replacement.pattern).sub(replacement.by, "")
        except (re.error, IndexError) as error:
            yield f"mixing.replace[{index}].by", f"does not fit the pattern: {error}"
    if (mixing.filter or mixing.replace) and mixing.dev_budget and not mixing.dev_sources and not mixing.edit_dev:
        yield (
            "mixing.edit_dev",
            "must be true where the held-out text is split off the training sources, which are edited as one; "
            "or name mixing.dev_sources",
        )


@RULES.on("mixing.budget", "mixing.dev_budget", "mixing.unit", "mixing.exact", "mixing.on_short")
def _budgets(config: Config) -> Iterator[Finding]:
    mixing = config.mixing
    if mixing is None:
        return
    given: dict[str, str] = {"mixing.unit": mixing.unit} if mixing.unit != "bytes" else {}
    for key in ("budget", "dev_budget"):
        text = getattr(mixing, key)
        unit = parse_amount(text).unit if text is not None else None
        if unit is not None:
            given[f"mixing.{key}"] = unit
    if len(set(given.values())) > 1:
        named = ", ".join(f"{key}: {unit}" for key, unit in given.items())
        yield list(given)[-1], f"budgets and shares in different units ({named}); give them in one unit"
    elif mixing.exact and "tokens" in given.values():
        yield "mixing.exact", "works for bytes and words; tokens cannot be cut to the exact number"
    if mixing.on_short == "repeat" and mixing.budget is None:
        yield "mixing.on_short", "repeat needs mixing.budget: without one the sources would never end"
