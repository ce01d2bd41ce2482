"""One of torchrun's processes: trains the jobs on the command line (see training_faults.py) one after another.

A job with `only_rank` has its fault in that process alone; the exit code of every job is printed by each process.
"""

from __future__ import annotations

import json
import os
import sys

from training_faults import run


def main() -> None:
    rank = int(os.environ["RANK"])
    for line in sys.argv[1:]:
        job = json.loads(line)
        if job.pop("only_rank", rank) != rank:
            job.pop("signal_at_block", None)
        try:
            run(job)
            code = 0
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        print(json.dumps([rank, os.path.basename(job["folder"]), code]), flush=True)


if __name__ == "__main__":
    main()
