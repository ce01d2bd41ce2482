"""BLiMP filtered and the BLiMP supplement, as the BabyLM suites score them: minimal pairs under the year's protocol."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from babyllama.evaluation.pairs import PairSet, read_pairs
from babyllama.evaluation.suites.sizes import BLIMP_FAST, BLIMP_FILTERED, SUPPLEMENT, SUPPLEMENT_FAST
from babyllama.evaluation.tasks.babylm import BabyLMTask, count_remarks
from babyllama.evaluation.tasks.base import TaskData
from babyllama.evaluation.tasks.minimal_pairs import MinimalPairsResult
from babyllama.runs import ModelPlace

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress


class _PairsTask(BabyLMTask):
    result = MinimalPairsResult
    curve_columns = ("pairs", "accuracy")

    def data(self, place: ModelPlace | None) -> TaskData:
        """The pairs, called by the name of the set."""
        folder = self.folder()
        expected = self.published()
        found = read_pairs(folder)
        name = f"{self.name}_fast" if self.fast else self.name
        missing = [uid for uid in expected if uid not in found.paradigms]
        pairs = PairSet(name, found.pairs, missing, str(folder), sum(expected.values()))
        remarks = count_remarks(name, [pair.uid for pair in pairs.pairs], expected)
        return TaskData((pairs, remarks), {"pairs": pairs.fingerprint}, str(folder))

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> MinimalPairsResult:
        """Score every pair; with dtype auto a bf16 pass comes first where the hardware computes bf16."""
        from babyllama.evaluation.pair_scoring import score_minimal_pairs

        pairs, remarks = data.content
        ours = self.settings
        found = score_minimal_pairs(
            loaded,
            pairs,
            protocol=f"babylm-{ours.year}",
            seed=ours.seed,
            dtype=ours.dtype,
            backend=ours.backend,
            progress=progress,
        )
        return MinimalPairsResult.of(replace(found, remarks=remarks))


class BlimpFilteredTask(_PairsTask):
    """BLiMP without the words that BabyLM's text lacks."""

    name = "blimp_filtered"
    title = "BLiMP as the BabyLM suites filter it, minimal pairs"
    folders = ("blimp_filtered",)
    fast_folders = ("blimp_fast",)
    full, small = BLIMP_FILTERED, BLIMP_FAST


class SupplementTask(_PairsTask):
    """Dialogue, questions, hypernyms."""

    name = "supplement"
    title = "the BLiMP supplement of BabyLM, minimal pairs of five kinds"
    folders = ("supplement_filtered",)
    fast_folders = ("supplement_fast",)
    full, small = SUPPLEMENT, SUPPLEMENT_FAST
