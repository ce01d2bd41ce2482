"""What a user can mend before training starts, found without writing anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from babyllama import console
from babyllama.architectures import family
from babyllama.config import Config
from babyllama.config.tables import OBJECTIVES
from babyllama.errors import ConfigError, TrainingError
from babyllama.processes import process_count
from babyllama.settings.trackers import tracker_names
from babyllama.training import micro_batch
from babyllama.training.data.batch_plan import batch_plan
from babyllama.training.data.blocks import Blocks
from babyllama.training.hooks.curve import curve_task
from babyllama.training.probing import keeps_documents_apart, output_layer_agrees, reads_both_ways
from babyllama.training.saving import checkpoints
from babyllama.training.saving.checkpoints import Resume
from babyllama.training.sharding import refuse_untested_sharding

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def check_training(
    config: Config,
    *,
    resume: Resume,
    train_dataset: Blocks,
    eval_dataset: Blocks | None,
    model: PreTrainedModel | None = None,
) -> None:
    """Raise every error that `train` would raise before its first step and that a user can mend; writes nothing.

    Call it before the run folder is cleared or written. `resume` is as in `train`; of checkpoints, only one that is
    named is looked at. Of a `model` whose family must be probed, it is found out what it can do. Raises
    ConfigError, TrainingError, TokenizerError, DataError (no minimal pairs) and CheckpointError.
    """
    training = config.training
    refuse_untested_sharding(config)
    if training.keep_best and eval_dataset is None:
        raise ConfigError(
            "training.keep_best = true needs held-out text to tell which model is best: set data.eval_path."
        )
    for key, blocks in (("data.train_path", train_dataset), ("data.eval_path", eval_dataset)):
        if blocks is None:
            continue
        if len(blocks) == 0:
            raise TrainingError(
                f"{key}: the text fills no block of data.seq_length = {config.data.seq_length} tokens. "
                "Use more text or a shorter seq_length."
            )
        blocks.check(model_vocab_size=config.model.vocab_size if model is None else model.config.vocab_size)
    if model is not None and family(config.model.type).probed:
        _probe(config, model)
    if model is not None and OBJECTIVES.get(training.objective).hides_tokens:
        with family(config.model.type).training(model):
            if not reads_both_ways(model):
                raise ConfigError(
                    f"training.objective = {training.objective}: {type(model).__name__} does not read a row in both directions "
                    "inside a document (tried with a mask). Train it with training.objective=causal, or choose another "
                    "model.type, such as Llama, Qwen3, GPT2 or GPTJ."
                )
    if training.batch_size == "auto":
        micro_batch.sizes(config, process_count())
    else:
        batch_plan(config, num_blocks=len(train_dataset), devices=process_count())
    tracker_names(config)
    for name in config.curves:
        curve_task(config, name).data(None)
    if resume is not None and resume != "newest":
        checkpoints.step_of(checkpoints.checked(Path(resume)))


def _probe(config: Config, model: PreTrainedModel) -> None:
    """Find out what a model that no family of ours describes can do, and say it; ConfigError where that is too little."""
    name = type(model).__name__
    if config.data.packing != "separate" and not keeps_documents_apart(model, config.data.seq_length):
        raise ConfigError(
            f"data.packing = {config.data.packing!r}: {name} does not keep the documents of a row apart (tried with a mask); "
            "data.packing=separate gives each a row of its own."
        )
    fused = "from hidden states" if output_layer_agrees(model) else "from its own logits, which takes more memory"
    console.say(
        f"{name}: loss {fused}; documents {'in rows of their own' if config.data.packing == 'separate' else 'kept apart by a mask'}"
    )
    if config.optimization.optimizer == "muon":
        console.say(f"{name}: Muon takes each stored matrix for one linear map, also where several are stored in one")
