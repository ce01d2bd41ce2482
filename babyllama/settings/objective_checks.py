"""Rules on what is learned and from where: objectives, teachers, prompts with responses, weights to start with."""

from __future__ import annotations

from collections.abc import Iterator

from babyllama.config.sections import Config
from babyllama.config.tables import OBJECTIVES
from babyllama.registry import suggestion
from babyllama.settings.rules import Finding, Rules

RULES = Rules()


@RULES.on("data.format", "data.packing", "training.objective")
def _whole_examples(config: Config) -> Iterator[Finding]:
    if config.data.format == "text":
        return
    if config.data.packing == "concat":
        yield "data.packing", "concat cuts examples apart from their prompts; use best_fit or separate"
    if config.training.objective != "causal":
        yield "training.objective", "must be causal for data.format: instructions, whose prompts are only read"


@RULES.on("data.format", "data.template")
def _template_of_instructions(config: Config) -> Iterator[Finding]:
    if config.data.format == "text" and config.data.template != "plain":
        yield "data.template", "is read with data.format: instructions; set it, or remove the key"


@RULES.on("model.init_from", "tokenizer", "model.resid_pdrop", "model.attn_pdrop", "model.embd_pdrop")
def _starting_weights(config: Config) -> Iterator[Finding]:
    if config.model.init_from is None:
        return
    if config.tokenizer is not None:
        yield "tokenizer", "model.init_from brings the tokenizer it was trained with; remove the section"
    for key in ("resid_pdrop", "attn_pdrop", "embd_pdrop"):
        if getattr(config.model, key) is not None:
            yield f"model.{key}", "is that of the model in model.init_from; remove the key"


@RULES.on("training.objective")
def _known_objective(config: Config) -> Iterator[Finding]:
    if config.training.objective not in OBJECTIVES:
        yield "training.objective", f"unknown objective; {suggestion(config.training.objective, OBJECTIVES)}"


@RULES.on("training.objective", "objective")
def _objective_section(config: Config) -> Iterator[Finding]:
    section, name = config.objective, config.training.objective
    if section is None:
        return
    if name == "causal":
        yield "objective", "is read by training.objective: hybrid or masked; name one of them, or remove the section"
    if name == "masked" and {"masked_share", "masked_share_end"} & section.model_fields_set:
        yield "objective.masked_share", "in training.objective: masked every row is; remove the key, or name hybrid"
    if section.longest_span < section.shortest_span:
        yield "objective.longest_span", f"is less than objective.shortest_span ({section.shortest_span})"
    if section.mask_token_share + section.random_token_share > 1 + 1e-9:
        yield (
            "objective.random_token_share",
            f"is more than objective.mask_token_share ({section.mask_token_share:g}) leaves of the hidden tokens",
        )


@RULES.on("training.objective", "distillation", "data.shuffle", "data.random_offset")
def _teacher_cache(config: Config) -> Iterator[Finding]:
    section = config.distillation
    if config.training.objective != "distillation" or section is None or not section.cache_teachers:
        return
    moved = "makes other blocks in every epoch, and what teachers say of a token depends on its block"
    if config.data.shuffle == "documents":
        yield (
            "distillation.cache_teachers",
            f"data.shuffle: documents {moved}; use data.shuffle: blocks, or live teachers",
        )
    if config.data.random_offset:
        yield "distillation.cache_teachers", f"data.random_offset {moved}; turn it off, or use live teachers"
    if section.divergence == "reverse":
        yield (
            "distillation.cache_teachers",
            "divergence: reverse needs the teachers' probability of every token, and a cache keeps some; use live teachers",
        )


@RULES.on("training.objective", "distillation")
def _teachers(config: Config) -> Iterator[Finding]:
    section, name = config.distillation, config.training.objective
    if section is not None and name in ("causal", "hybrid", "masked"):
        yield (
            "distillation",
            "is read by training.objective: distillation, which babyllama distill sets; or remove the section",
        )
    if name == "distillation" and (section is None or (not section.teachers and section.alpha < 1)):
        yield "distillation.teachers", "is required: a list of run folders, checkpoints or Hub names"
    if section is not None and section.self_distillation and len(section.teachers) != 1:
        yield "distillation.self_distillation", f"needs one teacher, a finished run; {len(section.teachers)} are given"
    if section is not None and section.weights is not None and len(section.weights) != len(section.teachers):
        yield "distillation.weights", f"must have a number for each of the {len(section.teachers)} teachers"
