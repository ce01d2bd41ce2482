"""Making the runs of a study: kept, resumed, recorded when they fail, stopped by a budget, compared at the end."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from babyllama.cli import main
from babyllama.config.scalars import dump
from babyllama.errors import RunError
from babyllama.runs.paths import checkpoints_by_step
from babyllama.runs.results import StoredResult, save_result
from babyllama.studies import read_study, scheduler, sweep
from babyllama.studies.state import StudyState, sole_sweep

STAND_IN = Path(__file__).with_name("stand_in_run.py")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path) -> Path:
    """A folder in which runs are stand-ins: what is tested is what becomes of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scheduler, "POLL_SECONDS", 0.01)

    def start(path: Path, config: Any, command: str, log: Path, share: Any) -> subprocess.Popen[bytes]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(scheduler.resolved_yaml(config))
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**share.environment(), "PYTHONPATH": str(repository)}
        with log.open("ab") as handle:
            return subprocess.Popen(
                [sys.executable, str(STAND_IN), str(path)], stdout=handle, stderr=handle, env=environment
            )

    monkeypatch.setattr(scheduler, "start_process", start)
    return tmp_path


def write(study: dict[str, Any], **sections: Any) -> str:
    values = {
        "study": {"name": "s", **study},
        "data": {"tokenizer_path": "tok.json", "train_path": "t.txt", "eval_path": "e.txt", "seq_length": 16},
        "model": {"type": "Llama", "name": "x", "hidden_size": 8, "n_layer": 1, "n_head": 2},
        **sections,
    }
    Path("study.yaml").write_text(dump(values))
    return "study.yaml"


def rates(*values: float, **more: Any) -> dict[str, Any]:
    return {"factors": [{"name": "rate", "key": "training.lr", "values": list(values)}], **more}


def made(folder: str = "models/s") -> dict[str, int]:
    """Run -> when its metrics were written."""
    return {file.parent.name: file.stat().st_mtime_ns for file in Path(folder).glob("*/training_metrics.json")}


@pytest.mark.integration
def test_a_study_gives_its_table_and_a_second_call_repeats_nothing(world, capsys):
    path = write(rates(0.01, 0.1, seeds=[1, 2], paradigms=["paradigm_1"]))
    assert main(["sweep", "--config", path, "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "lr-0.01      2  1.9985 ± 0.0007" in out
    assert "lr-0.1       2  2.8985 ± 0.0007" in out
    assert "-25.00" in out  # a quarter of the pairs depends on the learning rate
    assert "with 2 and 2 seeds p over seeds cannot fall below 0.33" in out
    first = made()
    assert set(first) == {f"lr-{rate}-seed{seed}" for rate in ("0.01", "0.1") for seed in (1, 2)}
    assert main(["sweep", "--config", path]) == 0
    captured = capsys.readouterr()
    assert "4 runs of 4 finished before, kept" in captured.err
    assert "started" not in captured.err
    assert captured.out == out
    assert made() == first

    rows = list(csv.DictReader(Path("models/s/results.csv").read_text().splitlines()))
    assert tuple(rows[0][name] for name in ("run", "rate", "held-out loss")) == ("lr-0.01-seed1", "0.01", "1.999")
    value = json.loads(Path("models/s/results.json").read_text())
    (overall, paradigm) = value["differences"]
    assert overall["difference"] == pytest.approx(-0.25)
    assert paradigm["paradigm"] == "paradigm_1"
    assert value["points"][0]["measures"]["toy, %"]["mean"] == pytest.approx(62.5)
    page = Path("models/s/results.md").read_text()
    for picture in ("rate", "curves-losses"):
        assert f"plots/{picture}.png" in page
        assert Path(f"models/s/plots/{picture}.png").stat().st_size > 5000


@pytest.mark.integration
def test_a_look_at_a_few_pairs_of_one_run_changes_nothing(world, capsys):
    path = write(rates(0.01, 0.1, seeds=[1, 2]))
    assert main(["sweep", "--config", path, "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    folder = Path("models/s/lr-0.01-seed1/evaluation")
    numbers = json.loads((folder / "toy.json").read_text())
    lines = (folder / "toy_predictions.jsonl").read_text().splitlines(keepends=True)
    few = {u: {**row, "n": 1} for u, row in numbers["paradigms"].items()}
    for stem, scoring in (("toy_1_per_paradigm", {}), ("toy_mntp_1_per_paradigm", {"backend": "mntp"})):
        part = {
            "set": "toy",
            "protocol": "lm-eval",
            "accuracy": 0.0,
            "paradigms": few,
            "subset": True,
            "scoring": scoring,
        }
        files = {f"{stem}_predictions.jsonl": lines[:2]}
        save_result(folder, StoredResult(stem, "blimp", "minimal_pairs", part, {}, {}), files)
    assert main(["sweep", "--config", path, "--results"]) == 0
    assert capsys.readouterr().out == out


@pytest.mark.integration
def test_a_failed_run_is_recorded_and_the_rest_goes_on(world, capsys):
    path = write(rates(2.0, 0.01))
    assert main(["sweep", "--config", path]) == 2
    captured = capsys.readouterr()
    assert "lr-2-seed42 failed, the others go on: loss is not a number" in captured.err
    assert "failed: lr-2-seed42: loss is not a number" in captured.out
    assert set(made()) == {"lr-0.01-seed42"}
    state = StudyState.load(Path("models/s"))
    assert state.failures == {"lr-2-seed42": "loss is not a number"}
    # A run that was then made by another command is no failure any more.
    state.failures["lr-0.01-seed42"] = "out of memory"
    state.save()
    assert main(["sweep", "--config", path, "--results"]) == 0
    assert "out of memory" not in capsys.readouterr().out


@pytest.mark.integration
def test_more_levels_and_seeds_go_on_and_a_changed_setting_is_refused(world):
    sweep.sweep(read_study(write(rates(0.01))), 1)
    before = made()
    sweep.sweep(read_study(write(rates(0.01, 0.02, seeds=[42, 1]))), 1)
    assert len(made()) == 4
    assert made()["lr-0.01-seed42"] == before["lr-0.01-seed42"]
    changed = read_study(write(rates(0.01, 0.02), optimization={"weight_decay": 0.3}))
    with pytest.raises(RunError, match=r"the study changed .*\n.*lr-0.01-seed42: optimization.weight_decay: .* -> 0.3"):
        sweep.sweep(changed, 1)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("budget", "made_runs", "says"),
    [
        ({"max_runs": 2}, 2, "2 runs of 2"),
        ({"target_loss": 2.0}, 1, "lr-0.01-seed42 reached study.target_loss with 1.9580: 2 runs not started"),
        ({"max_hours": 1e-12}, 0, "study.max_hours are over: 3 runs not started"),
    ],
)
def test_a_budget_ends_a_study(world, capsys, budget, made_runs, says):
    path = write(rates(0.01, 0.02, 0.03, **budget))
    main(["sweep", "--config", path])
    assert len(made()) == made_runs
    main(["sweep", "--config", path])
    assert len(made()) == made_runs
    assert says in capsys.readouterr().err


@pytest.mark.integration
def test_runs_in_parallel_have_their_share_of_the_machine_and_end_with_the_study(world, monkeypatch, capsys):
    monkeypatch.setattr(scheduler, "available_cores", lambda: 4)
    Path("hang").touch()
    study = read_study(write(rates(0.01, 0.02, 0.03)))
    one = scheduler.Scheduler(study.folder, StudyState.load(study.folder), 2)
    assert one.threads == 2
    processes = []

    def interrupt(running: Any) -> None:
        processes.extend(r.process for r in one.running)
        assert len(one.running) == 2
        if all((study.folder / r.run.name / "losses.csv").exists() for r in one.running):
            raise KeyboardInterrupt

    runs = study.runs()
    with pytest.raises(KeyboardInterrupt), one.stopping():
        one.start(runs[0])
        one.start(runs[1])
        assert not one.free
        one.wait(interrupt)
    assert all(process.poll() is not None for process in processes)
    assert "stopping 2 runs, after a checkpoint; the same command goes on" in capsys.readouterr().err
    Path("hang").unlink()
    assert len(sweep.sweep(study, 2)) == 3


@pytest.mark.integration
def test_two_sweeps_of_one_study_are_one_too_many(world):
    study = read_study(write(rates(0.01)))
    code = (
        "import sys, pathlib; from babyllama.studies.state import sole_sweep\n"
        "with sole_sweep(pathlib.Path('models/s')): print('in', flush=True); sys.stdin.readline()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             env={**os.environ, "PYTHONPATH": str(STAND_IN.parents[2])})  # fmt: skip
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(RunError, match="another process runs this study"):
        sweep.sweep(study, 1)
    other.communicate(b"\n")
    with sole_sweep(study.folder):
        pass


@pytest.mark.integration
def test_optuna_learns_prunes_and_goes_on_with_the_same_points(world, capsys):
    pytest.importorskip("optuna")
    factors = [{"key": "training.lr", "low": 1e-3, "high": 0.9}, {"key": "model.n_layer", "values": [1, 2]}]
    optuna = {"search": "optuna", "factors": factors}
    whole = write({**optuna, "name": "whole", "trials": 7})
    assert main(["sweep", "--config", whole]) == 0
    expected = StudyState.load(Path("models/whole")).trials
    assert [one.number for one in expected] == list(range(7))
    assert min(one.value or 9 for one in expected) < 3
    out = capsys.readouterr().out
    assert "trial-000: lr" in out
    # In two sittings the same points are tried.
    for trials in (3, 7):
        main(["sweep", "--config", write({**optuna, "name": "parts", "trials": trials})])
    assert [one.levels for one in StudyState.load(Path("models/parts")).trials] == [one.levels for one in expected]
    narrower = [{**factors[0], "high": 0.002}, factors[1]]
    with pytest.raises(RunError, match="the study changed since its runs were made: trial 0"):
        sweep.sweep(read_study(write({**optuna, "factors": narrower, "name": "parts"})), 1)


@pytest.mark.integration
def test_a_trial_that_lags_behind_the_median_is_stopped(world, monkeypatch):
    pytest.importorskip("optuna")
    from babyllama.studies import search as searching

    study = read_study(
        write({"search": "optuna", "trials": 7, "factors": [{"key": "training.lr", "low": 1e-3, "high": 0.9}]})
    )
    # Five trials of about 2; then one that is far worse at each share of the run.
    state = StudyState(study.folder, trials=[
        searching.Trial(n, {"training.lr": 0.01}, "done", 2.0, {"25": 3.0, "50": 2.5, "75": 2.3, "100": 2.0}) for n in range(5)
    ])  # fmt: skip
    study.folder.mkdir(parents=True)
    monkeypatch.setattr(searching, "held_out", lambda run: [(25, 9.0)])
    own = searching.Search(study, scheduler.Scheduler(study.folder, state, 1))
    one = own.ask()
    assert one is not None

    class Running:
        run = one.waiting[0]
        stopped = False

        def stop(self) -> None:
            self.stopped = True

    running = Running()
    own.report(running)  # type: ignore[arg-type]
    assert running.stopped
    own.close(one)
    assert StudyState.load(study.folder).trials[-1].state == "pruned"


@pytest.mark.integration
def test_without_the_extra_optuna_says_how_to_get_it(world, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert (
        main(
            ["sweep", "--config", write({"search": "optuna", "factors": [{"key": "training.lr", "low": 1, "high": 2}]})]
        )
        == 2
    )
    assert 'pip install "babyllama[sweep]"' in capsys.readouterr().err


REAL = """\
study:
  name: tiny
  seeds: [1]
  factors:
    - {name: corpus, levels: {whole: {}, no birds: {mixing.filter: [{drop: bird}]}}}
mixing: {root: ., sources: [{path: text/a.train}], dev_budget: 500B, dev_sources: [{path: dev.txt}], budget: 900B}
tokenizer: {vocab_size: 300}
data: {tokenizer_path: tok.json, train_path: mix/mix.train, eval_path: mix/mix.dev, seq_length: 16, packed_dir: packed}
model: {type: Llama, name: x, hidden_size: 8, n_layer: 1, n_head: 2}
training: {lr: 1e-2, batch_size: 4, max_steps: 60, save_steps: 10, logging_steps: 5, precision: fp32, device: cpu, threads: 1}
evaluation: {tasks: [perplexity]}
logging: {output_dir: models}
"""


@pytest.mark.integration
@pytest.mark.slow
def test_a_study_that_is_killed_goes_on_where_it_was(small_text: Path, repository: Path) -> None:
    """Real runs: the finished one is not repeated, the other resumes from its checkpoint, shared text is made once."""
    Path("study.yaml").write_text(REAL)
    Path("dev.txt").write_text("\n\n".join(f"The dog number {n} sleeps at home." for n in range(60)))
    command = [sys.executable, "-m", "babyllama", "sweep", "--config", "study.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    second = Path("models/tiny/no-birds-seed1")
    while first.poll() is None and not checkpoints_by_step(second / "checkpoints"):
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = made("models/tiny")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 run of 2 finished before, kept" in done.stderr
    assert made("models/tiny")["whole-seed1"] == before["whole-seed1"]
    assert "resuming after step" in Path("models/tiny/logs/no-birds-seed1.log").read_text()
    assert "bird" not in next(Path("models/tiny/text").glob("*/mix.train")).read_text()
    assert "perplexity" in done.stdout
