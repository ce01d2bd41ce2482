"""Everything that knows the inside of a run folder: names, owner, records, curves, results, and where a model is."""

from babyllama.runs.facts import RunFacts, read_run
from babyllama.runs.locate import ModelPlace, locate_model
from babyllama.runs.metrics import TrainingMetrics
from babyllama.runs.owner import Ownership, owned
from babyllama.runs.paths import RunPaths
from babyllama.runs.record import Decisions, RunRecord
from babyllama.runs.results import StoredResult, load_results, result_name, save_result
from babyllama.runs.run import Run, check_folder, differences, is_finished_with, run_of

__all__ = [
    "Decisions",
    "ModelPlace",
    "Ownership",
    "Run",
    "RunFacts",
    "RunPaths",
    "RunRecord",
    "StoredResult",
    "TrainingMetrics",
    "check_folder",
    "differences",
    "is_finished_with",
    "load_results",
    "locate_model",
    "owned",
    "read_run",
    "result_name",
    "run_of",
    "save_result",
]
