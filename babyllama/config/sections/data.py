"""Which text is read, how it becomes blocks, and the tokenizer that is trained for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from babyllama.config.types import Count, FilePath, Optional_, Section, Text, Width


class DataSection(Section):
    """Which text is read and how it becomes blocks of tokens."""

    tokenizer_path: FilePath = "./models/gpt-clean-16000.json"
    """Tokenizer: a tokenizer.json, a folder with one, or a Hub name. Trained there first if the `tokenizer` section
    is present and nothing is there yet."""
    train_path: FilePath = "./data/babylm_10M_clean"
    """Training text: a file, a folder of text files, or a glob. With a `mixing` section: where the mix is written."""
    eval_path: Annotated[FilePath | None, Optional_] = "./data/babylm_dev_clean"
    """Held-out text in the same forms; null trains without evaluation."""
    column: Text = "text"
    """Column or JSON key that holds the text of .jsonl and .parquet files; `meta.text` is the key `text` of the object `meta`."""
    format: Literal["text", "instructions"] = "text"
    """What the files hold: `text`, or `instructions`, JSON lines of prompts with responses or of chats, whose responses are
    learned and nothing else (docs/stories.md)."""
    template: Literal["plain", "chat"] = "plain"
    """How instructions become text: `plain` puts the response behind the prompt, `chat` writes User: and Assistant: in front."""
    seq_length: Width = 128
    """Tokens per block, which is also the longest context the model is trained on."""
    eval_samples: Annotated[Count | None, Optional_] = None
    """How many held-out blocks to evaluate on during training, the same ones for every `training.seed`; null takes all."""
    errors: Literal["strict", "replace"] = "strict"
    """Broken UTF-8 in a text file: `strict` stops and names the position, `replace` puts U+FFFD there."""
    packing: Literal["concat", "best_fit", "separate"] = "concat"
    """`concat` cuts one long row of documents into blocks; `best_fit` places whole documents to cut fewer of them; `separate`
    gives each document a block of its own (or several, where it is longer), for models that no mask keeps from reading on."""
    random_offset: bool = False
    """Shift the block starts by a new random offset each epoch, so that repeated epochs see other cuts (`concat` only)."""
    shuffle: Literal["blocks", "documents"] = "blocks"
    """What is put in a new order each epoch: `blocks` that stay as they were cut, or before that the `documents` they are cut
    from, so that each epoch has other neighbours and other cuts (`concat` only)."""
    document_attention: bool = True
    """Keep attention inside a document: no token sees the document before it in the same block."""
    packed_dir: FilePath = "./data/packed"
    """Where packed blocks are kept between runs."""


class TokenizerSection(Section):
    """The tokenizer that is trained when `data.tokenizer_path` holds none yet."""

    type: Literal["bpe", "unigram", "wordpiece"] = "bpe"
    """Algorithm; `bpe` is byte-level and lossless."""
    vocab_size: Annotated[int, Field(ge=259, le=65536)] = 16000
    """Entries in the vocabulary, the three special tokens included; 259 is the 256 bytes and those."""
    min_frequency: Count = 2
    """A merge must occur this often to enter the vocabulary."""
    nfkc: bool = False
    """Normalise text to NFKC first. Decoding then gives the normalised text, not the original."""
    add_prefix_space: bool = False
    """Put a space before the first word of a text, so that it gets the token it has in mid-sentence."""
    mask_token: Annotated[bool | None, Optional_] = None
    """Make `<mask>` the last of the entries; null does it where `training.objective` hides tokens."""
    add_bos: bool = False
    """Let `tokenizer(text)` put `<s>` in front, for evaluations that expect it."""
