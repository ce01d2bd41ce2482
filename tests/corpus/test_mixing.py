"""Mixing: exact shares, balanced prefixes, the same bytes every time, clear errors, nothing half-written."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faults import waits_for_another_builder

from babyllama.artifacts import Manifest, fingerprints
from babyllama.config import Config
from babyllama.corpus.mixing import mix
from babyllama.corpus.mixing.deduplication import duplicate_test
from babyllama.corpus.mixing.round_robin import divide
from babyllama.corpus.mixing.units import Unit, count_words
from babyllama.corpus.mixing.writing import MixWriter
from babyllama.corpus.reading import decoding, is_synthetic, read_documents
from babyllama.errors import ConfigError, DataError, RunError, TokenizerError
from babyllama.settings import config_from_values

REAL = ("simple_wiki", "bnc_spoken", "open_subtitles")


def sentence(source: str, number: int) -> str:
    """A sentence that occurs once, of a length that varies."""
    return f"{source} sentence {number} says {'word ' * (number * 7 % 11)}and {'e' * (number * 5 % 17)}nds."


def write_source(folder: Path, name: str, documents: int = 60, sentences: int = 12) -> None:
    """A source of blank-line passages."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [
        "\n".join(sentence(name, document * sentences + line) for line in range(1 + (document * 5) % sentences))
        for document in range(documents)
    ]
    (folder / f"{name}.train").write_text("\n\n".join(texts) + "\n", encoding="utf-8")


def config(root: Path, *sources: str | dict, train: Path | str | None = None, **mixing: object) -> Config:
    """A configuration that mixes `sources` (file stems or sections) of `root` into `train`."""
    chosen = [{"path": f"{source}.train"} if isinstance(source, str) else source for source in sources]
    return config_from_values(
        {
            "data": {"train_path": str(train or root / "mix")},
            "model": {"type": "Llama", "hidden_size": 8, "n_layer": 1, "n_head": 1},
            "mixing": {"root": str(root), "sources": chosen, **mixing},
        }
    )


def units(path: Path) -> list[dict[str, str]]:
    """The rows of a mix's table of units."""
    with Path(f"{path}.units.tsv").open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def taken(path: Path) -> dict[str, int]:
    """Bytes per source by the table of units, each checked against the text."""
    text = path.read_bytes()
    total: dict[str, int] = {}
    for row in units(path):
        start, size = int(row["offset"]), int(row["bytes"])
        assert len(text[start : start + size].strip()) == size
        total[row["source"]] = total.get(row["source"], 0) + size
    return total


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A folder with three sources of about 13 kB each."""
    for name in ("alpha", "beta", "gamma"):
        write_source(tmp_path, name)
    return tmp_path


# ---------------------------------------------------------------------------------------------------------------------
# Shares and order


@pytest.mark.unit
def test_each_source_lands_within_one_unit_below_its_share(three):
    report = mix(config(three, "alpha", "beta", "gamma", budget="24kB", max_unit="500B"))
    shares = taken(report.train)
    assert set(shares) == {"alpha", "beta", "gamma"}
    for size in shares.values():
        assert 8000 - 500 <= size <= 8000
    assert report.bytes == sum(shares.values())


@pytest.mark.unit
@pytest.mark.parametrize(("unit", "budget"), [("bytes", 20_001), ("words", 3001)])
def test_exact_shares_sum_to_the_budget(three, unit, budget):
    report = mix(config(three, "alpha", "beta", "gamma", budget=f"{budget} {unit}", exact=True))
    assert [row["taken"] for row in report.sources] == [budget // 3 + (number < budget % 3) for number in range(3)]
    measured = sum(
        int(row["bytes"])
        if unit == "bytes"
        else count_words(report.train.read_bytes()[int(row["offset"]) :][: int(row["bytes"])])
        for row in units(report.train)
    )
    assert measured == budget


@pytest.mark.unit
def test_an_exact_share_ends_with_a_sentence_where_one_fits(three):
    for name in ("alpha", "beta"):
        write_source(three, name, documents=900)
    report = mix(config(three, "alpha", "beta", budget="9998", exact=True, max_unit="300B"))
    last = {row["source"]: row for row in units(report.train)}
    text = report.train.read_bytes()
    for row in last.values():
        end = int(row["offset"]) + int(row["bytes"])
        assert text[end - 1 : end + 1] == b".\n"


@pytest.mark.unit
def test_every_prefix_is_balanced_within_one_unit(three):
    report = mix(config(three, "alpha", "beta", "gamma", budget="30kB", max_unit="400B"))
    given = {"alpha": 0, "beta": 0, "gamma": 0}
    for row in units(report.train):
        given[row["source"]] += int(row["bytes"])
        assert max(given.values()) - min(given.values()) <= 400


@pytest.mark.unit
def test_weights_give_proportional_shares(three):
    sources = [{"path": "alpha.train", "weight": 3}, {"path": "beta.train", "weight": 1}]
    report = mix(config(three, *sources, budget="12kB", exact=True))
    assert taken(report.train) == {"alpha": 9000, "beta": 3000}


@pytest.mark.unit
def test_without_a_budget_all_text_that_equal_shares_allow_is_taken(three):
    write_source(three, "short", documents=10)
    total = sum(len(text.encode()) for text in (three / "short.train").read_text().strip().split("\n\n"))
    report = mix(config(three, "alpha", "short"))
    shares = taken(report.train)
    assert shares["short"] == total
    assert abs(shares["alpha"] - total) <= 4000  # one unit


@pytest.mark.unit
def test_pieces_of_a_long_document_are_marked_and_join_to_it(three):
    (three / "long.train").write_text("\n".join(sentence("long", n) for n in range(200)), encoding="utf-8")
    report = mix(config(three, "long", "alpha", budget="16kB", max_unit="1kB"))
    text = report.train.read_bytes()
    rows = [row for row in units(report.train) if row["source"] == "long"]
    assert {row["document"] for row in rows} == {"0"}
    assert [int(row["piece"]) for row in rows] == list(range(len(rows)))
    pieces = [text[int(row["offset"]) :][: int(row["bytes"])].decode() for row in rows]
    assert (three / "long.train").read_text().startswith("\n".join(pieces))


@pytest.mark.unit
def test_pieces_that_stay_together_are_one_document(three):
    original = "\n".join(sentence("long", n) for n in range(200))
    (three / "long.train").write_text(original, encoding="utf-8")
    report = mix(config(three, "long", max_unit="1kB"))
    assert list(read_documents([report.train])) == [original]


@pytest.mark.unit
def test_shuffling_keeps_the_documents_and_depends_on_the_seed_alone(three):
    plain = list(read_documents([mix(config(three, "alpha", train=three / "m0")).train]))
    runs = [
        list(read_documents([mix(config(three, "alpha", train=three / f"m{n}", shuffle=True, seed=seed)).train]))
        for n, seed in [(1, 7), (2, 7), (3, 8)]
    ]
    assert runs[0] == runs[1] != runs[2]
    assert sorted(runs[0]) == sorted(plain) == sorted(runs[2])
    assert runs[0] != plain


@pytest.mark.unit
def test_divide_gives_whole_shares_that_sum_to_the_budget():
    assert divide(2_000_000, [1, 1, 1]) == [666_667, 666_667, 666_666]
    assert divide(10, [3, 1]) == [8, 2]
    assert divide(100, [1, 1, 1], [10, None, None]) == [10, 45, 45]
    assert divide(100, [1, 1], [10, 20]) == [10, 20]


# ---------------------------------------------------------------------------------------------------------------------
# Held-out text, duplicates, sources that run short


@pytest.mark.unit
def test_a_dev_split_takes_other_documents_and_reports_the_overlap(three):
    report = mix(config(three, "alpha", "beta", budget="12kB", dev_budget="3kB"))
    train, dev = (list(read_documents([path])) for path in (report.train, report.dev))
    assert not set(train) & set(dev)
    assert 1500 - 750 <= report.dev_sources[0]["bytes"] <= 1500
    assert report.overlap is not None
    # Every sentence of the toy sources is its own, so only "word word ..." can be shared.
    shared = {" ".join(words[n : n + 8]) for text in train for words in [text.split()] for n in range(len(words) - 7)}
    held = {" ".join(words[n : n + 8]) for text in dev for words in [text.split()] for n in range(len(words) - 7)}
    assert report.overlap == pytest.approx(len(held & shared) / len(held))


@pytest.mark.unit
def test_dev_text_from_its_own_sources(three):
    write_source(three / "dev", "delta")
    report = mix(config(three, "alpha", budget="5kB", dev_budget="2kB", dev_sources=[{"path": "dev/delta.train"}]))
    assert report.dev == three / "mix" / "mix.dev"
    assert set(taken(report.dev)) == {"delta"}


@pytest.mark.unit
def test_short_sources_are_an_error_with_numbers(three):
    write_source(three, "short", documents=10)
    with pytest.raises(DataError, match=r"short holds [\d,]+ of the 10,000 bytes.*on_short"):
        mix(config(three, "alpha", "short", budget="20kB"))
    assert not (three / "mix").exists()
    with pytest.raises(DataError, match=r"alpha holds .*beta holds .*at most"):
        mix(config(three, "alpha", "beta", budget="10MB"))


@pytest.mark.unit
def test_redistribute_repeat_and_stop(three):
    write_source(three, "short", documents=10)
    total = sum(len(text.encode()) for text in (three / "short.train").read_text().strip().split("\n\n"))

    def shares(on_short: str) -> dict[str, int]:
        return taken(
            mix(config(three, "alpha", "short", budget="14kB", on_short=on_short, exact=on_short != "stop")).train
        )

    assert shares("redistribute") == {"alpha": 14_000 - total, "short": total}
    assert shares("repeat") == {"alpha": 7000, "short": 7000}
    assert shares("stop")["short"] == total
    with pytest.raises(DataError, match="together hold"):
        mix(config(three, "alpha", "short", budget="1MB", on_short="redistribute"))


@pytest.mark.unit
def test_redistributed_shares_hold_in_every_prefix(three):
    write_source(three, "short", documents=20)
    report = mix(config(three, "alpha", "short", budget="15kB", on_short="redistribute", max_unit="200B"))
    rows = units(report.train)
    half = rows[: len(rows) // 2]
    of_short = sum(int(row["bytes"]) for row in half if row["source"] == "short")
    wanted = report.sources[1]["share"] / 15_000
    assert of_short / sum(int(row["bytes"]) for row in half) == pytest.approx(wanted, abs=0.05)


@pytest.mark.unit
def test_exact_duplicates_are_left_out(three):
    text = (three / "alpha.train").read_text()
    (three / "twice.train").write_text(text + "\n" + text + "\nOne more passage.\n")
    report = mix(config(three, "twice", deduplicate="exact"))
    documents = list(read_documents([report.train]))
    assert len(documents) == len(set(documents)) == len(set(text.strip().split("\n\n"))) + 1
    assert report.sources[0]["removed"]["duplicates"] > 50


@pytest.mark.unit
def test_near_duplicates_are_left_out(three):
    pytest.importorskip("rensa")
    passage = " ".join(f"w{n}" for n in range(200))
    others = [" ".join(f"o{k}x{n}" for n in range(200)) for k in range(5)]
    (three / "near.train").write_text("\n\n".join([passage, *others, passage.replace("w100 ", "changed ")]))
    report = mix(config(three, "near", deduplicate="near"))
    assert list(read_documents([report.train])) == [passage, *others]


# ---------------------------------------------------------------------------------------------------------------------
# Reuse


@pytest.mark.unit
def test_a_mix_is_reused_until_sources_or_settings_change(three):
    wanted = config(three, "alpha", "beta", budget="8kB")
    first = mix(wanted)
    assert not first.reused
    assert first.reason == "not there yet"
    stamp = first.train.stat().st_mtime_ns
    assert mix(wanted).reused
    assert first.train.stat().st_mtime_ns == stamp
    assert "max_unit" in str(mix(config(three, "alpha", "beta", budget="8kB", max_unit="300B")).reason)
    mix(wanted)
    with (three / "alpha.train").open("a") as handle:
        handle.write("\n\nOne more.\n")
    assert mix(wanted).reason == "changed input: alpha"
    first.train.write_bytes(first.train.read_bytes()[:-100])
    assert "mix.train has" in str(mix(wanted).reason)
    first.train.write_bytes(first.train.read_bytes().replace(b"word", b"ward", 1))
    assert "the content of mix.train has changed" in str(mix(wanted).reason)


@pytest.mark.unit
def test_a_source_that_changes_while_it_is_mixed_is_noticed(three, monkeypatch):
    def changing(writer: MixWriter, source: str, unit: Unit) -> None:
        add(writer, source, unit)
        (three / "beta.train").write_text("Other text.")

    add = MixWriter.add
    monkeypatch.setattr(MixWriter, "add", changing)
    with pytest.raises(DataError, match="the source 'beta' changed while it was mixed"):
        mix(config(three, "alpha", "beta"))
    assert not (three / "mix").exists()


@pytest.mark.unit
def test_a_moved_corpus_is_the_same_corpus(three, tmp_path):
    mix(config(three, "alpha", budget="3kB", train=tmp_path / "mix"))
    shutil.copytree(three, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("mix"))
    assert mix(config(tmp_path / "elsewhere", "alpha", budget="3kB", train=tmp_path / "mix")).reused


@pytest.mark.unit
def test_the_same_settings_give_the_same_bytes(three):
    digests = set()
    for name in ("one", "two"):
        report = mix(config(three, "alpha", "beta", "gamma", budget="20kB", exact=True, train=three / name))
        digests.add(hashlib.sha256(report.train.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.unit
def test_the_manifest_names_what_went_in_and_came_out(three):
    report = mix(config(three, "alpha", "beta", budget="8kB"))
    manifest = Manifest.read(report.folder)
    assert manifest is not None
    assert manifest.stage == "mix"
    row = manifest.outputs["sources"][0]
    assert row["bytes"] == taken(report.train)["alpha"]
    assert row["documents"] == len({unit["document"] for unit in units(report.train) if unit["source"] == "alpha"})
    assert row["words"] == sum(len(text.split()) for text in read_documents([report.train]) if text.startswith("alpha"))
    assert row["sentences"] == sum(
        text.count(".") for text in read_documents([report.train]) if text.startswith("alpha")
    )
    assert row["fingerprint"].startswith("sha256:")
    assert "alpha" in report.table()
    assert "share" in report.table()


@pytest.mark.unit
def test_a_mix_of_synthetic_text_is_synthetic(three):
    Manifest("synthetic", {}, {}).write(three)
    assert is_synthetic([mix(config(three, "alpha")).train])


# ---------------------------------------------------------------------------------------------------------------------
# Bad input


@pytest.mark.unit
@pytest.mark.parametrize(
    ("sources", "settings", "error", "says"),
    [
        (["alpha", "gone"], {}, DataError, r"mixing\.sources\[1\]\.path .*gone\.train does not exist"),
        ([{"path": "alpha.train", "domain": "wikpedia"}], {}, ConfigError, "did you mean 'wikipedia'"),
        ([{"path": "alpha.train", "hub": "a/b"}], {}, ConfigError, "give either path or hub"),
        ([{}], {}, ConfigError, "give either path or hub"),
        (["alpha", {"path": "../{}/alpha.train", "name": "again"}], {}, DataError, "both hold"),
        (["alpha", {"path": "copy.train"}], {}, DataError, "the same text as"),
        (["alpha", {"path": "beta.train", "name": "alpha"}], {}, ConfigError, "two sources are called 'alpha'"),
        (["alpha"], {"budget": "2 MiB"}, ConfigError, "mixing.budget = '2 MiB'"),
        (["alpha"], {"budget": "lots"}, ConfigError, "mixing.budget = 'lots'"),
        (["alpha"], {"budget": "5k words", "dev_budget": "1kB"}, ConfigError, "different units"),
        (["alpha"], {"budget": "5kB", "unit": "words"}, ConfigError, "different units"),
        (["alpha"], {"max_unit": "3 words"}, ConfigError, "must be a size in bytes"),
        (["alpha"], {"on_short": "repeat"}, ConfigError, "needs mixing.budget"),
        (["alpha"], {"budget": "5k tokens"}, TokenizerError, "no tokenizer is there"),
        (["alpha"], {"budget": "5k tokens", "exact": True}, ConfigError, "bytes and words"),
        (
            ["alpha"],
            {"budget": "5kB", "dev_budget": "1kB", "dev_sources": [{"path": "alpha.train"}]},
            DataError,
            "leak",
        ),
        (["empty"], {}, DataError, "'empty' holds no text after cleaning"),
        (["broken"], {}, DataError, r"broken\.train is not UTF-8: byte 0xff at position 9 \(line 2\)"),
        (["cut.train.gz"], {}, DataError, "damaged or cut short"),
    ],
)
def test_what_cannot_be_mixed_is_one_clear_error(three, sources, settings, error, says):
    (three / "copy.train").write_text((three / "alpha.train").read_text())
    (three / "empty.train").write_text("\n \n\n")
    (three / "broken.train").write_bytes(b"one two\n \xff three")
    (three / "cut.train.gz").write_bytes(gzip.compress(os.urandom(4000).hex().encode())[:-300])
    chosen = [{"path": source} if isinstance(source, str) and "." in source else source for source in sources]
    for source in chosen:
        if isinstance(source, dict) and "path" in source:
            source["path"] = source["path"].format(three.name)
    with pytest.raises(error, match=says):
        mix(config(three, *chosen, **settings))
    assert not (three / "mix").exists()
    assert not list(three.glob(".tmp-*"))


@pytest.mark.unit
def test_broken_utf8_is_accepted_on_request(three):
    (three / "broken.train").write_bytes(b"caf\xe9 au lait\n")
    report = mix(config(three, "broken", errors="replace"))
    assert list(read_documents([report.train])) == ["caf\ufffd au lait"]


@pytest.mark.unit
def test_a_folder_with_other_text_is_refused(three):
    (three / "mix").mkdir()
    (three / "mix" / "novel.txt").write_text("my only copy")
    with pytest.raises(RunError, match=r"data\.train_path: .*novel\.txt"):
        mix(config(three, "alpha"))
    assert (three / "mix" / "novel.txt").read_text() == "my only copy"
    (three / "mix" / "novel.txt").unlink()
    mix(config(three, "alpha"))
    (three / "mix" / "novel.txt").write_text("added later")
    with pytest.raises(RunError, match="novel"):
        mix(config(three, "alpha", budget="1kB"))


@pytest.mark.unit
def test_a_train_file_names_the_mix(three):
    report = mix(config(three, "alpha", train=three / "m" / "mine.train", budget="4kB", dev_budget="1kB"))
    assert report.train == three / "m" / "mine.train"
    assert report.train.is_file()
    assert report.dev == three / "m" / "mine.dev"
    assert report.dev.is_file()


@pytest.mark.unit
def test_a_full_disk_leaves_nothing_behind(three):
    """Writing fails where the file system does: at 20 kB, by the limit on file sizes, which acts like a full disk."""
    code = f"""
import resource, signal, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parent.parent)!r}]
from pathlib import Path
from test_mixing import config
from babyllama.corpus.mixing import mix
from babyllama.errors import RunError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
wanted = config(Path({str(three)!r}), "alpha", "beta", "gamma")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    mix(wanted)
except RunError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot write the mix" in done.stdout
    assert "Nothing of it was kept" in done.stdout
    assert not (three / "mix").exists()
    assert not list(three.glob(".tmp-*"))


@pytest.mark.unit
def test_many_one_line_files_are_one_source(three):
    folder = three / "lines"
    folder.mkdir()
    for number in range(500):
        (folder / f"{number:04}.txt").write_text(f"line {number}")
    report = mix(config(three, {"path": "lines"}))
    assert list(read_documents([report.train])) == [f"line {number}" for number in range(500)]


# ---------------------------------------------------------------------------------------------------------------------
# Real text


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize(
    ("budget", "shares"), [("2MB", [666_667, 666_667, 666_666]), ("10MB", [3_333_334, 3_333_333, 3_333_333])]
)
def test_the_two_mixes_of_real_text_are_exact_balanced_and_repeatable(shared_data, tmp_path, budget, shares):
    def made(name: str, exact: bool) -> Path:
        sources = [{"path": f"{source}.train"} for source in REAL]
        wanted = config(shared_data / "babylm" / "train", *sources, train=tmp_path / name, budget=budget, exact=exact)
        return mix(wanted).train

    near = taken(made("near", exact=False))
    for source, share in zip(REAL, shares, strict=True):
        assert share - 4000 <= near[source] <= share
    exact = made("exact", exact=True)
    assert list(taken(exact).values()) == shares
    assert exact.read_bytes() == made("again", exact=True).read_bytes()
    given = dict.fromkeys(REAL, 0)
    mark = 100_000
    for row in units(exact):
        given[row["source"]] += int(row["bytes"])
        if int(row["offset"]) >= mark:
            assert max(given.values()) - min(given.values()) <= 4000
            mark += 100_000


@pytest.mark.unit
def test_two_processes_do_not_make_the_same_mix(tmp_path: Path) -> None:
    write_source(tmp_path, "a")
    wanted = config(tmp_path, "a", train=tmp_path / "out" / "mix")
    assert waits_for_another_builder(tmp_path / "out" / "mix", lambda: mix(wanted))


@pytest.mark.unit
def test_an_unreadable_source_is_named_and_not_the_mix(three, monkeypatch):
    def unreadable(path):
        if Path(path).name == "beta.train":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path)

    opened = fingerprints.open_regular
    for module in (fingerprints, decoding):
        monkeypatch.setattr(module, "open_regular", unreadable)
        with pytest.raises(DataError, match=r"cannot read .*beta\.train: Permission denied"):
            mix(config(three, "alpha", "beta"))
        monkeypatch.undo()


@pytest.mark.unit
def test_names_of_sources_cannot_break_a_table(three):
    report = mix(config(three, {"path": "alpha.train", "name": "=1+1"}, {"path": "beta.train", "name": "a, b"}))
    assert {row["source"] for row in units(report.train)} == {"'=1+1", "a, b"}


@pytest.mark.unit
def test_without_the_extra_near_deduplication_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(ConfigError, match=r'needs the package rensa.*pip install "babyllama\[dedup\]"'):
        duplicate_test("near", 42)
