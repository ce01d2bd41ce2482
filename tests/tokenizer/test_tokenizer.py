"""Tokenizers: lossless, repeatable, readable by every Hugging Face version, reused only when they fit."""

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import waits_for_another_builder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.implementations import ByteLevelBPETokenizer

from babyllama.cli import main
from babyllama.config.sections import TokenizerSection
from babyllama.corpus.reading import read_documents
from babyllama.errors import DataError, TokenizerError
from babyllama.runs import RunPaths
from babyllama.tokenizer import (
    BOS,
    EOS,
    MASK,
    PAD,
    SPECIAL_TOKENS,
    as_raw_text,
    boundary_ids,
    build_tokenizer,
    describe,
    find_tokenizer,
    load_fast,
    load_tokenizer,
    save_tokenizer,
    tokenizer_fingerprint,
    train_tokenizer,
)
from babyllama.tokenizer.cutting import PreTokenizerKind, cut_text
from babyllama.tokenizer.train import LONG_DOCUMENT, without_long_words

pytestmark = pytest.mark.unit

WORDS = [
    "the",
    "cat",
    "that",
    "the",
    "dogs",
    "chase",
    "sleeps",
    "under",
    "an",
    "old",
    "tree",
    "while",
    "3",
    "birds",
    "sing;",
    "isn't",
    "it",
    "odd?",
]
TEXT = "\n".join(" ".join(WORDS[start:] + WORDS[:start]) for start in range(len(WORDS))) * 3
HARD = [
    "",
    " ",
    " leading, trailing ",
    "tabs\tand\r\nlines\n\n\n  three",
    "naïve café 中文字 😀👩‍👩‍👧 \u00a0\u2003x\u200b",
    "\x00\x1c\x85 control",
    "e\u0301 ﬁ ½ Å",
    f"{BOS} said {EOS}{PAD}<|endoftext|>",
    "## ▁x ##y Ġz",
    "z" * 333,
    "don 't . , ( a )",
]


def section(**keys: object) -> TokenizerSection:
    return TokenizerSection(**{"vocab_size": 600, **keys})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained() -> dict[str, Tokenizer]:
    return {kind: train_tokenizer([TEXT], section(type=kind)) for kind in ("bpe", "unigram", "wordpiece")}


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
@given(text=st.text())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_to_the_byte(trained: dict[str, Tokenizer], kind: str, text: str) -> None:
    tokenizer = trained[kind]
    ids = tokenizer.encode(text).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert not set(ids) & {0, 1, 2}


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_hard_texts_come_back_and_hold_no_special_tokens(trained: dict[str, Tokenizer], kind: str) -> None:
    for text in HARD:
        ids = trained[kind].encode(text).ids
        assert trained[kind].decode(ids, skip_special_tokens=False) == text
        assert not set(ids) & {0, 1, 2}


def test_marks_have_their_ids_and_no_other_token_is_special(trained: dict[str, Tokenizer]) -> None:
    for tokenizer in trained.values():
        assert {i: t.content for i, t in tokenizer.get_added_tokens_decoder().items()} == dict(
            enumerate(SPECIAL_TOKENS)
        )
        assert tokenizer.get_vocab_size() <= 600


def test_vocabulary_is_the_one_that_tokenizers_itself_trains(trained: dict[str, Tokenizer]) -> None:
    reference = ByteLevelBPETokenizer()
    reference.train_from_iterator([TEXT], vocab_size=600, min_frequency=2, special_tokens=list(SPECIAL_TOKENS))
    assert trained["bpe"].get_vocab() == reference.get_vocab()


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_same_text_gives_the_same_bytes(trained: dict[str, Tokenizer], kind: str) -> None:
    assert train_tokenizer(iter([TEXT]), section(type=kind)).to_str() == trained[kind].to_str()


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_the_mask_token_is_the_last_entry_and_text_never_holds_it(tmp_path: Path, kind: str) -> None:
    tokenizer = train_tokenizer([TEXT], section(type=kind, mask_token=True))
    last = tokenizer.get_vocab_size() - 1
    assert tokenizer.token_to_id(MASK) == last == max(tokenizer.get_vocab().values())
    assert last < 600
    assert last not in tokenizer.encode("a <mask> b").ids
    folder = save_tokenizer(tokenizer, tmp_path / "t.json")
    for loaded in (load_tokenizer(folder), load_tokenizer(tmp_path / "t.json")):
        assert (loaded.mask_token, loaded.mask_token_id, len(loaded)) == (MASK, last, last + 1)
        assert tokenizer_fingerprint(loaded) == tokenizer_fingerprint(tokenizer)
    # The entry in front of it is the last that the text gave: nothing else moved.
    smaller = train_tokenizer([TEXT], section(type=kind, vocab_size=599)).get_vocab()
    if kind != "unigram":
        assert tokenizer.get_vocab() == smaller | {MASK: last}


def test_a_tokenizer_without_mask_token_is_what_it_was(tmp_path: Path, trained: dict[str, Tokenizer]) -> None:
    assert trained["bpe"].token_to_id(MASK) is None
    folder = save_tokenizer(trained["bpe"], tmp_path / "t.json")
    assert "mask_token" not in json.loads((folder / "tokenizer_config.json").read_text())
    assert load_tokenizer(folder).mask_token_id is None
    with pytest.raises(TokenizerError, match="Use at least 260"):
        train_tokenizer([TEXT], section(vocab_size=259, mask_token=True))


def test_asking_for_a_mask_token_trains_the_tokenizer_again(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(TEXT)

    def built(**keys: Any) -> bool:
        return build_tokenizer(lambda: iter([TEXT]), [file], section(vocab_size=400, **keys), tmp_path / "t.json")

    assert built()
    # The stage's settings are those of before there was the key, so that older tokenizers still fit.
    assert "mask_token" not in json.loads((tmp_path / "t" / "manifest.json").read_text())["settings"]
    assert [built(), built(mask_token=True), built(mask_token=True), built(mask_token=False)] == [
        False,
        True,
        False,
        True,
    ]


def test_long_documents_train_the_same_tokenizer_in_pieces() -> None:
    """They are handed over in pieces; tokenizers itself takes them whole."""
    document = "\n".join([TEXT] * (3 * LONG_DOCUMENT // len(TEXT) + 1))
    reference = ByteLevelBPETokenizer()
    reference.train_from_iterator([document], vocab_size=600, min_frequency=2, special_tokens=list(SPECIAL_TOKENS))
    assert train_tokenizer([document], section()).get_vocab() == reference.get_vocab()


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_smallest_vocabulary_is_bytes_and_special_tokens(kind: str) -> None:
    tokenizer = train_tokenizer([TEXT], section(type=kind, vocab_size=259))
    assert tokenizer.get_vocab_size() == 259
    assert len(tokenizer.encode("naïve 😀").ids) == len("naïve 😀".encode())


def test_wordpiece_needs_room_for_continuing_bytes() -> None:
    with pytest.raises(TokenizerError, match=r"tokenizer\.vocab_size: 514 .* at least 515"):
        train_tokenizer([TEXT], section(type="wordpiece", vocab_size=514))
    assert train_tokenizer([TEXT], section(type="wordpiece", vocab_size=515)).get_vocab_size() == 515


@pytest.mark.parametrize("documents", [[], ["", ""]])
@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_no_text_is_an_error(documents: list[str], kind: str) -> None:
    with pytest.raises(DataError, match="no text"):
        train_tokenizer(documents, section(type=kind))


def test_nfkc_and_prefix_space_do_what_they_say() -> None:
    nfkc = train_tokenizer([TEXT], section(nfkc=True))
    assert nfkc.decode(nfkc.encode("ﬁ ½").ids) == "fi 1⁄2"
    prefixed = train_tokenizer([TEXT], section(add_prefix_space=True))
    assert prefixed.encode("cat").tokens == prefixed.encode(" cat").tokens == ["Ġcat"]


@given(text=st.text(alphabet=st.sampled_from("ab'st.1 \n\t\u00a0é\x1c")), size=st.integers(1, 12))
@settings(max_examples=200)
def test_text_cut_at_safe_places_gives_the_same_tokens(text: str, size: int) -> None:
    for prefix_space, nfkc in ((False, False), (True, False), (False, True)):
        tokenizer = _cut_world(prefix_space, nfkc)
        pieces = list(cut_text(text, size, PreTokenizerKind.of(tokenizer)))
        assert "".join(pieces) == text
        whole = tokenizer.encode(text).tokens
        # Only the first piece stands at the start of a text.
        assert [token for piece in pieces for token in tokenizer.encode(piece).tokens] == whole


_WORLDS: dict[tuple[bool, bool], Tokenizer] = {}


def _cut_world(prefix_space: bool, nfkc: bool) -> Tokenizer:
    key = (prefix_space, nfkc)
    if key not in _WORLDS:
        _WORLDS[key] = train_tokenizer(
            ["a b's ab. 11 aa\n\n bb  tt"] * 9, section(add_prefix_space=prefix_space, nfkc=nfkc)
        )
    return _WORLDS[key]


def test_unknown_pre_tokenizers_are_never_cut() -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    assert list(cut_text("a b c d", 1, PreTokenizerKind.of(tokenizer))) == ["a b c d"]


# ---------------------------------------------------------------------------------------------------------------------
# Files


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_file_and_folder_load_in_transformers_with_the_same_ids(
    trained: dict[str, Tokenizer], kind: str, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    folder = save_tokenizer(trained[kind], tmp_path / "t.json")
    assert folder == tmp_path / "t"
    loaded = [load_tokenizer(tmp_path / "t.json"), load_tokenizer(folder)]
    for tokenizer in [*loaded, as_raw_text(AutoTokenizer.from_pretrained(folder))]:
        assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
        assert len(tokenizer) == trained[kind].get_vocab_size()
        for text in HARD:
            ids = tokenizer(text)["input_ids"]
            assert ids == trained[kind].encode(text).ids
            assert tokenizer.decode(ids) == text
        assert "token_type_ids" not in tokenizer("a")


def test_tokenizer_config_names_the_class_that_transformers_4_has(
    trained: dict[str, Tokenizer], tmp_path: Path
) -> None:
    first = save_tokenizer(trained["bpe"], tmp_path / "a")
    again = save_tokenizer(load_tokenizer(first), tmp_path / "b")
    for folder in (first, again):
        config = json.loads((folder / "tokenizer_config.json").read_text())
        assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
        assert "split_special_tokens" not in config, "others' tools write <s> in front of a text and mean the token"
        assert (config["bos_token"], config["eos_token"], config["pad_token"]) == (BOS, EOS, PAD)


def test_a_mark_in_a_text_is_a_token_to_others_and_text_to_us(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = save_tokenizer(trained["bpe"], tmp_path / "t")
    others = AutoTokenizer.from_pretrained(folder)
    # What minicons does for bos_token=True.
    assert others(others.bos_token + "the cat")["input_ids"] == [1, *others("the cat")["input_ids"]]
    for ours in (load_tokenizer(folder), as_raw_text(others)):
        assert 1 not in ours("<s>the cat</s>")["input_ids"]
    assert load_fast(folder).encode("<s>the cat</s>").ids == load_tokenizer(folder)("<s>the cat</s>")["input_ids"]


def test_add_bos_puts_the_mark_in_front_after_saving(tmp_path: Path) -> None:
    folder = save_tokenizer(train_tokenizer([TEXT], section(add_bos=True)), tmp_path / "t")
    tokenizer = load_tokenizer(folder)
    plain = tokenizer("the cat", add_special_tokens=False)["input_ids"]
    assert tokenizer("the cat")["input_ids"] == [1, *plain]
    assert 1 not in plain


def test_saving_into_a_model_folder_leaves_the_model_alone(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    save_tokenizer(trained["bpe"], tmp_path)
    assert (tmp_path / "config.json").read_text() == "{}"
    assert find_tokenizer(tmp_path) == tmp_path / "tokenizer.json"


def test_a_tokenizer_is_found_by_every_name_of_a_run(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "run")
    save_tokenizer(trained["bpe"], paths.final)
    for name in (paths.root, paths.final, paths.checkpoints / "chck_1M", paths.final / "tokenizer.json"):
        assert tokenizer_fingerprint(name) == tokenizer_fingerprint(trained["bpe"])


def test_file_and_folder_are_found_by_each_others_name(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    save_tokenizer(trained["bpe"], tmp_path / "t.json")
    (tmp_path / "t.json").rename(tmp_path / "u.json")
    assert find_tokenizer(tmp_path / "t.json") == tmp_path / "t" / "tokenizer.json"
    assert find_tokenizer(tmp_path / "u") == tmp_path / "u.json"
    assert find_tokenizer(tmp_path / "v") is None


def test_fingerprint_ignores_what_does_not_change_ids(trained: dict[str, Tokenizer]) -> None:
    other = Tokenizer.from_str(trained["bpe"].to_str())
    other.enable_padding(pad_id=0)
    other.enable_truncation(5)
    assert tokenizer_fingerprint(other) == tokenizer_fingerprint(trained["bpe"])
    assert tokenizer_fingerprint(trained["unigram"]) != tokenizer_fingerprint(trained["bpe"])
    assert tokenizer_fingerprint(load_tokenizer_from(other)) == tokenizer_fingerprint(trained["bpe"])


def load_tokenizer_from(tokenizer: Tokenizer):  # type: ignore[no-untyped-def]
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD)


def test_truncation_in_a_foreign_file_does_not_cut_documents(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    other = Tokenizer.from_str(trained["bpe"].to_str())
    other.enable_truncation(5)
    other.save(str(tmp_path / "t.json"))
    assert len(load_fast(tmp_path / "t.json").encode("the cat " * 50).ids) > 50


def test_marks_of_a_tokenizer_with_one_mark_for_both_ends(tmp_path: Path) -> None:
    foreign = ByteLevelBPETokenizer()
    foreign.train_from_iterator([TEXT], vocab_size=300, special_tokens=["<|endoftext|>"])
    foreign.save(str(tmp_path / "t.json"))
    special = boundary_ids(tmp_path / "t.json", load_fast(tmp_path / "t.json"))
    assert (special.bos, special.eos) == (0, 0)


def test_a_tokenizer_without_marks_is_an_error(tmp_path: Path) -> None:
    foreign = ByteLevelBPETokenizer()
    foreign.train_from_iterator([TEXT], vocab_size=300)
    foreign.save(str(tmp_path / "t.json"))
    with pytest.raises(TokenizerError, match="no token for the start or end"):
        boundary_ids(tmp_path / "t.json", load_fast(tmp_path / "t.json"))


@pytest.mark.parametrize("content", ["", "{}", '{"version": "1.0"', "\x00"])
def test_a_damaged_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(content)
    for load in (load_fast, load_tokenizer):
        with pytest.raises(TokenizerError, match=r"t\.json is not a tokenizer"):
            load(tmp_path / "t.json")


@pytest.mark.parametrize("name", ["missing.json", "./no/such/folder", "/no/such"])
def test_a_missing_tokenizer_names_the_command_that_makes_one(name: str) -> None:
    with pytest.raises(TokenizerError, match=r"no tokenizer at .*babyllama tokenizer"):
        load_tokenizer(name)


def test_training_takes_words_of_any_length_in_pieces_and_no_others() -> None:
    """Trainers are quadratic in the length of a word, and a text without spaces may be one word."""
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cut = without_long_words(plain)
    for text in ("中" * 10_000, "e" + "\u0301" * 9_999, " " * 10_000, "1" * 10_000):
        pieces = [piece for piece, _ in cut.pre_tokenize_str(text)]
        assert max(map(len, pieces)) <= 1000
        assert "".join(pieces) == "".join(piece for piece, _ in plain.pre_tokenize_str(text))
    ordinary = TEXT + " " + "x" * 999 + " " + "中" * 333
    assert cut.pre_tokenize_str(ordinary) == plain.pre_tokenize_str(ordinary)


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_text_without_spaces_is_trained_on_and_comes_back(kind: str) -> None:
    text = "".join(chr(0x4E00 + number * number % 3000) for number in range(20_000))
    tokenizer = train_tokenizer([text, TEXT], section(type=kind, vocab_size=900))
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert len(tokenizer.encode("中国人民" * 10).ids) < 120


# ---------------------------------------------------------------------------------------------------------------------
# The stage


def build(path: Path, text: Path, said: list[str], **keys: Any) -> bool:
    with contextlib.redirect_stderr(io.StringIO()) as told:
        trained = build_tokenizer(
            lambda: iter([text.read_text()]), [text], keys.pop("section", None) or section(), path, **keys
        )
    said += told.getvalue().splitlines()
    return trained


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a.train"
    path.write_text(TEXT)
    return path


def test_two_processes_do_not_train_the_same_tokenizer(text: Path, tmp_path: Path) -> None:
    path = tmp_path / "models" / "t.json"
    assert waits_for_another_builder(path.with_suffix(""), lambda: build(path, text, []))


def test_a_tokenizer_is_reused_until_text_or_settings_change(text: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "models" / "t.json"
    assert build(path, text, said)
    assert "the text supports no more pieces" in said[-1]
    assert not build(path, text, said)
    assert "reused" in said[-1]
    text.write_text(TEXT + " more more more")
    assert build(path, text, said)
    assert any("made again (changed input: text)" in line for line in said)
    assert build(path, text, said, section=section(vocab_size=300))
    assert "changed setting: vocab_size 600 -> 300" in said[-1]


@pytest.mark.parametrize(
    "damage", ["folder file changed", "file changed", "file missing", "folder missing", "manifest"]
)
def test_a_damaged_tokenizer_is_trained_again(text: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "t.json"
    build(path, text, [])
    whole = path.read_bytes()
    if damage == "manifest":
        manifest = tmp_path / "t" / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"vocab_size": ', '"vocab_size": 1'))
    elif damage == "folder missing":
        shutil.rmtree(tmp_path / "t")
    elif damage == "file missing":
        path.unlink()
    else:
        target = path if damage == "file changed" else tmp_path / "t" / "tokenizer.json"
        target.write_bytes(whole[: len(whole) // 2])
    if damage == "folder missing":
        # Without its manifest the file could be anyone's.
        with pytest.raises(TokenizerError, match="did not train"):
            build(path, text, [], keep_foreign=False)
        assert build(path, text, [], overwrite=True)
    else:
        assert build(path, text, [])
    assert path.read_bytes() == whole == (tmp_path / "t" / "tokenizer.json").read_bytes()


@pytest.mark.parametrize("name", ["t.json", "t/tokenizer.json", "t/tokenizer_config.json"])
def test_a_changed_byte_of_a_tokenizer_is_damage_when_it_is_loaded(text: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.json"
    build(path, text, [])
    file = tmp_path / name
    whole = file.read_bytes()
    file.write_bytes(
        whole.replace(b'"vocab"', b'"vocab" ').replace(b"clean_up_tokenization_spaces", b"clean_up_tokenization_Spaces")
    )
    given = path if name == "t.json" else tmp_path / "t"
    for load in (load_fast, load_tokenizer):
        with pytest.raises(TokenizerError, match=f"is damaged: .*{Path(name).name} .*(has changed|instead of)"):
            load(given)
    assert build(path, text, [])
    assert file.read_bytes() == whole
    load_tokenizer(given)


def test_a_tokenizer_saved_over_a_trained_one_is_not_taken_for_damage(
    trained: dict[str, Tokenizer], text: Path, tmp_path: Path
) -> None:
    path = tmp_path / "t.json"
    build(path, text, [])
    save_tokenizer(trained["unigram"], path)
    assert tokenizer_fingerprint(path) == tokenizer_fingerprint(trained["unigram"])


def test_text_that_changes_while_a_tokenizer_is_trained_is_noticed(text: Path, tmp_path: Path) -> None:
    def changing() -> Iterator[str]:
        yield TEXT
        text.write_text("other text")

    with pytest.raises(DataError, match="the text changed while it was read"):
        build_tokenizer(changing, [text], section(), tmp_path / "t.json")
    assert find_tokenizer(tmp_path / "t.json") is None


def test_somebody_elses_tokenizer_is_used_as_it_is(trained: dict[str, Tokenizer], text: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    trained["unigram"].save(str(path))
    before = path.read_bytes()
    said: list[str] = []
    assert not build(path, text, said)
    assert "used as it is" in said[-1]
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["a.txt.gz", "a.parquet", "a.jsonl", "a.txt"])
def test_a_broken_source_is_never_no_text(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"\xff broken")
    with pytest.raises(DataError, match=rf"{name}.* (damaged|not UTF-8)"):
        build_tokenizer(lambda: read_documents([file]), [file], section(), tmp_path / "t")
    assert find_tokenizer(tmp_path / "t") is None


def test_a_folder_in_the_way_is_named(text: Path, tmp_path: Path) -> None:
    (tmp_path / "t.json").mkdir()
    with pytest.raises(TokenizerError, match="a folder of that name is in the way"):
        build(tmp_path / "t.json", text, [])


# ---------------------------------------------------------------------------------------------------------------------
# Description and command


def test_description_counts_what_is_there() -> None:
    tokenizer = train_tokenizer([TEXT], section(vocab_size=259))
    report = describe(tokenizer, ["ab ab\n", "é"])
    assert (report.total.documents, report.total.words, report.total.bytes, report.total.tokens) == (2, 3, 8, 8)
    assert report.tokens_per_word == 8 / 3
    assert report.bytes_per_token == 1
    assert report.total.used == 6
    assert report.rare == 6
    assert report.lossless
    assert not describe(train_tokenizer([TEXT], section(nfkc=True)), ["½"]).lossless


def test_command_trains_measures_and_compares(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.dev").write_text("the old dogs sing")
    common = ["--data-dir", str(text), "--eval-text", "b.dev"]
    assert main([*common, "--vocab-size", "300", "--output_path", "m/t.json"], command="tokenizer") == 0
    out = capsys.readouterr()
    assert "vocabulary 300" in out.out
    assert "tokens per word" in out.out
    assert "bytes per token" in out.out
    assert load_fast("m/t.json").get_vocab_size() == 300

    assert main([*common, "--vocab-size", "300,320", "--output", "m/t-300.json"], command="tokenizer") == 0
    out = capsys.readouterr()
    assert [line.split()[:2] for line in out.out.splitlines()[2:4]] == [["t-300.json", "300"], ["t-320.json", "320"]]
    assert (tmp_path / "m/t-320/tokenizer_config.json").is_file()


def test_command_measures_on_documents_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    documents = [f"common words {'special' if number == 50 else 'ordinary'}" for number in range(1, 101)]
    (tmp_path / "a.train").write_text("\n<|endoftext|>\n".join(documents))
    assert main(["--data-dir", "a.train", "--vocab-size", "300", "--output", "t"], command="tokenizer") == 0
    output = capsys.readouterr()
    assert output.out.startswith("measured on every 50th document\n")
    assert "6 words" in output.out
    assert "Ġspecial" not in load_fast("t").get_vocab()
    assert "Ġordinary" in load_fast("t").get_vocab()


def test_command_measures_on_held_out_text_of_the_same_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, name in (("babylm_10M_clean", "a.train"), ("babylm_dev_clean", "default.dev"), ("mine", "a.train")):
        (tmp_path / "data" / folder).mkdir(parents=True)
        (tmp_path / "data" / folder / name).write_text("some words " * 20)

    def measured_on(*arguments: str) -> str:
        assert main([*arguments, "--vocab-size", "300", "--output", "t", "--overwrite"], command="tokenizer") == 0
        return capsys.readouterr().out.splitlines()[0]

    assert measured_on() == "measured on data/babylm_dev_clean/default.dev"
    assert measured_on("--data-dir", "data/mine") == "measured on the training text itself"
    (tmp_path / "data/mine/b.dev").write_text("other words")
    assert measured_on("--data-dir", "data/mine") == "measured on data/mine/b.dev"


def test_longest_entries_are_shown_as_text() -> None:
    tokenizer = train_tokenizer(["\ufffd\ufffd " * 50 + "é" * 50], section(vocab_size=275))
    assert "\ufffd\ufffd" in describe(tokenizer, [TEXT]).longest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vocab-size", "12"], "--vocab-size = 12: input should be greater than or equal to 259"),
        (["--vocab-size", "many"], "--vocab-size = many: not a whole number"),
        (["--data-dir", "nowhere"], "--data-dir: nowhere does not exist"),
        (["--eval-text", "nowhere"], "--eval-text: nowhere does not exist"),
    ],
)
def test_command_names_the_mistake(
    arguments: list[str],
    message: str,
    text: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--data-dir", str(text), "--output", "t", *arguments], command="tokenizer") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "t").exists()
