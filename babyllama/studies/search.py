"""Optuna searches: later trials learn from earlier ones, and those whose held-out loss lags behind are stopped.

The search is Optuna's (TPE, median pruning); what is kept is ours (study.json), so that a study that was killed asks for the
same points again. Each trial is drawn by a sampler seeded with `search_seed` and its number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from babyllama import console
from babyllama.config.sections import FactorSection
from babyllama.errors import ConfigError, RunError
from babyllama.runs import run_of
from babyllama.runs.rows import read_numbers
from babyllama.studies.design import Study, StudyRun
from babyllama.studies.factors import factor_name, rounded
from babyllama.studies.scheduler import Running, Scheduler
from babyllama.studies.state import FINISHED, Trial, refuse_changed, status

STARTUP_TRIALS = 5
"""Trials drawn at random, and never pruned, before the first one learns from others."""


@dataclass
class _Open:
    """A trial that is being made."""

    kept: Trial
    asked: Any
    waiting: list[StudyRun]
    finished: list[StudyRun] = field(default_factory=list)


class Search:
    """The trials of a study, kept in its state."""

    def __init__(self, study: Study, scheduler: Scheduler) -> None:
        self.study, self.scheduler, self.state = study, scheduler, scheduler.state
        self.optuna = _optuna()
        if study.base.data.eval_path is None:
            raise ConfigError(
                f"{study.path}: study.search: optuna judges by the held-out loss, and data.eval_path is null."
            )
        self.distributions = {factor_name(one): self._distribution(one) for one in study.section.factors}
        pruner = self.optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS)
        self.inner = self.optuna.create_study(direction="minimize", pruner=pruner)
        for trial in self.state.trials:
            if trial.state in ("done", "pruned", "failed"):
                self._tell_again(trial)
        self.unfinished = [trial for trial in self.state.trials if trial.state == "open"]
        self.open: list[_Open] = []

    def _distribution(self, factor: FactorSection) -> Any:
        kinds = self.optuna.distributions
        if factor.low is None or factor.high is None:
            return kinds.CategoricalDistribution(range(len(factor.levels or factor.values or ())))
        if factor.whole:
            return kinds.IntDistribution(int(factor.low), int(factor.high), log=factor.log)
        return kinds.FloatDistribution(factor.low, factor.high, log=factor.log)

    def _parameters(self, levels: dict[str, Any]) -> dict[str, Any]:
        """What Optuna calls these levels: a choice by its number."""
        found = {}
        for factor in self.study.section.factors:
            name = factor_name(factor)
            choices: list[Any] = list(factor.levels or factor.values or ())
            found[name] = choices.index(levels[name]) if choices else levels[name]
        return found

    def _levels(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for factor in self.study.section.factors:
            name = factor_name(factor)
            choices: list[Any] = list(factor.levels or factor.values or ())
            found[name] = choices[parameters[name]] if choices else rounded(factor, parameters[name])
        return found

    def _tell_again(self, trial: Trial) -> None:
        states = self.optuna.trial.TrialState
        state = {"done": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[trial.state]
        try:
            told = self.optuna.trial.create_trial(
                state=state,
                value=trial.value if trial.state != "failed" else None,
                params=self._parameters(trial.levels),
                distributions=self.distributions,
                intermediate_values={int(step): value for step, value in trial.reports.items()},
            )
        except (KeyError, ValueError) as error:
            raise RunError(
                f"the study changed since its runs were made: trial {trial.number} has {trial.levels}, which its factors no longer "
                "allow. Give it another study.name, or take the change back."
            ) from error
        self.inner.add_trial(told)

    def ask(self) -> _Open | None:
        """The next trial: one that was begun, else a new one; None when there have been enough."""
        begun = self.unfinished.pop(0) if self.unfinished else None
        number = begun.number if begun else len(self.state.trials)
        if number >= self.study.section.trials:
            return None
        seed = int(np.random.SeedSequence([self.study.section.search_seed, number]).generate_state(1)[0])
        self.inner.sampler = self.optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, constant_liar=self.scheduler.jobs > 1
        )
        if begun:
            self.inner.enqueue_trial(self._parameters(begun.levels))
        asked = self.inner.ask(self.distributions)
        trial = begun or Trial(number, self._levels(asked.params))
        if begun is None:
            self.state.trials.append(trial)
            self.state.save()
        runs = self.study.runs_of(self.study.trial_point(number, trial.levels))
        refuse_changed(runs)
        one = _Open(trial, asked, [run for run in runs if status(run) != FINISHED], [])
        one.finished = [run for run in runs if run not in one.waiting]
        console.say(f"trial {number}: {', '.join(f'{name} {value}' for name, value in trial.levels.items())}")
        self.open.append(one)
        return one

    def report(self, running: Running) -> None:
        """Tell Optuna the held-out losses of a trial's first seed; stop the run when it lags behind."""
        one = self.owner(running.run)
        if one is None or running.stopped or running.run.seed != self.study.section.seeds[0]:
            return
        for share, loss in held_out(running.run):
            if str(share) not in one.kept.reports:
                one.kept.reports[str(share)] = loss
                one.asked.report(loss, share)
                if one.asked.should_prune():
                    one.kept.state, one.kept.value = "pruned", loss
                    console.say(f"{running.run.name}: stopped, {loss:.4f} after {share} % lags behind the median")
                    running.stop()
                    return

    def owner(self, run: StudyRun) -> _Open | None:
        """The trial that a run belongs to."""
        return next((one for one in self.open if f"trial-{one.kept.number:03}" == run.point.label), None)

    def close(self, one: _Open) -> None:
        """Tell Optuna how a trial ended."""
        states = self.optuna.trial.TrialState
        losses = [loss for run in one.finished if (loss := run_of(run.config).metrics.eval_loss) is not None]
        if one.kept.state == "open":
            whole = len(losses) == len(self.study.section.seeds) and all(map(math.isfinite, losses))
            one.kept.state, one.kept.value = ("done", sum(losses) / len(losses)) if whole else ("failed", None)
        if one.kept.state == "done":
            self.inner.tell(one.asked, one.kept.value)
        else:
            self.inner.tell(one.asked, state=states.PRUNED if one.kept.state == "pruned" else states.FAIL)
        self.open.remove(one)
        self.state.save()


def search(study: Study, scheduler: Scheduler, budget: Any) -> list[StudyRun]:
    """Make the trials of `study`; the runs that are finished."""
    own = Search(study, scheduler)
    finished: list[StudyRun] = finished_runs(study, own.state.trials)
    asking = True
    while own.open or asking:
        stop = budget.spent(finished) or (
            budget.runs is not None and scheduler.made >= budget.runs and "study.max_runs"
        )
        while scheduler.free:
            # A trial's next seed comes before the next trial.
            one = next((one for one in own.open if one.waiting and not _is_running(scheduler, one)), None)
            if one is None and asking and not stop:
                one = own.ask()
                asking = one is not None
                if one is not None and not one.waiting:
                    own.close(one)
                    continue
            if one is None:
                break
            scheduler.start(one.waiting.pop(0))
        if not scheduler.running:
            break
        for ended in scheduler.wait(own.report):
            owner = own.owner(ended.run)
            if owner is None:
                continue
            if status(ended.run) == FINISHED:
                owner.finished.append(ended.run)
                finished.append(ended.run)
            else:
                owner.waiting.clear()
            if not owner.waiting and not _is_running(scheduler, owner):
                own.close(owner)
        asking = asking and not stop
    return finished


def finished_runs(study: Study, trials: list[Trial]) -> list[StudyRun]:
    """The finished runs of an Optuna search."""
    runs = [run for one in trials for run in study.runs_of(study.trial_point(one.number, one.levels))]
    return [run for run in runs if status(run) == FINISHED]


def held_out(run: StudyRun) -> list[tuple[int, float]]:
    """(per cent of the run, held-out block loss) of every evaluation so far: comparable between batch sizes."""
    training = run.config.training
    found = []
    for row in read_numbers(run_of(run.config).paths.losses):
        loss, step, epoch = row.get("eval_loss"), row.get("step"), row.get("epoch")
        if loss is not None and step is not None and epoch is not None and math.isfinite(loss):
            share = step / training.max_steps if training.max_steps else epoch / training.num_epochs
            found.append((round(100 * share), loss))
    return found


def _is_running(scheduler: Scheduler, one: _Open) -> bool:
    return any(running.run.point.label == f"trial-{one.kept.number:03}" for running in scheduler.running)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ConfigError('study.search: optuna needs its package: pip install "babyllama[sweep]".') from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
