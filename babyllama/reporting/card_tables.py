"""The tables of a model card: results by phenomenon, architecture, data, training, what it has cost."""

from __future__ import annotations

from typing import Any

from babyllama.config.tables import FAMILIES
from babyllama.reporting.card_metadata import family_summary, named_data_sets
from babyllama.reporting.comparison import figures, shown
from babyllama.reporting.energy import energy
from babyllama.runs import RunFacts
from babyllama.text import code, markdown, markdown_table


def results(facts: RunFacts) -> str:
    """Every headline, then what was measured on all of its data by phenomenon."""
    rows = figures(facts)
    if not rows:
        return "Not evaluated yet: " + code(f"babyllama evaluate {facts.paths.root.as_posix()}") + "."
    parts = [markdown_table(("measure", "value"), rows.items())]
    for table in (table for result in shown(facts) for table in result.card_tables()):
        parts += [f"### {table.title}", markdown_table(["", *table.columns], table.rows), *table.below]
    return "\n\n".join(parts)


def architecture(facts: RunFacts) -> str:
    """Sizes of the model."""
    model, metrics = facts.config.model, facts.metrics
    probed = model.type in FAMILIES and FAMILIES.get(model.type).probed
    wide = FAMILIES.get(model.type)().feed_forward(model) if model.type in FAMILIES and not probed else None
    return table(
        ("class", model.architecture_name),
        ("parts", family_summary(facts)),
        ("began with the weights of", None if model.init_from is None else code(model.init_from)),
        ("parameters", number(metrics.parameters if metrics else None)),
        ("layers", model.n_layer),
        ("width", number(model.hidden_size)),
        ("feed-forward width", number(wide if wide is not None else model.intermediate_size)),
        ("attention heads", model.n_head),
        ("key/value heads", model.n_kv_head),
        ("vocabulary", number(_vocabulary(facts))),
        ("longest context, tokens", number(model.max_position_embeddings or facts.config.data.seq_length)),
        ("output layer", "the input embedding" if model.tie_word_embeddings else "of its own"),
    )


def _vocabulary(facts: RunFacts) -> int | None:
    """Rows of the embedding, as the configuration or the saved tokenizer says."""
    from babyllama.tokenizer import load_fast

    if facts.config.model.vocab_size is not None:
        return facts.config.model.vocab_size
    folders = (facts.paths.final, facts.paths.tokenizer)
    there = next((folder for folder in folders if (folder / "tokenizer.json").is_file()), None)
    return load_fast(there).get_vocab_size() if there else None


def data(facts: RunFacts) -> str:
    """The text, and the data sets behind it."""
    config, named = facts.config, named_data_sets(facts)
    parts = [f"Text: {code(config.data.train_path)}" + (" (synthetic)." if facts.synthetic else ".")]
    if config.mixing is not None:
        shares = ", ".join(code(one.name or one.hub or one.path or "?") for one in config.mixing.sources)
        size = f" to {config.mixing.budget}" if config.mixing.budget else ""
        parts.append(f"It was mixed{size}, in equal {config.mixing.unit} but for weights, from: {shares}.")
    for name, licence in named.items():
        said = f", licence there: {markdown(licence)}" if licence else ""
        parts.append(f"Data set: [{markdown(name)}](https://huggingface.co/datasets/{name}){said}.")
    if not named and not facts.synthetic:
        parts.append("No public data set has been named for it (`publish.datasets`).")
    return "\n".join(f"- {part}" for part in parts)


def training(facts: RunFacts) -> str:
    """How it was trained."""
    config, metrics, record = facts.config, facts.metrics, facts.record
    muon = config.optimization.optimizer == "muon"
    return table(
        ("text", code(config.data.train_path) + (" (synthetic)" if facts.synthetic else "")),
        ("objective", config.training.objective if config.training.objective != "causal" else None),
        *((name, markdown(value)) for name, value in (record.objective if record else {}).items()),
        ("tokens seen", number(metrics.tokens_seen if metrics else None)),
        ("words seen", number(metrics.words_seen if metrics else None)),
        ("optimizer steps", number(metrics.steps if metrics else None)),
        ("epochs", f"{round(metrics.epochs, 2):g}" if metrics else None),
        ("sequence length", config.data.seq_length),
        ("sequences per step", metrics.micro_batch * metrics.accumulation * metrics.devices if metrics else None),
        ("optimizer", f"{config.optimization.optimizer}, {config.optimization.schedule} schedule"),
        ("peak learning rate", f"{config.training.lr:g}" + (" (AdamW)" if muon else "")),
        ("peak learning rate of the hidden matrices", f"{config.optimization.muon_lr:g} (Muon)" if muon else None),
        ("weight decay", f"{config.optimization.weight_decay:g}"),
        ("precision", record.precision if record else None),
    )


def compute(facts: RunFacts) -> str:
    """What training has cost."""
    metrics, record = facts.metrics, facts.record
    if metrics is None:
        return "Not trained to the end yet."
    flops = metrics.flops_per_token
    return table(
        ("device", record.device if record and record.device else metrics.device),
        ("devices", metrics.devices if metrics.devices > 1 else None),
        ("training time", seconds(metrics.training_time)),
        ("tokens per second", number(metrics.tokens_per_second)),
        ("operations (FLOPs), computed", f"{flops * metrics.tokens_seen:.3g}" if flops else None),
        ("share of the device's peak", f"{metrics.peak_share:.0%}" if metrics.peak_share is not None else None),
        ("energy", energy(facts) or "not estimated; the power of this device is not known (`publish.watts`)"),
    )


def table(*rows: tuple[str, Any]) -> str:
    """Rows with a value, as a Markdown table without headings."""
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows if value is not None)


def number(value: float | None) -> str | None:
    """A count with thousands separated."""
    return None if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str | None:
    """A time as people write it on a page."""
    if value is None:
        return None
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
