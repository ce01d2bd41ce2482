"""The model card says what a run is and what its numbers are of, no more."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml
from evaluation_world import make_tokenizer, save_metrics, save_run

from babyllama.cli import main
from babyllama.errors import ConfigError, RunError
from babyllama.evaluation.pairs import BLIMP_PARADIGMS
from babyllama.reporting import read_run, write_card
from babyllama.reporting.card import BABYLM, SOFTWARE, usage_code
from babyllama.reporting.energy import rated_watts
from babyllama.runs import RunPaths, RunRecord, StoredResult, save_result

pytestmark = pytest.mark.unit


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    """A run folder without a model."""
    write_run(tmp_path)
    return RunPaths(tmp_path)


ALWAYS = {"babyllama", "small-language-model", "causal-lm"}


def write_run(root: Path, **sections: Any) -> None:
    model = {"type": "Llama", "name": sections.pop("model_name", "tiny"), "hidden_size": 32, "n_layer": 2, "n_head": 4}
    values = {"model": model, "data": {"train_path": "./data/mine", "eval_path": "./data/dev"}, **sections}
    (root / "training_config.yaml").write_text(yaml.safe_dump(values))


def keep(paths: RunPaths, name: str, numbers: dict[str, Any]) -> None:
    kind = "minimal_pairs" if "paradigms" in numbers else "perplexity"
    task = "blimp" if kind == "minimal_pairs" else kind
    save_result(paths.evaluation, StoredResult(name, task, kind, numbers, inputs={}, settings={}), {})


def pairs(protocol: str, n: int, **more: Any) -> dict[str, Any]:
    rows = {uid: {"accuracy": 0.75, "n": n, "ties": 0} for uid in BLIMP_PARADIGMS}
    return {"protocol": protocol, "accuracy": 0.75, "paradigms": rows, "set_size": 67_000, **more}


def published(paths: RunPaths) -> set[tuple[str, str, str | None]]:
    """(dataset type, dataset name, metric name) of the card's results, as the Hub reads them."""
    write_card(read_run(paths))
    found = huggingface_hub.ModelCard.load(paths.card).data.eval_results
    return {(result.dataset_type, result.dataset_name, result.metric_name) for result in found}


def test_only_all_of_blimp_is_published_as_blimp(paths: RunPaths) -> None:
    keep(paths, "blimp", pairs("lm-eval", 500, set="blimp", subset=True))
    keep(paths, "blimp_minicons", pairs("minicons", 1000, set="blimp", subset=False))
    assert published(paths) == {
        ("blimp-33500-of-67000-pairs", "BLiMP, 33,500 of 67,000 pairs", "accuracy, protocol lm-eval"),
        ("nyu-mll/blimp", "BLiMP", "accuracy, protocol minicons"),
    }
    text = paths.card.read_text()
    assert "| minimal pairs BLiMP, 33,500 of 67,000 pairs; protocol `lm-eval`, 67 paradigms, 33,500 pairs" in text
    assert "| minimal pairs BLiMP; protocol `minicons`, 67 paradigms, 67,000 pairs" in text


def test_of_the_parts_of_a_set_the_card_states_the_fullest(paths: RunPaths) -> None:
    keep(paths, "blimp_10_per_paradigm", pairs("lm-eval", 10, set="blimp", subset=True))
    keep(paths, "blimp_20_per_paradigm", pairs("lm-eval", 20, set="blimp", subset=True))
    assert {name for _, name, _ in published(paths)} == {"BLiMP, 1,340 of 67,000 pairs"}
    keep(paths, "blimp", pairs("lm-eval", 1000, set="blimp", subset=False))
    assert {name for _, name, _ in published(paths)} == {"BLiMP"}


def test_names_are_shown_as_they_are(paths: RunPaths) -> None:
    """Names that are markup to Markdown, HTML or YAML stay names."""
    write_run(paths.root, data={"train_path": "./a|b", "eval_path": None}, model_name="*x* <b>")
    keep(paths, "x", pairs("lm-eval", 1, set="<script>|*x*", subset=False))
    text = write_card(read_run(paths))
    assert "<script>" not in text.split("---")[2]
    assert r"minimal pairs \<script\>\|\*x\*;" in text
    assert r"# \*x\* \<b\>" in text
    assert huggingface_hub.ModelCard.load(paths.card).data.model_name == "*x* <b>"


def test_a_perplexity_is_of_the_text_it_was_measured_on(paths: RunPaths) -> None:
    numbers = {"perplexity": 12.5, "bits_per_byte": 1.25}
    keep(paths, "perplexity", {**numbers, "text": "./data/before"})
    keep(paths, "perplexity_stories", {**numbers, "text": "x/stories.txt"})
    assert {found[:2] for found in published(paths)} == {("held-out", "./data/before"), ("stories", "x/stories.txt")}


def test_broken_numbers_do_not_stop_the_card(paths: RunPaths) -> None:
    keep(paths, "perplexity", {"perplexity": None, "bits_per_byte": None, "text": "a"})
    assert "not a number" in write_card(read_run(paths))


def mixing(*sources: dict[str, str]) -> dict[str, Any]:
    return {"mixing": {"root": "./data/babylm", "sources": list(sources), "budget": "1MB"}}


@pytest.mark.parametrize(
    ("sections", "synthetic", "tags"),
    [
        ({}, False, set()),
        ({"data": {"train_path": "./data/BabyLM_10M_clean"}}, False, {"babylm"}),
        ({"data": {"train_path": "./data/babylm_10M_clean"}}, True, {"synthetic-data"}),
        (mixing({"path": "train/childes.train"}), False, {"babylm"}),
        (mixing({"path": "../mine/a.txt"}), False, set()),
        (mixing({"path": "../mine/a.txt"}, {"hub": "someone/BabyLM-2026"}), False, {"babylm"}),
    ],
)
def test_tags_follow_the_text(paths: RunPaths, sections: dict[str, Any], synthetic: bool, tags: set[str]) -> None:
    write_run(paths.root, **sections)
    RunRecord.new("tiny", synthetic=synthetic).save(paths)
    write_card(read_run(paths))
    assert set(huggingface_hub.ModelCard.load(paths.card).data.tags) == {*ALWAYS, "llama", *tags}


def test_training_facts_are_what_happened(paths: RunPaths) -> None:
    write_run(paths.root, training={"num_epochs": 10, "max_steps": 5, "lr": 0.003}, optimization={"optimizer": "muon"})
    assert "| epochs |" not in write_card(read_run(paths)), "nothing has happened yet"
    save_metrics(paths.root, epochs=1.23456)
    text = write_card(read_run(paths))
    assert "| epochs | 1.23 |" in text
    assert "| peak learning rate | 0.003 (AdamW) |" in text
    assert "| peak learning rate of the hidden matrices | 0.02 (Muon) |" in text
    write_run(paths.root, training={"lr": 0.003}, optimization={"optimizer": "adamw"})
    text = write_card(read_run(paths))
    assert "| peak learning rate | 0.003 |" in text
    assert "Muon" not in text


def test_use_follows_the_tokenizer(paths: RunPaths, tmp_path: Path) -> None:
    plain, adds = "so put `<s>` in front", "puts `<s>` in front of a text by itself"
    assert plain in write_card(read_run(paths))
    write_run(paths.root, tokenizer={"add_bos": True})
    assert adds in write_card(read_run(paths))
    for marks, words in ((False, plain), (True, adds)):
        run = RunPaths(save_run(tmp_path / str(marks), tokenizer=make_tokenizer(adds_marks=marks)))
        assert words in write_card(read_run(run))


def test_a_row_cut_off_by_a_kill_is_left_out(paths: RunPaths) -> None:
    """Half a number is a number, too: only whole lines count."""
    paths.losses.write_text("step,tokens_seen,train_loss,eval_loss\n10,100,5.5,\n20,200,4.25,4.5\n30,300,3.")
    losses = read_run(paths).losses
    assert {name: column.tolist() for name, column in losses.items() if name != "eval_loss"} == {
        "step": [10, 20],
        "tokens_seen": [100, 200],
        "train_loss": [5.5, 4.25],
    }
    assert losses["eval_loss"].tolist() == pytest.approx([math.nan, 4.5], nan_ok=True)


def test_a_card_names_family_ethics_and_how_to_cite(paths: RunPaths, repository: Path) -> None:
    model = {
        "type": "hf",
        "architecture": "MistralForCausalLM",
        "name": "x",
        "hidden_size": 8,
        "n_layer": 1,
        "n_head": 2,
    }
    write_run(paths.root, model=model, data={"train_path": "./data/babylm_10M_clean"})
    text = write_card(read_run(paths))
    assert set(huggingface_hub.ModelCard.load(paths.card).data.tags) == {*ALWAYS, "mistral", "babylm"}
    assert "## Ethics and limits" in text
    hub = (repository / "docs" / "README.md").read_text()
    for entry in (SOFTWARE, BABYLM):
        assert entry in text
        assert entry in hub, "the documentation says the same"
    RunRecord.new("tiny", synthetic=True).save(paths)
    assert BABYLM not in write_card(read_run(paths))


def test_the_usage_code_runs_against_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for marks in (False, True):
        run = RunPaths(save_run(tmp_path / str(marks), tokenizer=make_tokenizer(adds_marks=marks)))
        exec(usage_code(write_card(read_run(run))), {})
        assert capsys.readouterr().out.startswith("Once upon a time")


def test_the_card_in_final_has_beside_it_what_it_links(tmp_path: Path) -> None:
    run = RunPaths(save_run(tmp_path / "run"))
    run.plots.mkdir()
    (run.plots / "loss.png").write_bytes(b"png")
    text = write_card(read_run(run))
    for folder in (run.root, run.final):
        for link in ("training_config.yaml", "plots/loss.png"):
            assert f"]({link})" in text
            assert (folder / link).read_bytes() == (run.root / link).read_bytes()
    with pytest.raises(RunError, match=r"final is a model folder, not a run folder; name the run"):
        read_run(RunPaths(run.final))


PUBLISH = {
    "repo_id": "someone/tiny", "license": "cc-by-4.0", "languages": ["de", "en"], "datasets": ["someone/books"], "tags": ["poems"],
    "intended_use": "Reading\nonly.", "citation": "@misc{mine}",
}  # fmt: skip


def test_licence_languages_data_sets_and_citation_are_those_of_the_configuration(paths: RunPaths) -> None:
    write_run(paths.root, publish=PUBLISH)
    RunRecord.new("tiny", datasets={"a/b": "mit"}).save(paths)
    text = write_card(read_run(paths))
    data = huggingface_hub.ModelCard.load(paths.card).data
    assert (data.license, data.language, data.datasets) == ("cc-by-4.0", ["de", "en"], ["a/b", "someone/books"])
    assert "poems" in data.tags
    assert "[a/b](https://huggingface.co/datasets/a/b), licence there: mit." in text
    assert "## Intended use\n\nReading\nonly.\n" in text
    assert "```bibtex\n@misc{mine}\n\n@software{" in text
    assert 'from_pretrained("someone/tiny")' in usage_code(text)
    assert "## Licence\n\ncc-by-4.0\n" in text


def test_what_the_page_says_can_be_changed_after_training(paths: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(paths.root, publish={"license": "mit", "citation": "@misc{a,\n  title = {b}\n}"})
    before = paths.config.read_bytes()
    assert main(["card", str(paths.root), "publish.license=apache-2.0"]) == 0
    assert main(["card", str(paths.root), "publish.languages=[de]"]) == 0
    data = huggingface_hub.ModelCard.load(paths.card).data
    assert (data.license, data.language) == ("apache-2.0", "de")
    assert "title = {b}" in paths.card.read_text()
    assert paths.config.read_bytes() == before
    capsys.readouterr()
    assert main(["card", str(paths.root), "training.lr=1"]) == 2
    assert "training.lr=1: a run is trained; only what its page says can be changed here" in capsys.readouterr().err
    assert main(["card", str(paths.root), "publish.licence=mit"]) == 2
    assert "publish.license" in capsys.readouterr().err


def test_results_by_phenomenon_are_of_whole_sets_only(paths: RunPaths) -> None:
    terms = {
        "binding": {"accuracy": 0.5, "n": 1000, "ties": 0, "low": 0.47, "high": 0.53},
        "irregular_forms": {"accuracy": 0.9, "n": 1000, "ties": 1, "low": 0.88, "high": 0.92},
    }
    averages = {"accuracy_over_pairs": 0.7, "accuracy_over_terms": 0.7}
    keep(paths, "blimp", pairs("lm-eval", 10, set="blimp", subset=True, terms=terms, **averages))
    assert "by phenomenon" not in write_card(read_run(paths))
    keep(paths, "blimp", pairs("lm-eval", 1000, set="blimp", subset=False, terms=terms, **averages))
    text = write_card(read_run(paths))
    assert "### BLiMP by phenomenon, protocol `lm-eval`" in text
    assert text.index("| irregular forms | 90.00 | 88.0-92.0 | 1,000 | 1 |") < text.index("| binding | 50.00 |")
    assert "not above chance (50 % lies in or above the 95 % interval) in 1 of 2 phenomena: binding." in text


def test_what_training_cost_is_computed_from_what_was_measured(paths: RunPaths) -> None:
    facts = {"training_time": 7200.0, "tokens_seen": 1000, "flops_per_token": 30_000, "devices": 2}
    save_metrics(paths.root, device="NVIDIA H100 80GB HBM3", **facts)
    text = write_card(read_run(paths))
    assert "| operations (FLOPs), computed | 3e+07 |" in text
    assert "| energy | 2.8 kWh, estimated, not measured: 700 W, the rated power of a device," in text
    write_run(paths.root, publish={"watts": 50})
    assert "| energy | 0.2 kWh, estimated, not measured: 50 W a device (publish.watts)" in write_card(read_run(paths))
    write_run(paths.root)
    record = RunRecord.new("tiny")
    record.threads = 2
    record.save(paths)
    save_metrics(paths.root, device="Some CPU, 4 cores", **{**facts, "devices": 1})
    assert "48 Wh, estimated, not measured: 12 W for each of 2 cores" in write_card(read_run(paths))
    save_metrics(paths.root, device="Apple arm64 (MPS)", **facts)
    assert "not estimated; the power of this device is not known" in write_card(read_run(paths))
    assert [rated_watts(name) for name in ("NVIDIA L40S", "NVIDIA L4", "NVIDIA A100-SXM4-80GB", "NVIDIA L400")] == [
        350,
        72,
        400,
        None,
    ]


@pytest.mark.parametrize(
    ("publish", "rule"),
    [
        ({"license": "MIT"}, "spelled as the Hub does"),
        ({"license": "other"}, "other needs license_name and license_link"),
        ({"license": "mit", "license_name": "x"}, "must be other where license_name"),
        ({"languages": ["English"]}, "ISO 639 code"),
        ({"repo_id": "tiny"}, "must be owner/name"),
        ({"repo_id": "me/a--b"}, "is no name the Hub takes"),
    ],
)
def test_what_the_hub_would_refuse_is_refused_here(paths: RunPaths, publish: dict[str, Any], rule: str) -> None:
    write_run(paths.root, publish=publish)
    with pytest.raises(ConfigError, match=rule):
        read_run(paths)
