"""What a study asks for: its points, their names, the configuration and the places of each run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from babyllama.config.scalars import dump
from babyllama.config.shipped import shipped_folder
from babyllama.errors import BabyLlamaError, ConfigError
from babyllama.runs import run_of
from babyllama.settings import load_config
from babyllama.studies import read_study

pytestmark = pytest.mark.unit

LR = {"key": "training.lr", "values": [1e-3, 3e-3]}
WIDTH = {
    "name": "width",
    "levels": {"narrow": {"model.hidden_size": 8}, "wide": {"model.hidden_size": 16, "model.n_layer": 2}},
}


def write(folder: Path, study: dict[str, Any], **sections: Any) -> Path:
    values = {
        "study": {"name": "s", **study},
        "data": {
            "tokenizer_path": "tok.json",
            "train_path": "mix/mix.train",
            "eval_path": "mix/mix.dev",
            "seq_length": 16,
        },
        "model": {"type": "Llama", "name": "x", "hidden_size": 8, "n_layer": 1, "n_head": 2},
        "logging": {"output_dir": str(folder / "models")},
        **sections,
    }
    path = folder / "study.yaml"
    path.write_text(dump(values))
    return path


def test_a_grid_has_every_combination_and_every_seed(tmp_path):
    study = read_study(write(tmp_path, {"factors": [LR, WIDTH], "seeds": [1, 2]}))
    assert [point.label for point in study.points()] == [
        "lr-0.001_narrow", "lr-0.001_wide", "lr-0.003_narrow", "lr-0.003_wide",
    ]  # fmt: skip
    runs = study.runs()
    assert [run.seed for run in runs] == [1] * 4 + [2] * 4
    one = next(run for run in runs if run.name == "lr-0.003_wide-seed2").config
    assert (one.training.lr, one.model.hidden_size, one.model.n_layer, one.training.seed) == (3e-3, 16, 2, 2)
    assert run_of(one).root == tmp_path / "models" / "s" / "lr-0.003_wide-seed2"
    assert one.study is None
    assert {run.config.evaluation.seed for run in runs} == {1}  # all are scored on the same items


def test_a_list_takes_factors_side_by_side(tmp_path):
    study = read_study(write(tmp_path, {"search": "list", "factors": [LR, WIDTH]}))
    assert [(p.settings["training.lr"], p.levels["width"]) for p in study.points()] == [
        (1e-3, "narrow"),
        (3e-3, "wide"),
    ]


def test_a_study_without_factors_is_one_recipe_with_several_seeds(tmp_path):
    runs = read_study(write(tmp_path, {"factors": [], "seeds": [1, 2, 3]})).runs()
    assert [run.name for run in runs] == ["recipe-seed1", "recipe-seed2", "recipe-seed3"]


def test_random_draws_stay_when_more_are_asked_for(tmp_path):
    factors = [
        {"key": "training.lr", "low": 1e-4, "high": 1e-2, "log": True},
        {"key": "model.n_layer", "low": 1, "high": 4, "whole": True},
        WIDTH,
    ]
    few = read_study(write(tmp_path, {"search": "random", "factors": factors[:2], "trials": 3})).points()
    study = read_study(write(tmp_path, {"search": "random", "factors": factors[:2], "trials": 50}))
    many = study.points()
    assert many[:3] == few
    assert all(1e-4 <= p.settings["training.lr"] <= 1e-2 for p in many)
    assert {p.settings["model.n_layer"] for p in many} == {1, 2, 3, 4}
    assert sum(p.settings["training.lr"] < 1e-3 for p in many) in range(
        15, 36
    )  # log: half below the middle power of ten
    with_levels = read_study(write(tmp_path, {"search": "random", "factors": [WIDTH], "trials": 8})).points()
    assert {p.levels["width"] for p in with_levels} == {"narrow", "wide"}


def test_overrides_reach_every_run_and_the_study_itself(tmp_path):
    study = read_study(write(tmp_path, {"factors": [LR]}), ["training.max_steps=7", "study.seeds=[5]"])
    assert [(run.seed, run.config.training.max_steps) for run in study.runs()] == [(5, 7), (5, 7)]


def test_a_study_extends_a_configuration(tmp_path):
    write(tmp_path, {"factors": [LR]})
    (tmp_path / "other.yaml").write_text("extends: study.yaml\nstudy: {name: other, seeds: [3]}\n")
    study = read_study(tmp_path / "other.yaml")
    assert (study.section.name, len(study.runs())) == ("other", 2)


MIXING = {"root": "text", "sources": [{"path": "a.txt"}], "dev_budget": "10kB", "dev_sources": [{"path": "b.txt"}]}


def test_what_runs_share_is_one_place_and_what_they_do_not_is_several(tmp_path):
    """Two corpora in one folder would be made again for every run, and each run be refused for the other's text."""
    corpus = {"name": "corpus", "levels": {"whole": {}, "less": {"mixing.filter": [{"drop": "the"}]}}}
    sections = {"mixing": MIXING, "tokenizer": {"vocab_size": 300}}
    runs = read_study(write(tmp_path, {"factors": [corpus, LR]}, **sections)).runs()
    whole, less = (next(r.config.data for r in runs if r.point.levels["corpus"] == name) for name in ("whole", "less"))
    assert (whole.train_path, whole.tokenizer_path) == ("mix/mix.train", "tok.json")
    assert less.train_path.startswith(str(tmp_path / "models" / "s" / "text"))
    assert Path(less.eval_path or "").parent == Path(less.train_path).parent
    assert less.tokenizer_path != "tok.json"
    assert len({(r.config.data.train_path, r.config.data.tokenizer_path) for r in runs}) == 2
    one = read_study(write(tmp_path, {"factors": [corpus], "one_tokenizer": True}, **sections))
    assert {r.config.data.tokenizer_path for r in one.runs()} == {str(tmp_path / "models" / "s" / "tokenizer.json")}
    assert all(r.config.tokenizer is None for r in one.runs())
    objective = {"key": "training.objective", "values": ["causal", "hybrid"]}
    for mask, places in (
        (None, 2),
        (True, 1),
    ):  # one tokenizer serves both once it has the mask that only one of them needs
        text = {**sections, "tokenizer": {"vocab_size": 300, "mask_token": mask}}
        made = read_study(write(tmp_path, {"factors": [objective]}, **text)).runs()
        assert len({r.config.data.tokenizer_path for r in made}) == places
    assert one.tokenizer_config().data.train_path == "mix/mix.train"


@pytest.mark.parametrize(
    ("study", "says"),
    [
        ({"factors": [{"key": "training.learn", "values": [1]}]}, r"study.factors, learn-1: training.learn = 1: training.learn: unknown key"),
        ({"factors": [{"levels": {"a": {"model.hiden_size": 4}}}]}, "did you mean model.hidden_size"),
        ({"factors": [{"key": "training.lr", "values": ["fast"]}]}, "must be a number"),
        ({"factors": [{"key": "training.lr", "values": [1.0, 1]}]}, "two points of the study would share the name 'lr-1'"),
        ({"factors": [{"levels": {"A b": {}, "a-B": {}}}]}, "would share the name"),
        ({"factors": [LR], "seeds": [1, 1]}, "names a seed twice"),
        ({"factors": [LR, LR]}, "training.lr is varied by"),
        ({"factors": [{"key": "training.lr"}]}, "give exactly one of `values`, `levels`, and `low` with `high`"),
        ({"factors": [{"key": "training.lr", "values": []}]}, "the list is empty"),
        ({"factors": [{"values": [1]}]}, "need `key`"),
        ({"factors": [{"key": "training.seed", "values": [1]}]}, "is set by the study itself"),
        ({"factors": [{"key": "training.lr", "low": 1, "high": 2}]}, "grid needs `values` or `levels`"),
        ({"search": "random", "factors": [{"key": "training.lr", "low": 2, "high": 1}]}, "`low` below `high`"),
        ({"search": "random", "factors": [{"key": "training.lr", "low": 0, "high": 1, "log": True}]}, "above 0"),
        ({"search": "list", "factors": [LR, {"key": "training.seq", "values": [1]}]}, "as many values of each"),
        ({"factors": [LR], "reference": "lr-0.002"}, "did you mean 'lr-0.001'|did you mean 'lr-0.003'"),
        ({"factors": [LR], "sedes": [1]}, "did you mean study.seeds"),
        ({"factors": [], "search": "random"}, "has nothing to draw"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_be_made_is_one_clear_error(tmp_path, study, says):
    with pytest.raises(ConfigError, match=says):
        read_study(write(tmp_path, study)).runs()


def test_a_study_is_no_run_and_a_run_no_study(tmp_path):
    path = write(tmp_path, {"factors": [LR]})
    with pytest.raises(ConfigError, match=r"is a study .* babyllama sweep makes its runs"):
        run_of(load_config(path))
    path.write_text("model: {type: Llama, hidden_size: 8, n_layer: 1, n_head: 2}\n")
    with pytest.raises(ConfigError, match="has no `study:` section"):
        read_study(path)


SHIPPED = sorted(file.stem for file in (shipped_folder() / "studies").glob("*.yaml") if file.stem != "base")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_studies_are_found_by_name_and_each_of_their_runs_is_sound(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = read_study(Path("studies") / name).runs()
    assert len(runs) >= 4
    with pytest.raises(BabyLlamaError, match="studies"):
        read_study(Path("studies") / f"{name}x")


@pytest.mark.parametrize(("name", "apart"), [("architectures", 1.001), ("one-change", 1.016)])
def test_a_study_of_architectures_has_equal_parameters(tmp_path, monkeypatch, name: str, apart: float):
    from babyllama.architectures import parameter_counts

    monkeypatch.chdir(tmp_path)
    configs = [run.config for run in read_study(Path("studies") / name).runs()]
    totals = [parameter_counts(one.model, vocab_size=4096, seq_length=one.data.seq_length)["total"] for one in configs]
    assert len(set(totals)) > 1
    assert max(totals) / min(totals) < apart
