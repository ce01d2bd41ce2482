"""Pack the text of a configuration into token blocks, as `train` does before it trains.

babyllama prepare --config config/llama-10M.yaml
babyllama prepare --config config/llama-10M.yaml data.seq_length=256 data.packing=best_fit
"""

from __future__ import annotations

import argparse

from babyllama.cli.options import add_config_arguments, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration."""
    add_config_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Mix, tokenizer and packed text of the configuration, each reused when it is up to date; prints what came out."""
    config = config_from(args)
    from babyllama.inputs import prepare_inputs

    inputs = prepare_inputs(config)
    for split, dataset in (("train", inputs.train), ("eval", inputs.eval)):
        if dataset is None:
            continue
        padding = dataset.manifest.outputs["padding"]
        print(
            f"{split}: {dataset.num_documents:,} documents, {dataset.num_words:,} words, {dataset.num_tokens:,} tokens in "
            f"{len(dataset):,} blocks of {dataset.seq_length} ({dataset.packing}, {padding:,} padding)  {dataset.path}"
        )
    return 0
