"""The whole way on a tiny world: text to model, reuse, the guards of a run folder, the plan, reports."""

import csv
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
import yaml
from evaluation_world import PAIRS, write_pairs

from babyllama.artifacts import read_json
from babyllama.cli import main
from babyllama.pipeline import train_run
from babyllama.plan import plan
from babyllama.reporting import write_card
from babyllama.runs import RunPaths, RunRecord, StoredResult, owned, read_run, save_result
from babyllama.settings import load_config

pytestmark = [pytest.mark.integration]

WORDS = [
    "the",
    "a",
    "small",
    "big",
    "cat",
    "dog",
    "bird",
    "sees",
    "hears",
    "likes",
    "runs",
    "sleeps",
    "and",
    "then",
    "happily",
    "slowly",
    "one",
    "day",
]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with text and a configuration; the process works in it."""
    monkeypatch.chdir(tmp_path)
    generator = numpy.random.default_rng(0)
    for name, count in (("train", 60), ("dev", 12)):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        documents = [" ".join(generator.choice(WORDS, 30)) + "." for _ in range(count)]
        (folder / f"text.{name}").write_text("\n<|endoftext|>\n".join(documents) + "\n")
    config = {
        "data": {
            "tokenizer_path": "./models/tok.json",
            "train_path": "./data/train",
            "eval_path": "./data/dev",
            "seq_length": 32,
        },
        "tokenizer": {"vocab_size": 300},
        "model": {"type": "Llama", "name": "tiny", "hidden_size": 16, "n_layer": 1, "n_head": 2},
        "training": {"lr": 1e-2, "batch_size": 8, "num_epochs": 2, "logging_steps": 1, "precision": "fp32"},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def errors(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["train", "--config", "c.yaml", *arguments]) == 2
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text


@pytest.mark.slow
def test_text_becomes_a_model_with_everything_a_run_folder_holds(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run = train_run(load_config("c.yaml"))
    paths = RunPaths(world / "models" / "tiny")
    for path in (paths.config, paths.record, paths.metrics, paths.losses, paths.card, paths.final / "README.md"):
        assert path.is_file(), path
    assert (paths.plots / "loss.png").stat().st_size > 1000
    model = AutoModelForCausalLM.from_pretrained(paths.final)
    tokenizer = AutoTokenizer.from_pretrained(paths.final)
    assert model.config.vocab_size == len(tokenizer)
    text = "The cat <s> sees\u00a0a dog.</s>"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text

    rows = list(csv.DictReader(paths.losses.open()))
    assert list(rows[0]) == [
        "step", "epoch", "tokens_seen", "words_seen", "train_loss", "eval_loss", "learning_rate", "tokens_per_second",
    ]  # fmt: skip
    metrics = read_json(paths.metrics)
    assert metrics["eval_loss"] < math.log(len(tokenizer)), "better than guessing"
    assert metrics["training_time"] > 0
    information = read_json(paths.record)
    assert information["synthetic"] is False
    assert information["seed"] == 42
    assert "torch" in information["versions"]
    assert load_config(paths.config) == run.config

    # The same again: everything is reused, and nothing is written.
    def written() -> dict[Path, int]:
        files = (path for path in world.rglob("*") if path.is_file() and not path.name.startswith(".lock"))
        return {path: path.stat().st_mtime_ns for path in files}

    before = written()
    capsys.readouterr()
    assert main(["train", "--config", "c.yaml"]) == 0
    assert "up to date, reused" in capsys.readouterr().err
    assert before == written()

    # Another configuration in this folder, and text that changed under the run: both refused, both named.
    assert "training.lr: 0.01 -> 0.5" in errors(capsys, "--lr", "0.5")
    (world / "data" / "train" / "text.train").write_text("one day the cat sleeps.\n" * 100)
    assert "trained on other inputs" in errors(capsys)
    assert paths.final.is_dir()


@pytest.mark.slow
def test_a_damaged_final_model_is_said_and_made_again(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A deleted, cut or changed final model is not "up to date"; the newest checkpoint gives it back to the byte."""
    run = train_run(load_config("c.yaml"))
    weights = run.paths.final / "model.safetensors"
    good = weights.read_bytes()
    for fault in ("gone", "cut", "changed"):
        if fault == "gone":
            weights.unlink()
        else:
            weights.write_bytes(good[:-40] if fault == "cut" else good[:-1] + bytes([good[-1] ^ 1]))
        assert main(["evaluate", "models/tiny"]) == 2
        assert "is damaged: " in capsys.readouterr().err
        assert main(["train", "--config", "c.yaml"]) == 0
        assert "it is made again from the newest checkpoint" in capsys.readouterr().err
        assert weights.read_bytes() == good
        assert (run.paths.final / "README.md").is_file()
    weights.unlink()
    shutil.rmtree(run.paths.checkpoints)
    assert "there is no checkpoint to make it again from" in errors(capsys)


def test_a_second_process_in_a_run_folder_is_refused(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with owned(world / "models" / "tiny", "babyllama train, elsewhere"):
        for more in ([], ["--resume_from_checkpoint"], ["--overwrite"]):
            assert "is being written by process" in errors(capsys, *more)
    assert not (world / "models" / "tiny").exists()


def test_a_card_says_that_text_is_synthetic(world: Path) -> None:
    import huggingface_hub

    paths = RunPaths(world / "models" / "tiny")
    paths.root.mkdir(parents=True)
    paths.config.write_text((world / "c.yaml").read_text())
    RunRecord.new("tiny", synthetic=True).save(paths)
    rows = {"a": {"accuracy": 0.75, "n": 4, "ties": 1}}
    pairs = {"set": "blimp_synthetic", "protocol": "lm-eval", "accuracy": 0.75, "paradigms": rows}
    for name, task, kind, numbers in (
        ("blimp_synthetic", "blimp", "minimal_pairs", pairs),
        ("perplexity", "perplexity", "perplexity", {"perplexity": 12.5, "bits_per_byte": 1.25, "text": "./data/dev"}),
    ):
        save_result(paths.evaluation, StoredResult(name, task, kind, numbers, inputs={}, settings={}), {})
    write_card(read_run(paths))
    card = huggingface_hub.ModelCard.load(paths.card)
    assert "training text is synthetic" in card.text
    found = {(result.dataset_name, result.metric_type): result.metric_value for result in card.data.eval_results}
    assert found == {
        ("blimp_synthetic", "accuracy"): 75.0,
        ("./data/dev", "perplexity"): 12.5,
        ("./data/dev", "bits_per_byte"): 1.25,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.train_path=./nowhere"], "data.train_path"),
        (["data.eval_path=./nowhere"], "data.eval_path"),
        (["data.seq_length=100000"], "seq_length"),
        (["tokenizer=null"], "no tokenizer there"),
        (["model.hidden_size=15"], "multiple of model.n_head"),
        (["model.type=Lama"], "did you mean 'Llama'"),
        (["training.effective_batch_size=12"], "must be a multiple"),
        (["logging.output_dir=./c.yaml/models"], "cannot write"),
    ],
)
def test_bad_input_is_one_error_and_leaves_no_run(
    world: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    if arguments == ["tokenizer=null"]:
        text = yaml.safe_load(Path("c.yaml").read_text())
        del text["tokenizer"]
        Path("c.yaml").write_text(yaml.safe_dump(text))
        arguments = []
    assert message in errors(capsys, *arguments)
    assert not (world / "models" / "tiny").exists()


def test_what_training_would_refuse_leaves_no_half_run(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "keep_best" in errors(capsys, "training.keep_best=true", "data.eval_path=null")
    assert "checkpoint" in errors(capsys, "--resume_from_checkpoint", "./models/tiny/checkpoints/checkpoint-5")
    assert not (world / "models" / "tiny").exists()


def test_binary_junk_and_an_empty_corpus_are_named(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = world / "data" / "train" / "text.train"
    text.write_bytes(b"good text\n" + b"\xff\xfejunk")
    message = errors(capsys)
    assert "text.train" in message
    assert "10" in message, "the position of the broken byte"
    text.write_text("\n\n")
    assert "text.train" in errors(capsys) or "empty" in errors(capsys)
    assert not (world / "models" / "tiny").exists()


def test_an_unfinished_run_asks_for_the_flag(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = RunPaths(world / "models" / "tiny")
    paths.root.mkdir(parents=True)
    paths.config.write_text((world / "c.yaml").read_text())
    assert "--resume_from_checkpoint" in errors(capsys)


def test_files_that_are_no_run_are_left_alone(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    thesis = world / "models" / "tiny" / "thesis.tex"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of work")
    assert "not a run" in errors(capsys)
    assert thesis.read_text() == "years of work"


CONFIG = Path(__file__).resolve().parent.parent / "config"
SHIPPED = sorted([*CONFIG.glob("*.yaml"), *CONFIG.glob("recipes/*.yaml")])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configurations_plan_without_their_inputs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = plan(load_config(path))
    text = "\n".join(result.lines)
    assert text.count("not there yet") == 2, "tokenizer and text"
    mixing = load_config(path).mixing
    assert (result.steps is not None) == (mixing is not None and mixing.budget is not None), "a budget tells the steps"
    assert f"{result.parameters['total']:,} parameters" in text
    assert list(tmp_path.iterdir()) == [], "a plan writes nothing"


def test_tokens_of_a_tokenizer_that_is_not_trained_yet_follow_from_its_size(world: Path) -> None:
    counted = {
        size: plan(load_config("c.yaml", [f"tokenizer.vocab_size={size}", "data.tokenizer_path=later.json"])).tokens
        for size in (1000, 16000)
    }
    size = sum(file.stat().st_size for file in Path(load_config("c.yaml").data.train_path).rglob("*") if file.is_file())
    assert counted[1000] == pytest.approx(size / 2.46, rel=0.01)
    assert counted[16000] == pytest.approx(size / 3.83, rel=0.01)


def test_overwrite_replaces_runs_only(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    thesis = world / "models" / "tiny" / "thesis.tex"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of work")
    assert "not a run" in errors(capsys, "--overwrite")
    assert thesis.read_text() == "years of work"
    assert "give one of the two" in errors(capsys, "--overwrite", "--resume_from_checkpoint")


@pytest.mark.slow
def test_a_finished_run_is_completed_and_extended_on_request(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Card and evaluations that are missing are made; --force with more epochs goes on instead of reusing."""
    paths = train_run(load_config("c.yaml")).paths
    first = read_json(paths.metrics)["steps"]
    paths.card.unlink()
    torch.set_num_threads(2)
    assert main(["train", "--config", "c.yaml", "evaluation.tasks=[perplexity]", "training.threads=1"]) == 0
    assert torch.get_num_threads() == 1  # as they would have been had it trained
    assert "up to date, reused" in capsys.readouterr().err
    assert read_json(paths.evaluation / "perplexity.json")["perplexity"] > 1
    assert "held-out perplexity" in paths.card.read_text()

    write_pairs(world / "pairs")
    keys = ["evaluation.tasks=[blimp]", "evaluation.blimp_data=pairs", "evaluation.pairs_per_paradigm=1"]
    for said in ("", "pairs_1_per_paradigm: up to date, reused"):
        assert main(["train", "--config", "c.yaml", *keys]) == 0
        assert said in capsys.readouterr().err
    assert "3 of 7 pairs" in paths.card.read_text()
    assert main(["train", "--config", "c.yaml", *keys[:2], "evaluation.protocol=minicons"]) == 0
    assert read_json(paths.evaluation / "pairs_minicons.json")["protocol"] == "minicons"
    write_pairs(world / "pairs", [(uid, f"Now {good}", f"Now {bad}") for uid, good, bad in PAIRS])
    assert main(["train", "--config", "c.yaml", *keys]) == 0
    assert "pairs_1_per_paradigm: measured again (changed input: pairs)" in capsys.readouterr().err

    assert "training.num_epochs" in errors(capsys, "--num-epochs", "3", "--resume_from_checkpoint")
    assert main(["train", "--config", "c.yaml", "--num-epochs", "3", "--resume_from_checkpoint", "--force"]) == 0
    assert read_json(paths.metrics)["steps"] == first * 3 // 2


def test_a_tracker_that_is_not_installed_is_missed_before_anything_is_built(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "logging.report_to: trackio is not installed; pip install trackio" in errors(
        capsys, "logging.report_to=[trackio]"
    )
    assert "trackio is not installed" in errors(capsys, "logging.report_to=[trackio]", "--dry-run")
    assert not (world / "data" / "packed").exists()


def test_minimal_pairs_that_are_not_there_are_missed_before_training(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errors(capsys, "evaluation.tasks=[blimp]", "evaluation.blimp_data=./nowhere")
    assert not (world / "models" / "tiny").exists()


@pytest.mark.slow
def test_quickstart_runs_reuses_and_resumes(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["quickstart", "--config", "c.yaml", "--num-tokens", "3000"]
    assert main(command) == 0
    output = capsys.readouterr()
    assert "unigram " in output.out
    assert "minimal pairs, 4,000" in output.out
    report = Path(output.out.splitlines()[-1].split()[-1])
    assert "Once upon a time" in report.read_text(), "samples are in it"
    assert main(command) == 0
    again = capsys.readouterr()
    assert again.err.count("up to date, reused") == 10, (
        "three folders of text, tokenizer, both packed texts, run, three scores"
    )
    # Left behind by a kill before the end: the run goes on instead of asking for a flag quickstart does not have.
    (world / "models" / "tiny" / "training_metrics.json").unlink()
    assert main(command) == 0
    # Another configuration replaces the run.
    (world / "c.yaml").write_text((world / "c.yaml").read_text().replace("lr: 0.01", "lr: 0.02"))
    assert main(command) == 0
    assert "quickstart replaces its own run" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_share_one_run(world: Path, repository: Path) -> None:
    """`torchrun train.py` in a fresh folder: one process prepares and writes, and the run is a finished one."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(repository / "train.py"), "--config", "c.yaml", "--batch-size", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("packed train text") == 1, "one process speaks"
    assert "4 sequences x 1 accumulation x 2 devices = 8 sequences" in done.stderr
    paths = RunPaths(world / "models" / "tiny")
    assert paths.card.is_file()
    assert read_json(paths.metrics)["devices"] == 2


@pytest.mark.slow
def test_the_plan_foretells_the_run(world: Path) -> None:
    train_run(load_config("c.yaml"))
    metrics = read_json(RunPaths(world / "models" / "tiny").metrics)
    result = plan(load_config("c.yaml"))
    assert result.steps == metrics["steps"]
    assert result.parameters["total"] == metrics["parameters"]


@pytest.mark.slow
def test_a_hybrid_run_trains_the_tokenizer_it_needs(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From one more key to a model: `<mask>` is the last of the entries, and the run says what was masked."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run = train_run(load_config("c.yaml", ["training.objective=hybrid", "training.num_epochs=1"]))
    tokenizer = AutoTokenizer.from_pretrained(run.paths.final)
    assert (tokenizer.mask_token, tokenizer.mask_token_id) == ("<mask>", len(tokenizer) - 1)
    assert AutoModelForCausalLM.from_pretrained(run.paths.final).config.vocab_size == len(tokenizer)
    rows = list(csv.DictReader(run.paths.losses.open()))
    assert {"causal_loss", "masked_loss"} <= set(rows[0])
    assert (
        "| objective | hybrid |\n| masked rows | 20% |\n| hidden tokens of a masked row | 30%"
        in run.paths.card.read_text()
    )
    assert main(["train", "--config", "c.yaml", "training.objective=hybrid", "training.num_epochs=1"]) == 0

    # A tokenizer that was made without one: said before anything is packed with it.
    capsys.readouterr()
    config = yaml.safe_load((world / "c.yaml").read_text())
    config.pop("tokenizer")
    (world / "c.yaml").write_text(yaml.safe_dump(config))
    from babyllama.tokenizer import build_tokenizer

    text = (world / "data" / "train" / "text.train").read_text()
    section = run.config.tokenizer.model_copy(update={"vocab_size": 280})  # type: ignore[union-attr]
    build_tokenizer(lambda: iter([text]), [world / "data" / "train" / "text.train"], section, "models/plain.json")
    keys = ("data.tokenizer_path=models/plain.json", "training.objective=hybrid", "model.name=other")
    assert "hides tokens behind <mask>, and the tokenizer at models/plain.json has none" in errors(capsys, *keys)
    assert not (world / "models" / "other").exists()


@pytest.mark.slow
def test_teachers_are_distilled_into_a_student(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command, with a configuration of the old spelling; a teacher is part of what a run was made from."""
    import babyllama

    short = ["training.max_steps=2", "evaluation.tasks=[]"]
    keys = {"llama": [], "gpt2": ["model.type=GPT2"]}
    teachers = [train_run(load_config("c.yaml", [*short, *more, f"model.name={name}"])) for name, more in keys.items()]
    old = yaml.safe_load((world / "c.yaml").read_text())
    old["student"] = {**old.pop("model"), "name": "student"}
    old["teachers"] = [str(teacher) for teacher in teachers]
    old["distillation"] = {"temperature": 2.0, "alpha": 0.5, "lr": 2e-3, "num_epochs": 1, "seq_length": 16}
    del old["training"]["lr"], old["training"]["num_epochs"], old["data"]["seq_length"]
    (world / "old.yaml").write_text(yaml.safe_dump(old))
    assert main(["distill", "--config", "old.yaml", "--alpha", "0.25"]) == 0
    paths = RunPaths(world / "models" / "student")
    config = load_config(paths.config)
    assert (config.training.lr, config.training.num_epochs, config.data.seq_length) == (2e-3, 1, 16)
    assert config.distillation is not None
    assert (config.distillation.alpha, config.distillation.teachers) == (0.25, ["models/llama", "models/gpt2"])
    assert all(float(row["soft_loss"]) > 0 for row in csv.DictReader(paths.losses.open()))
    assert {"teacher 1", "teacher 2", "train", "tokenizer"} <= set(RunRecord.load(paths).fingerprints)
    card = paths.card.read_text()
    assert "| objective | distillation |" in card
    assert "| teacher 2 | gpt2, " in card

    # A cache: its size is known before, and another run finds it.
    cached = ["distill", "--config", "old.yaml", "distillation.cache_teachers=true", "distillation.cache_count=5"]
    assert main([*cached, "--dry-run"]) == 0
    planned = re.search(r"cache in data/packed: (.+ positions x 5 sampled ids, .+B)$", capsys.readouterr().out, re.M)
    assert planned
    for name, said in (("first", "teachers read the text once"), ("second", "up to date, reused")):
        assert main([*cached, f"model.name={name}", "training.max_steps=1"]) == 0
        assert re.search(f"teacher cache data/packed/teachers-sample-5-.*{said}", capsys.readouterr().err)
    assert f"| teacher cache | {planned[1]} |" in RunPaths(world / "models" / "second").card.read_text()

    # From Python, the student's text and model with the other file's training.
    student = babyllama.distill_knowledge(teachers, "c.yaml", "old.yaml", quiet=True)
    assert student.root.name == "tiny-distilled"
    assert student.config.training.lr == 2e-3

    capsys.readouterr()
    assert main(["distill", "--config", "old.yaml", "--alpha", "0.25"]) == 0
    assert "up to date, reused" in capsys.readouterr().err
    train_run(load_config("c.yaml", [*short, "model.name=llama", "training.seed=7"]), overwrite=True)
    assert main(["distill", "--config", "old.yaml", "--alpha", "0.25"]) == 2
    assert "trained on other inputs (changed since: teacher 1)" in capsys.readouterr().err
    assert main(["distill", "--config", "old.yaml", "--teachers", "models/none", "model.name=other"]) == 2
    assert "distillation.teachers: no model at models/none" in capsys.readouterr().err
