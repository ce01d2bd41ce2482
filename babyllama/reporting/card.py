"""The model card: what a run is, what it learned from, how well it does, how to repeat it. Written from the run folder."""

from __future__ import annotations

import json
import os.path
from typing import Any

from babyllama import __version__
from babyllama.artifacts import write_text
from babyllama.reporting.comparison import figures, shown, siblings, side_by_side
from babyllama.runs import RunFacts
from babyllama.text import code, markdown

SOFTWARE = f"""\
@software{{babyllama,
  title   = {{BabyLlama: training small language models from scratch}},
  author  = {{{{The BabyLlama contributors}}}},
  version = {{{__version__}}},
  year    = {{2026}}
}}"""
BABYLM = """\
@inproceedings{warstadt2023babylm,
  title     = {Findings of the {BabyLM} Challenge: Sample-Efficient Pretraining on Developmentally Plausible Corpora},
  author    = {Warstadt, Alex and Mueller, Aaron and Choshen, Leshem and Wilcox, Ethan and Zhuang, Chengxu and Ciro, Juan and
               Mosquera, Rafael and Paranjabe, Bhargavi and Williams, Adina and Linzen, Tal and Cotterell, Ryan},
  booktitle = {Proceedings of the BabyLM Challenge at the 27th Conference on Computational Natural Language Learning},
  pages     = {1--34},
  year      = {2023},
  doi       = {10.18653/v1/2023.conll-babylm.1}
}"""


def write_card(facts: RunFacts) -> str:
    """Write modelcard.md, and the same text as final/README.md once the model is there; returns it."""
    paths, text = facts.paths, card_text(facts)
    write_text(paths.card, text)
    if paths.final.is_dir():
        write_text(paths.published_card, text)
    return text


def card_text(facts: RunFacts) -> str:
    """The card as Markdown with the Hub's metadata (model-index) in front."""
    beside = siblings(facts.paths)
    sections = [
        f"---\n{_metadata(facts)}\n---",
        f"# {markdown(facts.name)}",
        _introduction(facts),
        _use(facts),
        "## Results\n\n" + _results(facts),
        "## Training\n\n" + _training(facts),
        "## Repeat it\n\n" + _repeat(facts),
        "## Ethics and limits\n\n" + _limits(facts),
        "## Cite\n\n" + _cite(facts),
    ]
    if beside:
        table = side_by_side([facts, *beside], [markdown(one.name) for one in (facts, *beside)])
        sections.insert(5, "## Beside " + " and ".join(markdown(one.name) for one in beside) + "\n\n" + table)
    return "\n\n".join(sections) + "\n"


def _metadata(facts: RunFacts) -> str:
    """The YAML header; evaluation results go into `model-index`, which the Hub shows."""
    from huggingface_hub import EvalResult, ModelCardData

    measures = (measure for result in shown(facts) for measure in result.headline())
    results = [EvalResult(**measure.published) for measure in measures if measure.published is not None]
    family = facts.config.model.architecture_name.removesuffix("ForCausalLM").lower()
    tags = ["babyllama", "small-language-model", "causal-lm", family]
    if facts.synthetic:
        tags.append("synthetic-data")
    elif _is_babylm(facts):
        tags.append("babylm")
    data = ModelCardData(
        language="en",
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=tags,
        model_name=facts.name,
        eval_results=results or None,
    )
    return data.to_yaml()


def _is_babylm(facts: RunFacts) -> bool:
    """Whether the paths of the training text or of the sources of its mix speak of BabyLM."""
    paths = [facts.config.data.train_path]
    mixing = facts.config.mixing
    if mixing is not None:
        # A path of its own leads out of the root, which need not be where the text lies.
        paths = [os.path.normpath(os.path.join(mixing.root, one.path)) for one in mixing.sources if one.path]
        paths += [one.hub for one in mixing.sources if one.hub]
    return any("babylm" in path.lower() for path in paths)


def _introduction(facts: RunFacts) -> str:
    model = facts.config.model
    size = f" with {facts.metrics.parameters:,} parameters" if facts.metrics else ""
    text = f"A {model.architecture_name} language model{size}, trained from scratch with BabyLlama."
    if facts.synthetic:
        text += (
            "\n\n**Its training text is synthetic**: sentences of a seeded grammar, not human language. "
            "Its scores say nothing about human text."
        )
    return text


def _use(facts: RunFacts) -> str:
    context = (
        "the tokenizer puts `<s>` in front of a text by itself and adds no `</s>`."
        if _adds_bos(facts)
        else "the tokenizer adds no special tokens by itself, so put `<s>` in front of a text."
    )
    place = json.dumps(facts.paths.final.as_posix(), ensure_ascii=False)
    return (
        "```python\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f"tokenizer = AutoTokenizer.from_pretrained({place})\n"
        f"model = AutoModelForCausalLM.from_pretrained({place})\n"
        "```\n\n"
        f"The model was trained on `<s> document </s>`; {context}"
    )


def _adds_bos(facts: RunFacts) -> bool:
    """What the saved tokenizer does; before there is one, what the configuration says."""
    from babyllama.tokenizer import load_fast

    if (facts.paths.final / "tokenizer.json").is_file():
        return bool(load_fast(facts.paths.final).encode("").ids)
    return facts.config.tokenizer is not None and facts.config.tokenizer.add_bos


def _results(facts: RunFacts) -> str:
    rows = figures(facts).items()
    if not rows:
        return "Not evaluated yet: " + code(f"babyllama evaluate {facts.paths.root.as_posix()}") + "."
    return "| measure | value |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)


def _training(facts: RunFacts) -> str:
    config, metrics, record = facts.config, facts.metrics, facts.record
    muon = config.optimization.optimizer == "muon"
    rows: list[tuple[str, Any]] = [
        ("text", code(config.data.train_path) + (" (synthetic)" if facts.synthetic else "")),
        ("objective", config.training.objective if config.training.objective != "causal" else None),
        *((name, markdown(value)) for name, value in (record.objective if record else {}).items()),
        ("tokens seen", _number(metrics.tokens_seen if metrics else None)),
        ("words seen", _number(metrics.words_seen if metrics else None)),
        ("optimizer steps", _number(metrics.steps if metrics else None)),
        ("epochs", f"{round(metrics.epochs, 2):g}" if metrics else None),
        ("sequence length", config.data.seq_length),
        ("optimizer", f"{config.optimization.optimizer}, {config.optimization.schedule} schedule"),
        ("peak learning rate", f"{config.training.lr:g}" + (" (AdamW)" if muon else "")),
        ("peak learning rate of the hidden matrices", f"{config.optimization.muon_lr:g} (Muon)" if muon else None),
        ("weight decay", f"{config.optimization.weight_decay:g}"),
        ("precision", record.precision if record else None),
        ("device", record.device if record else None),
        ("training time", _seconds(metrics.training_time if metrics else None)),
        ("tokens per second", _number(metrics.tokens_per_second if metrics else None)),
    ]
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows if value is not None)


def _repeat(facts: RunFacts) -> str:
    versions = ", ".join(
        f"{name} {version}" for name, version in (facts.record.versions if facts.record else {}).items()
    )
    return (
        f"`babyllama train --config {facts.paths.config.name}` with the file of this run repeats it "
        f"(seed {facts.config.training.seed}).\n\nVersions: {versions}."
    )


def _limits(facts: RunFacts) -> str:
    source = (
        "a grammar"
        if facts.synthetic
        else "its training text, which was not screened for harmful content or personal data"
    )
    return (
        "A model of this size and text is made for research on language learning. It invents facts, repeats itself and "
        f"carries the biases of {source}; do not use it to inform or decide anything, and not with people who do not know "
        "what it is."
    )


def _cite(facts: RunFacts) -> str:
    entries = [SOFTWARE, BABYLM] if _is_babylm(facts) and not facts.synthetic else [SOFTWARE]
    return "```bibtex\n" + "\n\n".join(entries) + "\n```"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str | None:
    if value is None:
        return None
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
