"""Train a tokenizer from a stream of documents in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from babyllama.config.sections import TokenizerSection
from babyllama.errors import DataError, TokenizerError
from babyllama.tokenizer.cutting import LONGEST_WORDPIECE_WORD, PreTokenizerKind, cut_long_words, cut_text
from babyllama.tokenizer.special_tokens import BOS, MASK, SPECIAL_TOKENS

LONG_DOCUMENT = 50_000
"""Characters. The trainer buffers documents by number, so longer ones are handed over in pieces of this size."""
# SpecialIds a WordPiece token that continues a word. The usual "##" can also be text, this is never a byte-level character.
_CONTINUES = "▁"


def train_tokenizer(documents: Iterable[str], section: TokenizerSection, *, progress: bool = False) -> Tokenizer:
    """Train a tokenizer of `section.type` on `documents` and return it with special tokens treated as plain text.

    The vocabulary may come out smaller than `section.vocab_size` where the text supports fewer entries; compare
    `get_vocab_size()`. All three types work on UTF-8 bytes, so any text is encoded without an unknown token and (without
    `nfkc` and `add_prefix_space`) decodes to itself. BPE and WordPiece give the same result for the same documents. With
    `section.mask_token` the last of the `section.vocab_size` entries is `<mask>`.

    Raises DataError without any text, TokenizerError for a vocabulary below the alphabet of the type.
    """
    tokenizer = _untrained(section)
    kind, pre_tokenizer = PreTokenizerKind.of(tokenizer), tokenizer.pre_tokenizer
    tokenizer.pre_tokenizer = without_long_words(pre_tokenizer)
    smallest = _smallest_vocabulary(section)
    least = _smallest_vocabulary(section.model_copy(update={"type": "bpe"}))
    if section.vocab_size < smallest:
        raise TokenizerError(
            f"tokenizer.vocab_size: {section.vocab_size} is too small for type {section.type}, whose bytes and special tokens alone "
            f"take {smallest} entries. Use at least {smallest}, or type bpe (from {least})."
        )
    pieces = _Pieces(documents, kind)
    try:
        tokenizer.train_from_iterator(iter(pieces), trainer=_trainer(section, progress))
    except Exception as error:
        if pieces.failure is not None:
            raise pieces.failure from None
        if pieces.characters == 0:
            raise DataError(_NO_TEXT) from error
        raise TokenizerError(
            f"training a {section.type} tokenizer of {section.vocab_size} entries on {pieces.characters:,} characters failed: "
            f"{error}. Use more text, a smaller tokenizer.vocab_size, or type bpe."
        ) from error
    if pieces.failure is not None:
        raise pieces.failure
    if pieces.characters == 0:
        raise DataError(_NO_TEXT)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer = _tidied(tokenizer, section)
    if section.mask_token:
        tokenizer.add_special_tokens([MASK])
    if section.add_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, SPECIAL_TOKENS.index(BOS))]
        )
    tokenizer.encode_special_tokens = True
    return tokenizer


def without_long_words(pre_tokenizer: pre_tokenizers.PreTokenizer) -> pre_tokenizers.PreTokenizer:
    """`pre_tokenizer` for training: words above `_LONGEST_WORD` bytes are cut, all others stay as they are.

    The trainers' time grows with the square of a word's length, and a text without spaces can be a single word: 100,000 Han
    characters took BPE 279 s, and take 2 s in pieces.
    """
    return pre_tokenizers.Sequence([pre_tokenizer, pre_tokenizers.FixedLength(length=_LONGEST_WORD)])


_LONGEST_WORD = 1000

_NO_TEXT = "there is no text to train a tokenizer on: every document is empty. Check the path of the training text."


class _Pieces:
    """Hands documents to the trainer in pieces and counts what went by."""

    def __init__(self, documents: Iterable[str], kind: PreTokenizerKind) -> None:
        self._documents, self._kind = documents, kind
        self.characters = 0
        self.failure: Exception | None = None
        """What the documents' reader raised; the trainer may pass it on in words of its own, or not at all."""

    def __iter__(self) -> Iterator[str]:
        try:
            for document in self._documents:
                self.characters += len(document)
                yield from cut_text(document, LONG_DOCUMENT, self._kind)
        except Exception as error:
            self.failure = error
            raise


def _untrained(section: TokenizerSection) -> Tokenizer:
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=section.add_prefix_space, use_regex=True)
    if section.type == "wordpiece":
        tokenizer = Tokenizer(
            models.WordPiece(continuing_subword_prefix=_CONTINUES, max_input_chars_per_word=LONGEST_WORDPIECE_WORD)
        )
        # The model gives up on longer words, so none may reach it.
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([byte_level, cut_long_words()])
        tokenizer.decoder = decoders.Sequence([decoders.Replace(_CONTINUES, ""), decoders.ByteLevel()])
    else:
        tokenizer = Tokenizer(models.BPE() if section.type == "bpe" else models.Unigram())
        tokenizer.pre_tokenizer = byte_level
        tokenizer.decoder = decoders.ByteLevel()
    if section.nfkc:
        tokenizer.normalizer = normalizers.NFKC()
    return tokenizer


def _tidied(tokenizer: Tokenizer, section: TokenizerSection) -> Tokenizer:
    """Leave only the special tokens special, and hold a Unigram vocabulary, which its trainer may exceed, to the size asked for."""
    description = json.loads(tokenizer.to_str())
    description["added_tokens"] = [token for token in description["added_tokens"] if token["content"] in SPECIAL_TOKENS]
    if section.type == "unigram":
        entries = description["model"]["vocab"]
        pieces = [(score, place) for place, (piece, score) in enumerate(entries) if len(piece) > 1]
        pieces = [(score, place) for score, place in pieces if place >= len(SPECIAL_TOKENS)]
        surplus = {place for _, place in sorted(pieces)[: max(0, len(entries) - _entries_of_text(section))]}
        description["model"]["vocab"] = [entry for place, entry in enumerate(entries) if place not in surplus]
    return Tokenizer.from_str(json.dumps(description))


def _entries_of_text(section: TokenizerSection) -> int:
    """Entries that are trained; `<mask>` comes after them."""
    return section.vocab_size - bool(section.mask_token)


def _smallest_vocabulary(section: TokenizerSection) -> int:
    special_and_bytes = len(SPECIAL_TOKENS) + 256 + bool(section.mask_token)
    return special_and_bytes + 256 if section.type == "wordpiece" else special_and_bytes


def _trainer(section: TokenizerSection, progress: bool) -> trainers.Trainer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = list(SPECIAL_TOKENS)
    if section.type == "unigram":
        return trainers.UnigramTrainer(
            vocab_size=_entries_of_text(section),
            special_tokens=special,
            initial_alphabet=alphabet,
            show_progress=progress,
        )
    if section.type == "wordpiece":
        return trainers.WordPieceTrainer(
            vocab_size=_entries_of_text(section),
            min_frequency=section.min_frequency,
            # The trainer meets continuing bytes in random order and only those in the text; named like special tokens, they all
            # enter, in a fixed order, and the same text gives the same vocabulary. `_tidied` makes them ordinary entries.
            special_tokens=special + [_CONTINUES + byte for byte in alphabet],
            initial_alphabet=alphabet,
            continuing_subword_prefix=_CONTINUES,
            show_progress=progress,
        )
    return trainers.BpeTrainer(
        vocab_size=_entries_of_text(section),
        min_frequency=section.min_frequency,
        special_tokens=special,
        initial_alphabet=alphabet,
        show_progress=progress,
    )
