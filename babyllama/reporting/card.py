"""The model card: what a run is, what it learned from, how well it does, how to repeat it. Written from the run folder."""

from __future__ import annotations

import json
import re

from babyllama import __version__
from babyllama.artifacts import atomic_file, read_bytes, write_text
from babyllama.reporting import card_tables
from babyllama.reporting.card_metadata import is_babylm, metadata
from babyllama.reporting.comparison import shown, siblings, side_by_side
from babyllama.runs import RunFacts
from babyllama.text import markdown

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


PLOT = "plots/loss.png"
"""The picture of a card, from the folder that the card is in."""
PROMPT = "Once upon a time"


def write_card(facts: RunFacts) -> str:
    """Write modelcard.md, and once the model is there the same text as final/README.md with what it links; returns it."""
    paths, text = facts.paths, card_text(facts)
    write_text(paths.card, text)
    if paths.final.is_dir():
        write_text(paths.published_card, text)
        for name in (paths.config.name, PLOT):
            if (paths.root / name).is_file():
                with atomic_file(paths.final / name, "wb") as copy:
                    copy.write(read_bytes(paths.root / name))
    return text


def card_text(facts: RunFacts, *, place: str | None = None) -> str:
    """The card as Markdown with the Hub's metadata (model-index) in front; `place` is what the usage code loads."""
    place = place or facts.config.publish.repo_id or facts.paths.final.as_posix()
    beside = siblings(facts.paths)
    sections = [
        f"---\n{metadata(facts)}\n---",
        f"# {markdown(facts.name)}",
        _introduction(facts),
        _use(facts, place),
        "## Results\n\n" + card_tables.results(facts),
        "## Architecture\n\n" + card_tables.architecture(facts),
        "## Data\n\n" + card_tables.data(facts),
        "## Training\n\n" + card_tables.training(facts) + _plot(facts),
        "## Compute\n\n" + card_tables.compute(facts),
        "## Repeat it\n\n" + _repeat(facts),
        "## Intended use\n\n" + _intended_use(facts),
        "## Ethics and limits\n\n" + _limits(facts),
        "## Licence\n\n" + _licence(facts),
        "## Cite\n\n" + _cite(facts),
    ]
    if beside:
        table = side_by_side([facts, *beside], [markdown(one.name) for one in (facts, *beside)])
        sections.insert(5, "## Beside " + " and ".join(markdown(one.name) for one in beside) + "\n\n" + table)
    return "\n\n".join(sections) + "\n"


def checkpoint_card(facts: RunFacts, name: str, words: int | None, place: str) -> str:
    """The card of the words-seen checkpoint `name`, as the branch of the repository `place` that has its name."""
    seen = f" after {words:,} words of training text (repeats counted)" if words else ""
    main = f"https://huggingface.co/{place}"
    sections = [
        f"---\n{metadata(facts, results=False)}\n---",
        f"# {markdown(facts.name)}, {markdown(name)}",
        f"{markdown(facts.name)}{seen}: a checkpoint on the way, not the finished model. "
        f"Results, data, limits and how to cite are on [the page of the finished model]({main}).",
        _use(facts, place, revision=name),
        "## Licence\n\n" + _licence(facts),
    ]
    return "\n\n".join(sections) + "\n"


def usage_code(card: str) -> str:
    """The Python block of a card."""
    found = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert found is not None
    return found[1]


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


def _use(facts: RunFacts, place: str, revision: str | None = None) -> str:
    adds_bos = _adds_bos(facts)
    context = (
        "the tokenizer puts `<s>` in front of a text by itself and adds no `</s>`."
        if adds_bos
        else "the tokenizer adds no special tokens by itself, so put `<s>` in front of a text."
    )
    arguments = json.dumps(place, ensure_ascii=False) + (f', revision="{revision}"' if revision else "")
    code = [
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n",
        f"tokenizer = AutoTokenizer.from_pretrained({arguments})",
        f"model = AutoModelForCausalLM.from_pretrained({arguments})",
    ]
    if facts.config.training.objective != "masked":
        prompt = PROMPT if adds_bos else f"<s>{PROMPT}"
        code += [
            f'inputs = tokenizer("{prompt}", return_tensors="pt")',
            "output = model.generate(**inputs, max_new_tokens=40, do_sample=True)",
            "print(tokenizer.decode(output[0], skip_special_tokens=True))",
        ]
    lines = "\n".join(code)
    return f"```python\n{lines}\n```\n\nThe model was trained on `<s> document </s>`; {context}"


def _adds_bos(facts: RunFacts) -> bool:
    """What the saved tokenizer does; before there is one, what the configuration says."""
    from babyllama.tokenizer import load_fast

    if (facts.paths.final / "tokenizer.json").is_file():
        return bool(load_fast(facts.paths.final).encode("").ids)
    return facts.config.tokenizer is not None and facts.config.tokenizer.add_bos


def _plot(facts: RunFacts) -> str:
    there = (facts.paths.root / PLOT).is_file()
    return f"\n\n![Block loss in training and on held-out text, over tokens seen]({PLOT})" if there else ""


def _repeat(facts: RunFacts) -> str:
    versions = ", ".join(
        f"{name} {version}" for name, version in (facts.record.versions if facts.record else {}).items()
    )
    name = facts.paths.config.name
    return (
        f"`babyllama train --config {name}` with [the file of this run]({name}) repeats it "
        f"(seed {facts.config.training.seed}).\n\nVersions: {versions}."
    )


def _intended_use(facts: RunFacts) -> str:
    if facts.config.publish.intended_use:
        return facts.config.publish.intended_use.strip()
    return (
        "Research and teaching: what a model of this size learns from this text, and how it compares with models trained "
        "otherwise. It follows no instructions, and is no assistant and no source of facts."
    )


def _limits(facts: RunFacts) -> str:
    source = (
        "a grammar"
        if facts.synthetic
        else "its training text, which was not screened for harmful content or personal data"
    )
    general = (
        "A model of this size and text is made for research on language learning. It invents facts, repeats itself and "
        f"carries the biases of {source}; do not use it to inform or decide anything, and not with people who do not know "
        "what it is."
    )
    measured = [line for result in shown(facts) for line in result.limits()]
    measured.append(f"It was trained on rows of {facts.config.data.seq_length:,} tokens; longer texts were not tried.")
    return general + "\n\nMeasured:\n\n" + "\n".join(f"- {line}" for line in measured)


def _licence(facts: RunFacts) -> str:
    publish = facts.config.publish
    if publish.license is None:
        return "None has been chosen (`publish.license`), so nobody is given any rights yet."
    if publish.license == "other":
        return f"[{markdown(publish.license_name or 'other')}]({publish.license_link})"
    return markdown(publish.license)


def _cite(facts: RunFacts) -> str:
    entries = [SOFTWARE, BABYLM] if is_babylm(facts) and not facts.synthetic else [SOFTWARE]
    own = facts.config.publish.citation
    return "```bibtex\n" + "\n\n".join([*([own.strip()] if own else []), *entries]) + "\n```"
