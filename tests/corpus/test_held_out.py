"""Held-out text is never trained on: what both places name is left out or refused, and other domains are said."""

from __future__ import annotations

from pathlib import Path

import pytest

from babyllama.cli import main
from babyllama.config.sections import Config
from babyllama.corpus.held_out import share_of_other_domains, text_files
from babyllama.corpus.mixing import mix
from babyllama.errors import DataError

TEXT = "Some words that stand here. " * 60


def config(train: Path, held_out: Path | None, **sections: object) -> Config:
    data = {"train_path": str(train), "eval_path": None if held_out is None else str(held_out)}
    return Config.model_validate(
        {"data": data, "model": {"type": "Llama", "hidden_size": 8, "n_layer": 1, "n_head": 1}, **sections}
    )


def write(path: Path, text: str = TEXT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.unit
def test_a_held_out_file_in_the_training_folder_is_left_out_of_it(tmp_path, capsys):
    a, b = write(tmp_path / "a.txt"), write(tmp_path / "b.txt", "other " * 300)
    assert text_files(config(tmp_path, b)) == ([a], [b])
    assert "1 file left out of the training text, being held out by data.eval_path" in capsys.readouterr().err


@pytest.mark.unit
def test_a_copy_or_link_of_held_out_text_is_left_out_of_the_training_text(tmp_path, capsys):
    held_out = write(tmp_path / "dev" / "x.txt")
    copy, own = write(tmp_path / "train" / "y.txt"), write(tmp_path / "train" / "own.txt", TEXT.upper())
    (tmp_path / "train" / "z.txt").symlink_to(held_out)
    assert text_files(config(tmp_path / "train", held_out.parent)) == ([own], [held_out])
    error = capsys.readouterr().err
    assert f"{copy} (the text of {held_out})" in error
    assert "2 files left out" in error


@pytest.mark.unit
def test_the_same_text_for_both_is_refused(tmp_path):
    write(tmp_path / "a.txt"), write(tmp_path / "b.txt", "other " * 300)
    for train, held_out in (
        (tmp_path, tmp_path),
        (tmp_path / "a.txt", tmp_path),
        (tmp_path / "a.txt", tmp_path / "a.txt"),
    ):
        with pytest.raises(DataError, match=r"data\.train_path = .* and data\.eval_path = .* name the same text"):
            text_files(config(train, held_out))
    assert text_files(config(tmp_path, None)) == ([tmp_path / "a.txt", tmp_path / "b.txt"], [])


@pytest.mark.unit
def test_small_files_are_equal_by_chance(tmp_path):
    a, b = write(tmp_path / "a.txt", "yes"), write(tmp_path / "dev" / "b.txt", "yes")
    assert text_files(config(a, b)) == ([a], [b])


@pytest.mark.unit
def test_a_source_of_the_mix_is_no_held_out_text(tmp_path):
    for name in ("alpha", "beta"):
        write(tmp_path / f"{name}.train", f"{name} says so.\n\n" * 200)
    sources = {"root": str(tmp_path), "sources": [{"path": "alpha.train"}, {"path": "beta.train"}]}
    wanted = config(tmp_path / "mix", tmp_path / "beta.train", mixing=sources)
    mix(wanted)
    with pytest.raises(DataError, match=r"the source 'beta' of the mix and data\.eval_path = .* both hold"):
        text_files(wanted)


@pytest.mark.unit
def test_the_share_of_held_out_text_of_other_domains_is_said(tmp_path, capsys):
    for name in ("childes", "switchboard", "simple_wiki"):
        write(tmp_path / "train" / f"{name}.train", f"{name} says so.\n\n" * 200)
        write(tmp_path / "dev" / f"{name}.dev", f"{name} says that.\n\n" * 100)
    (tmp_path / "train" / "switchboard.train").unlink()
    text_files(config(tmp_path / "train", tmp_path / "dev"))
    assert "% of the held-out text" in capsys.readouterr().err
    everything = (
        [tmp_path / "train" / "childes.train"],
        [tmp_path / "dev" / f"{n}.dev" for n in ("childes", "simple_wiki")],
    )
    shares = share_of_other_domains(*everything)
    assert list(shares) == ["simple_wiki"]
    assert shares["simple_wiki"] == pytest.approx(0.53, abs=0.02)
    # A mix knows its sources whatever its name; where a name tells nothing, nothing is said.
    sources = [{"path": "train/childes.train"}, {"path": "train/simple_wiki.train"}]
    report = mix(config(tmp_path / "mix", None, mixing={"root": str(tmp_path), "sources": sources}))
    assert list(share_of_other_domains([report.train], [tmp_path / "dev" / "switchboard.dev"])) == ["switchboard"]
    assert share_of_other_domains([write(tmp_path / "novel.txt")], [tmp_path / "dev" / "switchboard.dev"]) == {}


@pytest.mark.integration
@pytest.mark.parametrize("command", [["train", "--dry-run"], ["train"], ["prepare"]])
def test_commands_refuse_to_measure_on_training_text(tmp_path, repository, capsys, command):
    write(tmp_path / "a.txt")
    arguments = ["--config", str(repository / "config/minimal.yaml"), f"logging.output_dir={tmp_path}/models"]
    arguments += [
        f"data.train_path={tmp_path}/a.txt",
        f"data.eval_path={tmp_path}",
        f"data.packed_dir={tmp_path}/packed",
    ]
    assert main([*command, *arguments]) == 2
    assert "name the same text" in capsys.readouterr().err
