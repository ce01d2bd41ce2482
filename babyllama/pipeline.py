"""The whole way for one configuration: mix, tokenizer, packed text, model, training, evaluation, reports.

Every stage looks for its artifact first and reuses it when its manifest still matches. Nothing of an existing run is
touched before the stages ahead of training have succeeded.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama import console
from babyllama.artifacts import fingerprint_value, write_array, write_text
from babyllama.config import Config
from babyllama.corpus.fetching.origin import data_sets
from babyllama.device import describe_device, keep_freed_memory, set_threads
from babyllama.errors import DamagedFileError, RunError
from babyllama.inputs import Inputs, prepare_inputs
from babyllama.processes import process_count, process_index, wait_for_everyone
from babyllama.runs import (
    Ownership,
    Run,
    RunPaths,
    RunRecord,
    check_folder,
    is_finished_with,
    locate_model,
    owned,
    read_run,
    run_of,
)
from babyllama.runs.paths import checkpoints_by_step
from babyllama.runs.record import command_line
from babyllama.settings import resolved_yaml
from babyllama.settings.trackers import tracker_names

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel

Resume = str | Path | None
"""None, "newest", or the path of a checkpoint."""


def train_run(
    config: Config, *, resume: Resume = None, overwrite: bool = False, force: bool = False, quiet: bool = False
) -> Run:
    """Train `config` and return the run; a finished run of the same configuration and text is reused.

    `quiet` keeps notes and progress off the console. Raises RunError before anything is built when the run folder is in
    the way or another process writes there, and the error of the stage that fails otherwise. Started by torchrun, every
    process runs this; the first one owns the folder, writes and speaks.
    """
    run = run_of(config)
    if process_count() > 1:
        from babyllama.training.machine import Machine

        Machine.find(config.training)
    check_folder(run, config, resume=resume is not None, overwrite=overwrite, force=force)
    _check_writable(run.root)
    with console.quiet(quiet), _ownership(run) as ownership:
        # Again, now that nobody else can change it.
        check_folder(run, config, resume=resume is not None, overwrite=overwrite, force=force)
        return _make(run, config, ownership, resume=resume, overwrite=overwrite, force=force)


def _ownership(run: Run) -> AbstractContextManager[Ownership | None]:
    """The first process owns the run's folder; the others have nothing to write."""
    return owned(run.root, command_line()) if process_index() == 0 else nullcontext()


def _make(
    run: Run, config: Config, ownership: Ownership | None, *, resume: Resume, overwrite: bool, force: bool
) -> Run:
    """Build what is missing, train, evaluate."""
    if ownership is None:
        # The first process builds what is missing; the others then find it built.
        wait_for_everyone()
    if not is_finished_with(run, config):
        tracker_names(config)
    inputs = prepare_inputs(config)
    if ownership is not None:
        wait_for_everyone()
    if not overwrite and run.paths.record.exists():
        same_text = _same_text(run, inputs.fingerprints, forced=force and resume is not None)
        if same_text and is_finished_with(run, config):
            damage = run.final_damage()
            if damage is None:
                console.say(f"{run}: up to date, reused (--overwrite trains it again)")
                _warn_of_damaged_curves(run)
                if ownership is not None:
                    after_training(run, config)
                return run
            _check_recoverable(run, damage)
            resume = resume or "newest"
    _check_evaluations(config)
    wait_for_everyone()
    _train(run, config, inputs, ownership, resume=resume, overwrite=overwrite, force=force)
    if ownership is not None:
        after_training(run, config)
        console.say(f"model, tokenizer and card: {run.paths.final}")
    return run


def _warn_of_damaged_curves(run: Run) -> None:
    """The model is whole; its plots and card are not made from curves that are not."""
    try:
        run.metrics.check_losses(run.paths)
    except DamagedFileError as error:
        console.warn(str(error))


def _train(
    run: Run,
    config: Config,
    inputs: Inputs,
    ownership: Ownership | None,
    *,
    resume: Resume,
    overwrite: bool,
    force: bool,
) -> None:
    """Build the model and hand it to the trainer; the run folder says from the start what is being made in it."""
    with console.progress("loading"):
        from babyllama.tokenizer import load_tokenizer
        from babyllama.training import check_training, train
        from babyllama.training.initial import initial_model
        from babyllama.training.machine import Machine

        threads = set_threads(config.training.threads)
        keep_freed_memory()
        machine = Machine.find(config.training)
    device, precision = machine.device, machine.precision
    tokenizer = load_tokenizer(inputs.tokenizer_path)
    if config.data.format == "instructions" and config.data.template == "chat":
        from babyllama.corpus.reading.instructions import CHAT_TEMPLATE

        tokenizer.chat_template = CHAT_TEMPLATE
    model = initial_model(config, tokenizer)
    check_training(
        config,
        resume=resume,
        train_dataset=inputs.train,
        eval_dataset=inputs.eval,
        model=model,
    )
    if precision.warning:
        console.warn(precision.warning)
    console.say(f"{describe_device(device)}, {threads} threads; precision {precision.name} ({precision.note})")
    record = _record(run, config, inputs, kept=not overwrite)
    if ownership is not None:
        record.device, record.precision, record.threads = describe_device(device), precision.name, threads
        if overwrite:
            ownership.replace(lambda paths: _lay_out(paths, config, record, inputs))
        else:
            _lay_out(run.paths, config, record, inputs)
    wait_for_everyone()
    train(
        config,
        model=model,
        tokenizer=tokenizer,
        train_dataset=inputs.train,
        eval_dataset=inputs.eval,
        paths=run.paths,
        record=record,
        machine=machine,
        resume=resume,
        force=force,
    )


def _lay_out(paths: RunPaths, config: Config, record: RunRecord, inputs: Inputs) -> None:
    """Write what a run holds from its first step on. The configuration comes first: with it the folder is a run."""
    from babyllama.tokenizer import load_fast, load_tokenizer, save_tokenizer, tokenizer_fingerprint

    write_text(paths.config, resolved_yaml(config))
    kept = paths.tokenizer / "tokenizer.json"
    if not kept.is_file() or tokenizer_fingerprint(load_fast(kept)) != record.fingerprints["tokenizer"]:
        save_tokenizer(load_tokenizer(inputs.tokenizer_path), paths.tokenizer)
    write_array(paths.token_counts, inputs.train.token_counts)
    record.seal_files(paths)
    record.save(paths)


def after_training(run: Run, config: Config) -> None:
    """The evaluations the configuration asks for, each reused where model, data and settings are the same; card and plots."""
    measured = False
    if config.evaluation.tasks:
        from babyllama.evaluation.models import load_model
        from babyllama.evaluation.runner import run_tasks
        from babyllama.evaluation.tasks import configured_tasks

        def load() -> LoadedModel:
            set_threads(config.training.threads)  # a run that was reused has not set them while training
            return load_model(run.root, config.training.device)

        found = run_tasks(locate_model(run.root), load, configured_tasks(config), named=True)
        measured = any(result.stored is None for result in found)
    if measured or not run.paths.card.is_file() or not run.paths.published_card.is_file():
        refresh_reports(run.paths)
        _tell_trackers(run, config)


def _tell_trackers(run: Run, config: Config) -> None:
    """What came out, numbers and tables, where the curves of the run are."""
    if not tracker_names(config):
        return
    from babyllama.reporting.scores import final_scores
    from babyllama.training.trackers import tracking

    facts = read_run(run.paths)
    numbers, tables = final_scores(facts)
    record = run.record
    with tracking(config, run.paths, record.decisions) as trackers:
        trackers.scores(numbers, tables, facts.metrics.steps if facts.metrics else 0)


def _check_evaluations(config: Config) -> None:
    """Find out before training, not after, that the data it ends with cannot be read."""
    if config.evaluation.tasks:
        from babyllama.evaluation.runner import check_data
        from babyllama.evaluation.tasks import configured_tasks

        check_data(configured_tasks(config))


def refresh_reports(paths: RunPaths) -> None:
    """Draw plots and write the card from what the run folder holds now."""
    from babyllama.reporting import draw_plots, write_card

    facts = read_run(paths)
    draw_plots(facts)
    write_card(facts)


def _record(run: Run, config: Config, inputs: Inputs, *, kept: bool) -> RunRecord:
    """run.json; with `kept`, what was decided when the run began (micro-batch, compilation, tracker id) stays."""
    before = run.record if kept and run.paths.record.exists() else None
    record = RunRecord.new(
        config.model.name,
        directory=RunRecord.relative_directory(run.root),
        seed=config.training.seed,
        synthetic=inputs.synthetic,
        datasets=data_sets(config),
        fingerprints={"config": fingerprint_value(config.model_dump(mode="json")), **inputs.fingerprints},
    )
    if before:
        record.started, record.decisions = before.started, before.decisions
    return record


def _same_text(run: Run, fingerprints: dict[str, str], *, forced: bool) -> bool:
    """Was `run` trained on these inputs? RunError when not, unless a resume is `forced` onto them."""
    before = run.record.fingerprints
    changed = [name for name, value in fingerprints.items() if before.get(name) != value]
    if changed and not forced:
        raise RunError(
            f"{run} was trained on other inputs (changed since: {', '.join(changed)}): "
            "--overwrite trains it again, model.name=... keeps both."
        )
    return not changed


def _check_recoverable(run: Run, damage: str) -> None:
    """Say that a finished model is damaged; RunError when there is no checkpoint to make it again from."""
    if not checkpoints_by_step(run.paths.checkpoints):
        raise RunError(
            f"{run} is damaged: {damage}; there is no checkpoint to make it again from: --overwrite trains anew."
        )
    console.warn(f"{run} is damaged: {damage}; it is made again from the newest checkpoint")


def _check_writable(folder: Path) -> None:
    """Find out before hours of work, not after, that the output folder cannot be written."""
    parent = folder
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise RunError(f"logging.output_dir: cannot write into {parent}; choose a folder you may write to.")
