"""`babyllama push` against a Hub on this machine: what arrives, what is sent again, what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from evaluation_world import save_metrics, save_run
from hub_stand_in import Hub, serve
from huggingface_hub import constants

from babyllama.cli import main
from babyllama.publishing import hub as pushing
from babyllama.reporting.card import usage_code
from babyllama.runs import RunPaths

pytestmark = pytest.mark.integration

REPOSITORY = "someone/tiny"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty Hub, a token for it, no waiting, and the plain protocol (the other one needs a server of its own)."""
    with serve(Hub({})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        monkeypatch.setattr(pushing, "WAITS", (0.0, 0.0))
        yield hub


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A finished run with a curve, a plot, a result of its own, and two checkpoints by words seen."""
    paths = RunPaths(save_run(tmp_path / "tiny"))
    save_metrics(paths.root)
    paths.losses.write_text("step,tokens_seen,train_loss,eval_loss\n1,10,5.5,5.4\n")
    paths.plots.mkdir()
    (paths.plots / "loss.png").write_bytes(b"picture")
    for words in (1, 2):
        shutil.copytree(paths.final, paths.words_checkpoint(words))
    return paths


def push(paths: RunPaths, *more: str) -> int:
    return main(["push", str(paths.root), "--repo-id", REPOSITORY, *more])


def test_everything_arrives_and_loads(hub: Hub, run: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(run, "--private") == 0
    assert f"{hub.address}/{REPOSITORY}" in capsys.readouterr().out
    assert hub.private == {REPOSITORY}
    files = hub.models[REPOSITORY]["main"]
    for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"):
        assert files[name] == (run.final / name).read_bytes(), name
    for name in ("training_config.yaml", "plots/loss.png", "losses.csv", "training_metrics.json"):
        assert files[name] == (run.root / name).read_bytes(), name
    assert "manifest.json" not in files
    card = files["README.md"].decode()
    assert f'from_pretrained("{REPOSITORY}")' in usage_code(card)
    assert huggingface_hub.ModelCard(card).data.library_name == "transformers"
    assert len(hub.commits) == 1, "one commit, so that nobody sees half of it"


def test_a_second_push_sends_what_has_changed_only(hub: Hub, run: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(run) == 0
    assert push(run) == 0
    assert "main: up to date" in capsys.readouterr().err
    assert main(["card", str(run.root), "publish.license=mit"]) == 0
    assert push(run) == 0
    assert [files for *_, files in hub.commits[1:]] == [["README.md"]]


def test_checkpoints_become_branches_and_main_comes_last(hub: Hub, run: RunPaths) -> None:
    assert push(run) == 0
    assert push(run, "--revisions") == 0
    assert [branch for _, branch, _ in hub.commits] == ["main", "chck_1M", "chck_2M"]
    files = hub.models[REPOSITORY]["chck_2M"]
    assert files["model.safetensors"] == (run.words_checkpoint(2) / "model.safetensors").read_bytes()
    assert "losses.csv" not in files, "what a branch took over from main is gone"
    assert 'from_pretrained("someone/tiny", revision="chck_2M")' in usage_code(files["README.md"].decode())
    assert "after 2,000,000 words" in files["README.md"].decode()


@pytest.mark.parametrize("status", [0, 503, 429])
def test_a_break_is_tried_again(hub: Hub, run: RunPaths, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    hub.refused["/commit/main"] = [status, status]
    assert push(run) == 0
    assert "trying again in 0 s" in capsys.readouterr().err
    assert "model.safetensors" in hub.models[REPOSITORY]["main"]


def test_a_push_that_broke_goes_on_where_it_stopped(
    hub: Hub, run: RunPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.refused["/commit/chck_2M"] = [0] * 3
    assert push(run, "--revisions") == 2
    assert "run the same command again, and it goes on" in capsys.readouterr().err
    assert set(hub.models[REPOSITORY]["main"]) == {".gitattributes"}, "main is not there before everything else is"
    assert push(run, "--revisions") == 0
    assert [branch for _, branch, _ in hub.commits] == ["chck_1M", "chck_2M", "main"]


def test_a_commit_whose_answer_was_lost_is_not_made_twice(hub: Hub, run: RunPaths) -> None:
    hub.lose_answers = 1
    assert push(run) == 0
    assert len(hub.commits) == 1


def test_a_file_that_arrived_otherwise_is_noticed(hub: Hub, run: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    hub.spoil["config.json"] = b"{}"
    assert push(run) == 2
    assert "config.json did not arrive as sent. Run the same command again." in capsys.readouterr().err
    assert push(run) == 0


def test_a_repository_with_something_else_is_refused(
    hub: Hub, run: RunPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    others = {"config.json": b"{}", "notes.txt": b"mine", "model-00001-of-00002.safetensors": b"x"}
    hub.models[REPOSITORY] = {"main": dict(others)}
    assert push(run) == 2
    error = capsys.readouterr().err
    assert "holds something else than this run on main (config.json" in error
    assert "--repo-id" in error
    assert "--overwrite" in error
    assert hub.models[REPOSITORY]["main"] == others
    assert push(run, "--overwrite") == 0
    files = hub.models[REPOSITORY]["main"]
    assert files["config.json"] == (run.final / "config.json").read_bytes()
    assert files["notes.txt"] == b"mine"
    assert "model-00001-of-00002.safetensors" not in files, "weights of another model would be loaded with ours"


def test_a_dry_run_needs_no_token_and_sends_nothing(
    hub: Hub, run: RunPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(run.root / "none"))
    assert push(run, "--revisions", "--dry-run") == 0
    said = capsys.readouterr()
    size = (run.final / "model.safetensors").stat().st_size
    assert f"main\tmodel.safetensors\t{size}" in said.out
    assert "chck_1M\tREADME.md\t" in said.out
    assert "no licence: nobody is given any rights" in said.err
    assert hub.models == {}
    assert push(run) == 2
    assert "no token for the Hub: `hf auth login` stores one, or set HF_TOKEN" in capsys.readouterr().err


def test_mistakes_are_told_in_one_message(
    hub: Hub, run: RunPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def error(*arguments: str) -> str:
        assert main(["push", str(run.root), *arguments]) == 2
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return said

    assert "where to? Name a repository with --repo-id" in error()
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert f"the token may not write to {REPOSITORY}" in error("--repo-id", REPOSITORY)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "offline: HF_HUB_OFFLINE is set" in error("--repo-id", REPOSITORY)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "the Hub is out of reach" in error("--repo-id", REPOSITORY)
    (run.words_checkpoint(1) / "config.json").write_text("{}")
    assert "chck_1M is damaged" in error("--repo-id", REPOSITORY, "--revisions")
    shutil.rmtree(run.checkpoints)
    assert "has no checkpoints by words seen" in error("--repo-id", REPOSITORY, "--revisions")
    (run.final / "config.json").write_text("{}")
    assert "tiny is damaged" in error("--repo-id", REPOSITORY)
    shutil.rmtree(run.final)
    assert "has no finished model" in error("--repo-id", REPOSITORY)
