"""The page on one text: surprisal in colour, attention of each head, and the logit lens."""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import Any

import numpy as np

from babyllama import __version__
from babyllama.evaluation.inspection import Inspection
from babyllama.evaluation.results import Table
from babyllama.reporting.html import anchor_of, chart_data, write_page
from babyllama.reporting.views.base import Line, LineChart, Tile, Tiles
from babyllama.text import percent

_SCRIPTS = ("page.js", "tables.js", "lines.js", "inspect.js")


def save_inspection(found: Inspection, output: Path) -> None:
    """Write the page on `found` as the file `output`."""
    layers, heads, length, _ = found.attention.shape
    chart = layer_chart(found)
    triangle = np.tril_indices(length)
    data = {
        "runs": [found.model],
        "charts": {anchor_of(chart): chart_data(chart)} if chart is not None else {},
        "tokens": found.tokens,
        "marked": found.marked,
        "surprisal": [round(value, 3) for value in found.surprisal.tolist()],
        "predictions": found.predictions,
        "lens": found.lens,
        "layers": layers,
        "heads": heads,
        # Of each head the rows of the lower triangle, one byte a share: nothing reads what comes later.
        "attention": base64.b64encode(
            np.rint(found.attention[..., *triangle] * 255).astype(np.uint8).tobytes()
        ).decode(),
    }
    subtitle = f"A look into a model · {found.family}, {layers} layers, {heads} heads · BabyLlama {__version__}"
    write_page(
        output,
        "inspect.html",
        _SCRIPTS,
        data,
        subtitle=subtitle,
        found=found,
        tiles=surprisal_tiles(found),
        heads=head_table(found),
        chart=chart,
        scale=max(8.0, math.ceil(float(np.nanmax(found.surprisal)))),
    )


def surprisal_tiles(found: Inspection) -> Tiles:
    """The text in numbers."""
    bits = found.surprisal[1:]
    most = int(np.nanargmax(found.surprisal))
    return Tiles(
        [
            Tile("tokens", f"{len(bits)}", "after the beginning mark" if found.marked else "after the first"),
            Tile("bits per token", f"{np.mean(bits):.2f}", f"perplexity {2 ** np.mean(bits):,.1f}"),
            Tile("bits in all", f"{np.sum(bits):.1f}"),
            Tile("most surprising", found.tokens[most].strip() or repr(found.tokens[most]), f"{bits.max():.1f} bits"),
        ]
    )


def head_table(found: Inspection) -> Table:
    """Where each head looks, as means over the text's tokens: what heads are told apart by."""
    layers, heads, length, _ = found.attention.shape
    distance = np.abs(np.arange(length)[:, None] - np.arange(length)[None, :])
    rows = []
    for layer in range(layers):
        for head in range(heads):
            shares: Any = found.attention[layer, head, 1:]
            entropy = -(shares * np.log2(np.maximum(shares, 1e-12))).sum(axis=1).mean()
            rows.append(
                (
                    f"layer {layer + 1}, head {head + 1}",
                    f"{percent(float(shares[:, 0].mean()))} %",
                    f"{percent(float(np.diagonal(found.attention[layer, head], -1).mean()))} %",
                    f"{percent(float(np.diagonal(found.attention[layer, head])[1:].mean()))} %",
                    f"{(shares * distance[1:]).sum(axis=1).mean():.1f}",
                    f"{entropy:.2f}",
                )
            )
    columns = ("on the first token", "on the one before", "on itself", "mean distance", "entropy, bits")
    return Table("Where each head looks", columns, rows)


def layer_chart(found: Inspection) -> LineChart | None:
    """Mean surprisal of the text, had each layer been the last."""
    if found.lens_surprisal is None:
        return None
    means = np.nanmean(found.lens_surprisal, axis=1)
    places = {"layer": list(range(1, len(means) + 1))}
    line = Line(0, "bits per token", places, [round(float(one), 3) for one in means], dots=True)
    alt = f"Mean surprisal of the text by layer: from {means[0]:.2f} bits a token after the first to {means[-1]:.2f} after the last."
    return LineChart("Surprisal by layer", alt, "bits per token", {"layer": "layer"}, [line], half=True)
