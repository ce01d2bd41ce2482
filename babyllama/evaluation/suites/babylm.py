"""The suites of the BabyLM challenge: columns of the boards of 2025 and 2026."""

from __future__ import annotations

from babyllama.evaluation.suites.suite import Column, Suite

_BLIMP = Column("blimp", "BLiMP", "blimp_filtered", "NLP", random=54.3)
_SUPPLEMENT = Column("blimp_supplement", "Supplement", "supplement", "NLP")
_EWOK = Column("ewok", "EWoK", "ewok", "NLP")
_ENTITY = Column("entity_tracking", "Entity", "entity_tracking", "NLP")
_COMPS = Column("comps", "COMPS", "comps", "NLP", fast=False)
_GLUE = Column("glue", "GLUE", "glue", "NLP", fast=False)
_PIQA = Column("global_piqa", "Global PIQA", "global_piqa", "NLP")
_WUG_ADJ = Column("wug_adj", "WUG adj.", "wug_adj", "Human-like")
_WUG_PAST = Column("wug_past", "WUG past", "wug_past", "Human-like")
_READING = Column("reading", "Reading", "reading", "Human-like")
_AOA = Column("aoa", "AoA", "aoa", "Human-like", fast=False)

BABYLM_2025 = Suite(
    "babylm-2025",
    "BabyLM 2025",
    (_BLIMP, _SUPPLEMENT, _EWOK, _ENTITY, _COMPS, _GLUE, _WUG_ADJ, _WUG_PAST, _READING, _AOA),
    {"year": 2025},
    "the board of 2025 published no average over these columns; this one is the plain mean, AoA's r times 100",
)
BABYLM_2026 = Suite(
    "babylm-2026",
    "BabyLM 2026",
    (_BLIMP, _SUPPLEMENT, _EWOK, _ENTITY, _COMPS, _GLUE, _PIQA, _READING, _AOA),
    {"year": 2026},
    "as the board of 2026 has them: Overall is the mean of nine columns, NLP of the first seven, a missing column counts 0",
)
