"""The name tables: which families, cleaners, protocols, tasks, objectives and optimizers there are.

A configuration is checked against the names alone; what a name stands for is imported when it is used. Adding one is one
new file and one line here, or, in a module of one's own that `plugins:` names, one call of `register`.
"""

from __future__ import annotations

from typing import Any

from babyllama.errors import ConfigError, EvaluationError
from babyllama.registry import Registry

FAMILIES: Registry[Any] = Registry(
    "model type",
    {
        "Llama": "babyllama.architectures.llama:Llama",
        "GPT2": "babyllama.architectures.gpt2:GPT2",
        "GPTJ": "babyllama.architectures.gptj:GPTJ",
        "GPTNeoX": "babyllama.architectures.gpt_neox:GPTNeoX",
        "Qwen3": "babyllama.architectures.qwen3:Qwen3",
        "hf": "babyllama.architectures.huggingface:HuggingFace",
    },
    error=ConfigError,
)
"""`model.type` -> a class of `babyllama.architectures.Family`; its file loads no model library before it builds."""

CLEANERS: Registry[Any] = Registry(
    "domain",
    {
        "default": "babyllama.corpus.cleaning.common:DEFAULT",
        "none": "babyllama.corpus.cleaning.common:NONE",
        "wikipedia": "babyllama.corpus.cleaning.wikipedia:WIKIPEDIA",
        "simple_wikipedia": "babyllama.corpus.cleaning.wikipedia:WIKIPEDIA",
        "simple_wiki": "babyllama.corpus.cleaning.wikipedia:WIKIPEDIA",
        "gutenberg": "babyllama.corpus.cleaning.books:GUTENBERG",
        "children_stories": "babyllama.corpus.cleaning.books:CHILDREN_STORIES",
        "cbt": "babyllama.corpus.cleaning.books:CBT",
        "subtitles": "babyllama.corpus.cleaning.subtitles:SUBTITLES",
        "open_subtitles": "babyllama.corpus.cleaning.subtitles:SUBTITLES",
        "qed": "babyllama.corpus.cleaning.subtitles:QED",
        "dialogue": "babyllama.corpus.cleaning.transcripts:DIALOGUE",
        "bnc_spoken": "babyllama.corpus.cleaning.transcripts:BNC_SPOKEN",
        "switchboard": "babyllama.corpus.cleaning.transcripts:SWITCHBOARD",
        "childes": "babyllama.corpus.cleaning.transcripts:CHILDES",
        "aochildes": "babyllama.corpus.cleaning.transcripts:AOCHILDES",
    },
    error=ConfigError,
)
"""`domain` of a source -> its cleaner, a function of a text. Names are those of the BabyLM files of both generations and a
few general ones."""

PREDICATES: Registry[Any] = Registry(
    "predicate of sentences",
    {
        "passive": "babyllama.corpus.mixing.predicates:PASSIVE",
        "reflexive": "babyllama.corpus.mixing.predicates:REFLEXIVE",
        "existential_there": "babyllama.corpus.mixing.predicates:EXISTENTIAL_THERE",
        "plural_demonstrative": "babyllama.corpus.mixing.predicates:PLURAL_DEMONSTRATIVE",
    },
    error=ConfigError,
)
"""`mixing.filter[...].drop_if` and `keep_if` -> a function of a sentence that gives true or false, or a compiled pattern
that is searched for."""

PROTOCOLS: Registry[Any] = Registry(
    "protocol",
    {
        "lm-eval": "babyllama.evaluation.protocols:LM_EVAL",
        "babylm-2024": "babyllama.evaluation.protocols:BABYLM_2024",
        "babylm-2025": "babyllama.evaluation.protocols:BABYLM_2025",
        "babylm-2026": "babyllama.evaluation.protocols:BABYLM_2026",
        "minicons": "babyllama.evaluation.protocols:MINICONS",
    },
    error=EvaluationError,
)
"""`evaluation.protocol` -> a `babyllama.evaluation.protocols.Protocol`."""

TASKS: Registry[Any] = Registry(
    "task",
    {
        "perplexity": "babyllama.evaluation.tasks.perplexity:PerplexityTask",
        "blimp": "babyllama.evaluation.tasks.minimal_pairs:MinimalPairsTask",
        "generation": "babyllama.evaluation.tasks.generation:GenerationTask",
        "surprisal": "babyllama.evaluation.tasks.surprisal:SurprisalTask",
        "stories": "babyllama.evaluation.tasks.stories:StoryTask",
        "aoa": "babyllama.evaluation.tasks.aoa:AoaTask",
        "glue": "babyllama.finetuning.glue:GlueTask",
        "blimp_filtered": "babyllama.evaluation.tasks.supplement:BlimpFilteredTask",
        "supplement": "babyllama.evaluation.tasks.supplement:SupplementTask",
        "ewok": "babyllama.evaluation.tasks.ewok:EwokTask",
        "entity_tracking": "babyllama.evaluation.tasks.entity_tracking:EntityTrackingTask",
        "comps": "babyllama.evaluation.tasks.comps:CompsTask",
        "wug_adj": "babyllama.evaluation.tasks.wug:WugAdjectiveTask",
        "wug_past": "babyllama.evaluation.tasks.wug:WugPastTask",
        "global_piqa": "babyllama.evaluation.tasks.global_piqa:GlobalPiqaTask",
        "reading": "babyllama.evaluation.tasks.reading:ReadingTask",
        "syntaxgym": "babyllama.evaluation.tasks.syntaxgym:SyntaxGymTask",
    },
    error=EvaluationError,
)
"""A name in `evaluation.tasks` -> a `babyllama.evaluation.tasks.Task`."""

SUITES: Registry[Any] = Registry(
    "suite",
    {
        "babylm-2025": "babyllama.evaluation.suites.babylm:BABYLM_2025",
        "babylm-2026": "babyllama.evaluation.suites.babylm:BABYLM_2026",
    },
    error=EvaluationError,
)
"""A name in `evaluate --suite` -> a `babyllama.evaluation.suites.suite.Suite`: tasks, and how a board averages them."""

OBJECTIVES: Registry[Any] = Registry(
    "objective",
    {
        "causal": "babyllama.training.objectives.causal:Causal",
        "hybrid": "babyllama.training.objectives.hybrid:Hybrid",
        "masked": "babyllama.training.objectives.hybrid:Masked",
        "distillation": "babyllama.training.objectives.distillation:Distillation",
    },
    error=ConfigError,
)
"""`training.objective` -> a `babyllama.training.objectives.Objective`."""

OPTIMIZERS: Registry[Any] = Registry(
    "optimizer",
    {"adamw": "babyllama.training.optim.adamw:build_adamw", "muon": "babyllama.training.optim.muon:build_muon"},
    error=ConfigError,
)
"""`optimization.optimizer` -> a function of (model, configuration) that builds one."""
