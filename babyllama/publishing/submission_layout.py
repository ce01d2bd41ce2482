"""Where the predictions of a BabyLM suite lie in a submission, and what the collated file calls them.

The tree and the keys are those of `collate_preds.py` in babylm/evaluation-pipeline-2025 and, of 2026, in babylm-org/babylm-eval
(July 2026). Of age of acquisition 2025 collates the surprisals, 2026 the score and the surprisals.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

STRICT_SMALL = (*(f"chck_{n}M" for n in range(1, 10)), *(f"chck_{n}M" for n in range(10, 101, 10)))
STRICT = (*STRICT_SMALL[:-1], *(f"chck_{n}M" for n in range(100, 1001, 100)))
TRACKS = {"strict-small": STRICT_SMALL, "strict": STRICT}
"""Track -> names of the checkpoints it asks for: 19 and 28, the last one is the end of the budget of words."""
FINAL = "main"
AOA_SURPRISALS, AOA_SCORE = "AoA_word/surprisal.json", "AoA_word/aoa_score.json"


@dataclass(frozen=True)
class Part:
    """One file of predictions."""

    column: str
    """The suite's column that it belongs to."""
    key: str
    """Its name in the collated file, and in the results of the checkpoints."""
    full: str
    """Its folder below `zero_shot/<backend>/` of the final model."""
    fast: str | None = None
    """The same of a checkpoint; None where checkpoints have none."""

    def file(self, revision: str) -> str:
        """Its path below `zero_shot/<backend>/`."""
        folder = self.full if revision == FINAL else self.fast
        assert folder is not None
        return f"{folder}/predictions.json"


_PARTS = (
    Part("blimp", "blimp", "blimp/blimp_filtered", "blimp/blimp_fast"),
    Part("blimp_supplement", "blimp_supplement", "blimp/supplement_filtered", "blimp/supplement_fast"),
    Part("ewok", "ewok", "ewok/ewok_filtered", "ewok/ewok_fast"),
    Part(
        "entity_tracking", "entity_tracking", "entity_tracking/entity_tracking", "entity_tracking/entity_tracking_fast"
    ),
    Part("comps", "comps", "comps/comps"),
    Part("wug_adj", "wug_adj", "wug_adj/wug_adj_nominalization", "wug_adj/wug_adj_nominalization"),
    Part("wug_past", "wug_past", "wug_past/wug_past_tense", "wug_past/wug_past_tense"),
    *(
        Part(
            "global_piqa",
            f"global_piqa_{kind}",
            f"global_piqa_{kind}/global_piqa_{kind}",
            f"global_piqa_{kind}/global_piqa_{kind}",
        )
        for kind in ("parallel", "nonparallel")
    ),
    Part("reading", "reading", "reading", "reading"),
)


def parts_of(columns: tuple[str, ...], year: int) -> list[Part]:
    """The files of the columns of a suite, but GLUE's and those of age of acquisition."""
    renamed = {"entity_tracking": "entity_tracking_filtered"} if year == 2026 else {}
    return [
        Part(part.column, renamed.get(part.key, part.key), part.full, part.fast)
        for part in _PARTS
        if part.column in columns
    ]


def model_stem(name: str) -> str:
    """What the pipeline calls a model's folder: the last part of its name, without what follows the last point."""
    return PurePosixPath(name).stem


def collated_name(backend: str) -> str:
    """The file that is handed in."""
    return f"all_full_preds_and_fast_scores_{backend}.json"
