"""The YAML in front of a model card, which the Hub reads: licence, languages, data sets, tags, results."""

from __future__ import annotations

import os.path

from babyllama.config.tables import FAMILIES
from babyllama.reporting.comparison import shown
from babyllama.runs import RunFacts


def metadata(facts: RunFacts, *, results: bool = True) -> str:
    """The header as YAML; evaluation results go into `model-index`, which the Hub shows."""
    from huggingface_hub import EvalResult, ModelCardData

    measures = (measure for result in shown(facts) for measure in result.headline()) if results else ()
    found = [EvalResult(**measure.published) for measure in measures if measure.published is not None]
    publish = facts.config.publish
    data = ModelCardData(
        language=publish.languages[0] if len(publish.languages) == 1 else list(publish.languages) or None,
        license=publish.license,
        license_name=publish.license_name,
        license_link=publish.license_link,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=tags(facts),
        datasets=list(named_data_sets(facts)) or None,
        model_name=facts.name,
        eval_results=found or None,
    )
    return data.to_yaml()


def tags(facts: RunFacts) -> list[str]:
    """What the Hub finds the model by."""
    family = facts.config.model.architecture_name.removesuffix("ForCausalLM").lower()
    found = ["babyllama", "small-language-model", "causal-lm", family]
    if facts.synthetic:
        found.append("synthetic-data")
    elif is_babylm(facts):
        found.append("babylm")
    return list(dict.fromkeys([*found, *facts.config.publish.tags]))


def named_data_sets(facts: RunFacts) -> dict[str, str]:
    """Hub name -> licence, "" where it is not known, of the data sets behind the training text."""
    known = facts.record.datasets if facts.record else {}
    return {**known, **{name: known.get(name, "") for name in facts.config.publish.datasets}}


def is_babylm(facts: RunFacts) -> bool:
    """Whether the training text, its data sets or the sources of its mix are called BabyLM."""
    paths = [facts.config.data.train_path, *named_data_sets(facts)]
    mixing = facts.config.mixing
    if mixing is not None:
        # A path of its own leads out of the root, which need not be where the text lies.
        paths = [os.path.normpath(os.path.join(mixing.root, one.path)) for one in mixing.sources if one.path]
        paths += [one.hub for one in mixing.sources if one.hub]
    return any("babylm" in path.lower() for path in paths)


def family_summary(facts: RunFacts) -> str | None:
    """What sets the architecture apart, in one line; None for a class of transformers, or a family that is not loaded."""
    kind = facts.config.model.type
    known = FAMILIES.get(kind) if kind in FAMILIES else None
    return None if known is None or known.probed else known.summary
