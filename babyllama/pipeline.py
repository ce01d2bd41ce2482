"""The whole way for one configuration: mix, tokenizer, packed text, model, training, evaluation, reports.

Every stage looks for its artifact first and reuses it when its manifest still matches. Nothing of an existing run is
touched before the stages ahead of training have succeeded.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from babyllama.artifacts import (
    RunPaths,
    atomic_file,
    fingerprint_value,
    package_versions,
    read_json,
    write_json,
    write_text,
)
from babyllama.config import Config
from babyllama.config.rendering import resolved_yaml
from babyllama.device import choose_device, choose_precision, describe_device, set_threads
from babyllama.errors import DataError, RunError, TokenizerError
from babyllama.processes import join_processes, process_count, process_index, wait_for_everyone
from babyllama.runs import Run, check_folder, clear, is_finished_with, run_of

if TYPE_CHECKING:
    from babyllama.dataset import PackedDataset

Say = Callable[[str], None]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _say_nothing(text: str) -> None:
    pass


@dataclass(frozen=True)
class Inputs:
    """What training reads, built or reused."""

    tokenizer_path: str
    train: PackedDataset
    eval: PackedDataset | None
    synthetic: bool


def train_run(
    config: Config,
    *,
    resume: str | Path | None = None,
    overwrite: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> Run:
    """Train `config` and return the run; a finished run of the same configuration and text is reused.

    `resume` is None, "newest", or the path of a checkpoint; `quiet` keeps notes and progress off the console. Raises
    RunError before anything is built when the run folder is in the way, and the error of the stage that fails
    otherwise. Started by torchrun, every process runs this; the first one writes and speaks.
    """
    first = process_index() == 0
    say = _say if first and not quiet else _say_nothing
    if process_count() > 1:
        join_processes(choose_device(config.training.device))
    run = run_of(config)
    check_folder(run, config, resume=resume is not None, overwrite=overwrite, force=force)
    _check_writable(run.root)
    if not first:
        # The first process builds what is missing; the others then find it built.
        wait_for_everyone()
    inputs = prepare_inputs(config, say=say)
    if first:
        wait_for_everyone()
    fingerprints = _fingerprints(inputs)
    if not overwrite and run.paths.run.is_file():
        same_text = _same_text(run, fingerprints, forced=force and resume is not None)
        if same_text and is_finished_with(run, config):
            say(f"{run}: up to date, reused (--overwrite trains it again)")
            if first:
                after_training(run, config, say=say)
            return run
    _check_evaluations(config)
    wait_for_everyone()
    _train(config, run, inputs, fingerprints, resume=resume, overwrite=overwrite, quiet=quiet, say=say)
    if first:
        after_training(run, config, say=say)
        say(f"model, tokenizer and card: {run.paths.final}")
    return run


def prepare_inputs(config: Config, *, say: Say = _say) -> Inputs:
    """Mix, tokenizer and packed text of `config`, each reused when it is up to date."""
    from babyllama.corpus.documents import corpus_files, is_synthetic, read_documents
    from babyllama.dataset import open_dataset, prepare_dataset

    if config.mixing:
        from babyllama.corpus.mixing import mix

        report = mix(config)
        say(f"{report.train}: up to date, reused" if report.reused else report.table())
    data = config.data
    train_files = corpus_files(data.train_path, key="data.train_path")
    eval_files = corpus_files(data.eval_path, key="data.eval_path") if data.eval_path else []
    if not any(file.stat().st_size for file in train_files):
        raise DataError(f"data.train_path: {data.train_path} holds no text: its {len(train_files)} file(s) are empty.")
    _provide_tokenizer(config, train_files, say)

    def packed(files: list[Path], split: Literal["train", "eval"]) -> PackedDataset:
        folder = prepare_dataset(
            lambda: read_documents(files, errors=data.errors), files, data.tokenizer_path, data, split=split, say=say
        )
        return open_dataset(folder, data)

    return Inputs(
        data.tokenizer_path,
        packed(train_files, "train"),
        packed(eval_files, "eval") if eval_files else None,
        is_synthetic(train_files),
    )


def _provide_tokenizer(config: Config, files: list[Path], say: Say) -> None:
    """Train the tokenizer that the configuration describes, unless it is there and fits; complain if it describes none."""
    path = Path(config.data.tokenizer_path)
    if config.tokenizer is not None:
        from babyllama.corpus.documents import read_documents
        from babyllama.tokenizer import build_tokenizer

        build_tokenizer(
            lambda: read_documents(files, errors=config.data.errors), files, config.tokenizer, path, say=say
        )
    elif not path.exists() and (path.suffix == ".json" or config.data.tokenizer_path.startswith((".", "/"))):
        raise TokenizerError(
            f"data.tokenizer_path = {str(path)!r}: no tokenizer there. Train one with\n"
            f"  python train_tokenizer.py --data-dir {config.data.train_path} --output {path}\n"
            "or add a `tokenizer:` section, and train does it."
        )


def _train(
    config: Config,
    run: Run,
    inputs: Inputs,
    fingerprints: dict[str, str],
    *,
    resume: str | Path | None,
    overwrite: bool,
    quiet: bool,
    say: Say,
) -> None:
    """Build the model and hand it to the trainer; the run folder says from the start what is being made in it."""
    import numpy

    from babyllama.architectures import build_model
    from babyllama.tokenizer import load_tokenizer, special_ids
    from babyllama.training import check_training, train

    threads = set_threads(config.training.threads)
    device = choose_device(config.training.device)
    precision = choose_precision(config.training, device)
    tokenizer = load_tokenizer(inputs.tokenizer_path)
    model = build_model(
        config.model,
        vocab_size=len(tokenizer),
        seq_length=config.data.seq_length,
        seed=config.training.seed,
        marks=special_ids(tokenizer),
    )
    check_training(
        config,
        resume=resume,
        train_dataset=inputs.train,
        eval_dataset=inputs.eval,
        model_rows=model.config.vocab_size,
    )
    if precision.warning:
        say(f"warning: {precision.warning}")
    say(f"{describe_device(device)}, {threads} threads; precision {precision.name} ({precision.note})")

    paths = run.paths
    info = _run_info(config, inputs, fingerprints, paths, kept=not overwrite)
    info |= {"device": describe_device(device), "precision": precision.name, "threads": threads}
    if process_index() == 0:
        if overwrite:
            clear(run)
        write_text(paths.config, resolved_yaml(config))
        write_json(paths.run, info)
        with atomic_file(paths.token_counts, "wb") as handle:
            numpy.save(handle, inputs.train.token_counts)
    wait_for_everyone()
    train(
        config,
        model=model,
        tokenizer=tokenizer,
        train_dataset=inputs.train,
        eval_dataset=inputs.eval,
        paths=paths,
        resume=resume,
        run_info={**info, "quiet": quiet},
    )


def after_training(run: Run, config: Config, *, say: Say = _say) -> None:
    """Card and plots, and those evaluations the configuration asks for whose results are not there yet."""
    from babyllama.reporting import read_run

    if not run.paths.card.is_file():
        refresh_reports(run.paths)
    found = read_run(run.paths)
    done = {*found.evaluations, *(["blimp"] if found.minimal_pairs else [])}
    missing = [task for task in config.evaluation.tasks if task not in done]
    if missing:
        from babyllama.evaluation import run_evaluations

        run_evaluations(
            run.root,
            missing,
            protocol=config.evaluation.protocol,
            blimp_data=config.evaluation.blimp_data,
            pairs_per_paradigm=config.evaluation.pairs_per_paradigm,
            device=config.training.device,
            seed=config.training.seed,
            note=say,
        )
        refresh_reports(run.paths)


def _check_evaluations(config: Config) -> None:
    """Find out before training, not after, that the minimal pairs it ends with cannot be read."""
    if "blimp" in config.evaluation.tasks:
        from babyllama.evaluation import read_pairs
        from babyllama.evaluation.pairs import default_pair_folder

        read_pairs(config.evaluation.blimp_data or default_pair_folder())


def refresh_reports(paths: RunPaths) -> None:
    """Draw plots and write the card from what the run folder holds now."""
    from babyllama.reporting import draw_plots, write_card

    draw_plots(paths)
    write_card(paths)


def _run_info(
    config: Config, inputs: Inputs, fingerprints: dict[str, str], paths: RunPaths, *, kept: bool
) -> dict[str, Any]:
    """run.json; with `kept`, what was decided when the run began (micro-batch, compilation, tracker id) stays."""
    before = read_json(paths.run) if kept and paths.run.is_file() else {}
    return {
        **before,
        "name": config.model.name,
        "started": before.get("started", datetime.now(UTC).isoformat(timespec="seconds")),
        "command": shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]]),
        "seed": config.training.seed,
        "synthetic": inputs.synthetic,
        "fingerprints": {"config": fingerprint_value(config.model_dump(mode="json")), **fingerprints},
        "versions": package_versions(),
    }


def _fingerprints(inputs: Inputs) -> dict[str, str]:
    """Content fingerprints of what a run learns from."""
    found = {"tokenizer": inputs.train.tokenizer_fingerprint, "train": inputs.train.manifest.inputs["text"]}
    return found | ({"eval": inputs.eval.manifest.inputs["text"]} if inputs.eval else {})


def _same_text(run: Run, fingerprints: dict[str, str], *, forced: bool) -> bool:
    """Was `run` trained on these inputs? RunError when not, unless a resume is `forced` onto them."""
    before = read_json(run.paths.run).get("fingerprints", {})
    changed = [name for name, value in fingerprints.items() if before.get(name) != value]
    if changed and not forced:
        raise RunError(
            f"{run} was trained on other inputs (changed since: {', '.join(changed)}): "
            "--overwrite trains it again, model.name=... keeps both."
        )
    return not changed


def _check_writable(folder: Path) -> None:
    """Find out before hours of work, not after, that the output folder cannot be written."""
    parent = folder
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise RunError(f"logging.output_dir: cannot write into {parent}; choose a folder you may write to.")
