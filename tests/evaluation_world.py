"""A tiny world for the evaluation tests: a byte-level tokenizer and randomly initialised models of every family."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from babyllama.architectures import build_config, families
from babyllama.config import ModelSection

TEXT = [
    "The cat that the dogs chased is sleeping on the mat.",
    "The cats that the dog chased are sleeping on the mats.",
    "Once upon a time there was a little dog who liked to run.",
    "Nobody has ever seen these old houses, and somebody was there.",
    "Who did the girl see? The girl saw herself in the mirror.",
]


def make_tokenizer(*, bos: str | None = "<s>", eos: str | None = "</s>", adds_marks: bool = False) -> Any:
    """A byte-level BPE tokenizer trained on TEXT; `adds_marks` puts both marks around every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<pad>", "<s>", "</s>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(TEXT, trainer)
    backend.post_processor = processors.ByteLevel(trim_offsets=True)
    if adds_marks:
        backend.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token=bos, eos_token=eos, mask_token="<mask>"
    )


FAMILY_NAMES = [known.name for known in families() if not known.probed]
"""Every family that has a file of its own."""


def make_model(family: str, *, vocab_size: int = 330, context: int = 64, seed: int = 0) -> Any:
    """A model of two layers with weights wide enough apart that its probabilities are not all alike; "Bert" is masked."""
    import torch
    from transformers import AutoModelForCausalLM, BertConfig, BertForMaskedLM

    sizes = {"hidden_size": 32, "intermediate_size": 64, "n_layer": 2, "n_head": 4, "max_position_embeddings": context}
    torch.manual_seed(seed)
    if family == "Bert":
        sizes["num_hidden_layers"], sizes["num_attention_heads"] = sizes.pop("n_layer"), sizes.pop("n_head")
        return BertForMaskedLM(BertConfig(vocab_size=vocab_size, initializer_range=0.25, **sizes)).eval()
    section = ModelSection(type=family, name="tiny", **sizes)
    config: Any = build_config(section, vocab_size=vocab_size, seq_length=context)
    config.initializer_range = 0.25
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def save_model(folder: Path, family: str = "Llama", tokenizer: Any = None, **options: Any) -> Path:
    """A model folder as Hugging Face writes it."""
    make_model(family, **options).save_pretrained(folder)
    (tokenizer or make_tokenizer()).save_pretrained(folder)
    return folder


def save_run(
    root: Path, family: str = "Llama", eval_path: str | None = None, column: str = "text", **options: Any
) -> Path:
    """A run folder with a finished model, as training leaves it."""
    from babyllama.artifacts import Manifest, file_facts
    from babyllama.runs import RunPaths, RunRecord
    from babyllama.tokenizer import save_tokenizer, tokenizer_fingerprint

    paths = RunPaths(root)
    tokenizer = options.pop("tokenizer", None) or make_tokenizer()
    save_model(paths.final, family, tokenizer, **options)
    Manifest("model", {}, {}, files=file_facts(paths.final)).write(paths.final)
    save_tokenizer(tokenizer, paths.tokenizer)
    kind = {"Bert": "Llama"}.get(family, family)
    config = {
        "data": {"eval_path": eval_path, "column": column, "seq_length": 64},
        "model": {"type": kind, "name": root.name, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    }
    paths.config.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    record = RunRecord.new(root.name, fingerprints={"tokenizer": tokenizer_fingerprint(tokenizer)})
    record.directory = RunRecord.relative_directory(root)
    record.seal_files(paths)
    record.save(paths)
    return root


def save_metrics(root: Path, **numbers: Any) -> None:
    """training_metrics.json of a run, with made-up numbers where none are given."""
    from babyllama.runs import RunPaths, TrainingMetrics

    made_up: dict[str, Any] = {
        "train_loss": 4.0, "eval_loss": 4.5, "perplexity": 90.0, "steps": 10, "epochs": 1.0, "tokens_seen": 1000, "words_seen": 700,
        "training_time": 60.0, "tokens_per_second": 100.0, "peak_share": None, "peak_memory_bytes": 1, "parameters": 5000,
        "micro_batch": 4, "accumulation": 1, "precision": "fp32", "compiled": False, "device": "cpu", "devices": 1,
        "resumed_from_step": None,
    }  # fmt: skip
    TrainingMetrics(**{**made_up, **numbers}).save(RunPaths(root))


def load(folder: Path, **options: Any) -> Any:
    """The model in `folder`, loaded on the CPU."""
    from babyllama.evaluation import load_model

    return load_model(folder, device="cpu", **options)


PAIRS = [
    ("agreement", "The cat that the dogs chased is sleeping.", "The cat that the dogs chased are sleeping."),
    ("agreement", "The cats that the dog chased are sleeping.", "The cats that the dog chased is sleeping."),
    ("agreement", "The girl is here.", "The girl are here."),
    ("anaphor", "The girl saw herself in the mirror.", "The girl saw himself in the mirror."),
    ("anaphor", "The dog who liked the girl hurt itself.", "The dog who liked the girl hurt herself."),
    ("npi", "Nobody has ever seen these houses.", "Somebody has ever seen these houses."),
    ("npi", "Nobody ever was there.", "Everybody ever was there."),
]


def write_pairs(folder: Path, pairs: Iterable[tuple[str, str, str]] = PAIRS, **more: Any) -> Path:
    """Minimal pairs in BLiMP's format, one file per paradigm."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, Any]]] = {}
    for uid, good, bad in pairs:
        found = rows.setdefault(uid, [])
        found.append({"sentence_good": good, "sentence_bad": bad, "UID": uid, "pairID": str(len(found)), **more})
    for uid, lines in rows.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{uid}.jsonl").write_text(text, encoding="utf-8")
    return folder
