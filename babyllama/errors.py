"""One exception tree: everything a user can mend is a `BabyLlamaError`.

The command line prints such an error as one clear message (what, where, why, how to mend) and exits with code 2; any
other exception is a defect of BabyLlama and keeps its traceback.
"""


class BabyLlamaError(Exception):
    """Something the user can mend. The message says what, where, why and how to mend."""


class ConfigError(BabyLlamaError):
    """A configuration that cannot be run: unknown key, wrong value, values that contradict each other."""


class DataError(BabyLlamaError):
    """A corpus, source or evaluation file that is missing, empty, damaged or too small."""


class MissingTextError(DataError):
    """A path that names no text: a corpus that is not there, or not there yet."""


class TokenizerError(BabyLlamaError):
    """A tokenizer that is missing, cannot be trained, or does not belong to the model or the dataset."""


class CheckpointError(BabyLlamaError):
    """A checkpoint or model folder that is missing, damaged or belongs to another run."""


class RunError(BabyLlamaError):
    """A run folder that is in the way: it holds another run, an unfinished one, or cannot be written."""


class DamagedFileError(RunError, ValueError):
    """A JSON file of a run that cannot be read as one. A `ValueError` too, for code that can do without the file."""


class TrainingError(BabyLlamaError):
    """Training that cannot go on: loss that is not a number, memory exhausted, disk full."""


class EvaluationError(BabyLlamaError):
    """An evaluation that cannot be done as asked: unknown task or protocol, unusable test pairs."""
