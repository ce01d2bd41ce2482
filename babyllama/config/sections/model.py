"""The architecture."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from babyllama.config.types import FilePath, FolderName, Optional_, Positive, Probability, RawKeys, Section, Text, Width


class ModelSection(Section):
    """The architecture. Keys that a family does not know are an error for that family."""

    type: Text
    """Family (`babyllama config families` lists them); `hf` is any causal model of transformers, named by `architecture`."""
    name: FolderName = "BabyLlama"
    """Name of the run folder below `logging.output_dir`."""
    init_from: Annotated[FilePath | None, Optional_] = None
    """Begin with the weights of this model (a run, a model folder, a checkpoint or a Hub name) instead of fresh ones. Type and
    sizes are then its own and need not be given, and `data.tokenizer_path` is its tokenizer."""
    hidden_size: Width
    """Width D of the residual stream."""
    intermediate_size: Annotated[Width | None, Optional_] = None
    """Width of the feed-forward layer; null is the family's default: 4 D, or where the layer is gated (Llama, Qwen3) 8/3 D
    rounded up to 64."""
    n_layer: Annotated[int, Field(gt=0, le=1024)]
    """Number of blocks."""
    n_head: Annotated[Width | None, Optional_] = None
    """Number of attention heads; must divide `hidden_size`. Only a model without attention does without it."""
    n_kv_head: Annotated[Width | None, Optional_] = None
    """Number of key/value heads (grouped-query attention); null is `n_head`."""
    tie_word_embeddings: bool = False
    """Use the input embedding as output layer."""
    resid_pdrop: Annotated[Probability | None, Optional_] = None
    """Dropout after each attention and feed-forward layer."""
    attn_pdrop: Annotated[Probability | None, Optional_] = None
    """Dropout on attention weights."""
    embd_pdrop: Annotated[Probability | None, Optional_] = None
    """Dropout on embeddings."""
    initializer_range: Positive = 0.02
    """Standard deviation of the initial weights."""
    max_position_embeddings: Annotated[Width | None, Optional_] = None
    """Longest context the model accepts; null is `data.seq_length`."""
    vocab_size: Annotated[Width | None, Optional_] = None
    """Rows of the embedding; null is the tokenizer's size. It may be larger (padding), never smaller."""
    architecture: Annotated[Text | None, Optional_] = None
    """With `type: hf`: the causal class of transformers, for example MistralForCausalLM, Olmo2ForCausalLM, MambaForCausalLM."""
    hf: RawKeys = Field(default_factory=dict)
    """With `type: hf`: keys of the class's own configuration, over those that follow from this section."""

    @property
    def architecture_name(self) -> str:
        """What readers know the architecture by."""
        return self.architecture or self.type
