"""What a run decides once, keeps in run.json and finds again when it is resumed."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from babyllama.artifacts import RunPaths, read_json, write_json
from babyllama.processes import process_index

_KEY = "decisions"


@dataclass
class Decisions:
    """None where nothing has been decided yet."""

    micro_batch: int | None = None
    """Sequences per device in one forward pass, chosen for `batch_size: auto`."""
    compile: bool | None = None
    """Whether `torch_compile: auto` compiles."""
    tracker_id: str | None = None
    """Run id at the trackers, so that a resumed run goes on in the same curve."""

    @classmethod
    def of(cls, paths: RunPaths) -> Decisions:
        """The decisions in run.json."""
        try:
            kept = read_json(paths.run).get(_KEY, {})
        except (OSError, ValueError, AttributeError):
            return cls()
        return cls(**{name: value for name, value in kept.items() if name in cls.__dataclass_fields__})

    def store(self, paths: RunPaths) -> None:
        """Write them into run.json, which keeps everything else it says."""
        if process_index() != 0:
            return
        try:
            run = read_json(paths.run)
        except (OSError, ValueError):
            run = {}
        write_json(paths.run, {**run, _KEY: asdict(self)})
