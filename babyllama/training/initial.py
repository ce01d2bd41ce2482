"""The model that training begins with: fresh weights, or those of a model that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from babyllama.architectures import build_model
from babyllama.config import Config
from babyllama.errors import CheckpointError, ConfigError, TokenizerError
from babyllama.tokenizer import special_ids, tokenizer_fingerprint
from babyllama.training.objectives.teachers import found

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SIZES = {"hidden_size": "hidden_size", "n_layer": "num_hidden_layers"}


def initial_fingerprint(config: Config) -> dict[str, str]:
    """{"init_from": fingerprint of the weights} where there are any. CheckpointError when they are not there, or damaged."""
    return {} if config.model.init_from is None else {"init_from": found(config.model.init_from)[1]}


def initial_model(config: Config, tokenizer: PreTrainedTokenizerFast) -> Any:
    """The model of `config` in fp32, in training mode.

    With `model.init_from` its class, its sizes and its dropout are those of the weights. Raises CheckpointError (not there,
    damaged, predicts no next token), TokenizerError (trained with another tokenizer), ConfigError (other sizes).
    """
    section = config.model
    if section.init_from is None:
        return build_model(
            section,
            vocab_size=len(tokenizer),
            seq_length=config.data.seq_length,
            seed=config.training.seed,
            special=special_ids(tokenizer),
        )
    from babyllama.evaluation.models import load_model

    loaded = load_model(section.init_from, "cpu")
    if loaded.masked:
        raise CheckpointError(
            f"model.init_from = {section.init_from!r} is a masked language model: it predicts no next token."
        )
    own: Any = loaded.tokenizer
    if not own.is_fast or tokenizer_fingerprint(own) != tokenizer_fingerprint(tokenizer):
        raise TokenizerError(
            f"model.init_from = {section.init_from!r} was trained with another tokenizer than data.tokenizer_path = "
            f"{config.data.tokenizer_path!r}: its tokens mean something else. Remove data.tokenizer_path, or name that of the model."
        )
    stated = loaded.model.config.get_text_config()
    for key, name in SIZES.items():
        if getattr(stated, name) != getattr(section, key):
            raise ConfigError(
                f"model.{key} = {getattr(section, key)} and the weights in model.init_from = {section.init_from!r} have "
                f"{getattr(stated, name)}: remove the key."
            )
    if (loaded.context_length or config.data.seq_length) < config.data.seq_length:
        raise ConfigError(
            f"data.seq_length = {config.data.seq_length} is more than the model in model.init_from = {section.init_from!r} "
            f"reads ({loaded.context_length} tokens): lower it."
        )
    return loaded.model.requires_grad_(True).train()
