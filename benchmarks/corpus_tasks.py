"""The single measurements of benchmarks/corpus.py, each meant to run alone in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SEPARATOR = "\n<|endoftext|>\n"
BATCH_SIZES = (16, 64, 256, 1024, 4096)


def passages(shared: Path) -> list[str]:
    """The passages of the six training files, which is what the benchmark calls documents."""
    found: list[str] = []
    for path in sorted((shared / "babylm/train").glob("*.train")):
        found += [passage for passage in path.read_text(encoding="utf-8").split("\n\n") if passage.strip()]
    return found


def write_corpus(shared: str, path: str, megabytes: float) -> dict[str, Any]:
    """Repeat the real text up to a size, documents separated. (Repeated text is all look-up: judge speed on 37 MB or less.)"""
    documents = passages(Path(shared))
    wanted, written, number = int(megabytes * 1e6), 0, 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        while written < wanted:
            text = documents[number % len(documents)] + SEPARATOR
            file.write(text)
            written += len(text.encode())
            number += 1
    return {"bytes": written, "documents": number}


def train_tokenizer(corpus: str, path: str, vocab_size: int) -> dict[str, Any]:
    """A ByteLevel BPE on the first 10 MB of the corpus."""
    from babyllama.config.sections import TokenizerSection
    from babyllama.tokenizer import save_tokenizer
    from babyllama.tokenizer import train_tokenizer as train

    with open(corpus, encoding="utf-8") as file:
        text = file.read(10_000_000)
    begin = time.perf_counter()
    tokenizer = train(text.split(SEPARATOR), TokenizerSection(vocab_size=vocab_size))
    save_tokenizer(tokenizer, path)
    return {"seconds": time.perf_counter() - begin, "vocab_size": tokenizer.get_vocab_size()}


def ours(corpus: str, tokenizer: str, folder: str, packing: str, seq_length: int) -> dict[str, Any]:
    """Text file -> packed blocks on disk, everything included: fingerprint, reading, encoding, words, fsync."""
    from babyllama.config.sections import DataSection
    from babyllama.corpus.reading import read_documents
    from babyllama.dataset import prepare_dataset

    data = DataSection(
        tokenizer_path=tokenizer, train_path=corpus, packed_dir=folder, packing=packing, seq_length=seq_length
    )
    files = [Path(corpus)]
    begin, cpu = time.perf_counter(), time.process_time()
    dataset = prepare_dataset(lambda: read_documents(files), files, tokenizer, data, split="train")
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    return {"seconds": seconds, "cpu_seconds": cpu, "tokens": dataset.num_tokens, "words": dataset.num_words}


def rust(corpus: str, tokenizer: str) -> dict[str, Any]:
    """`encode_batch_fast` over the documents in memory, nothing kept; the best of several batch sizes."""
    from tokenizers import Tokenizer

    documents = _documents(corpus)
    encoder = Tokenizer.from_file(tokenizer)
    results = {}
    for size in BATCH_SIZES:
        begin, cpu = time.perf_counter(), time.process_time()
        for start in range(0, len(documents), size):
            encoder.encode_batch_fast(documents[start : start + size], add_special_tokens=False)
        results[size] = (time.perf_counter() - begin, time.process_time() - cpu)
    best = min(results, key=lambda size: results[size][0])
    return {"seconds": results[best][0], "cpu_seconds": results[best][1], "batch_size": best}


def usual(corpus: str, tokenizer: str, folder: str, seq_length: int, processes: int) -> dict[str, Any]:
    """The two `datasets.map` passes that causal-LM examples make: tokenise, then join and cut; the maps alone are timed.

    It is given documents, which suits it better than the single lines those examples read.
    """
    os.environ["HF_HOME"] = folder
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import datasets
    from transformers import PreTrainedTokenizerFast

    datasets.disable_progress_bars()
    encoder = PreTrainedTokenizerFast(tokenizer_file=tokenizer)
    texts = datasets.Dataset.from_dict({"text": _documents(corpus)})
    texts.save_to_disk(f"{folder}/texts")
    texts = datasets.load_from_disk(f"{folder}/texts")

    def tokenise(batch: dict[str, list[str]]) -> dict[str, Any]:
        return dict(encoder(batch["text"]))

    def join_and_cut(batch: dict[str, list[list[int]]]) -> dict[str, Any]:
        joined = {key: [item for row in rows for item in row] for key, rows in batch.items()}
        total = len(joined["input_ids"]) // seq_length * seq_length
        cut = {key: [row[at : at + seq_length] for at in range(0, total, seq_length)] for key, row in joined.items()}
        cut["labels"] = [list(block) for block in cut["input_ids"]]
        return cut

    begin = time.perf_counter()
    tokens = texts.map(tokenise, batched=True, num_proc=processes, remove_columns=["text"])
    blocks = tokens.map(join_and_cut, batched=True, num_proc=processes)
    return {"seconds": time.perf_counter() - begin, "blocks": len(blocks), "processes": processes}


def cleaning(shared: str) -> dict[str, Any]:
    """MB per CPU second of each cleaner on its own real file, which is read and split into documents on the way."""
    from babyllama.config.sections import SourceSection
    from babyllama.corpus.mixing.sources import Source

    rates = {}
    for release in ("babylm_2023", "babylm"):
        for path in sorted(Path(shared, release, "train").glob("*.train")):
            source = Source(path.name, 1.0, path.stem, SourceSection(path=str(path)), (path,), "strict")
            begin = time.process_time()
            for _ in source.cleaned_parts(keep_speakers=False):
                pass
            rates[f"{release}/{path.stem}"] = path.stat().st_size / 1e6 / (time.process_time() - begin)
    return rates


def plain_cleaning(shared: str, characters: int = 400_000) -> dict[str, Any]:
    """The same by the plain reference of the rules, on the beginning of each file."""
    from babyllama.corpus.cleaning import CLEANERS, Cleaner, apply_rules
    from babyllama.corpus.reading.splitting import split_file

    rates = {}
    for release in ("babylm_2023", "babylm"):
        for path in sorted(Path(shared, release, "train").glob("*.train")):
            cleaner, done = CLEANERS.get(path.stem), 0
            assert isinstance(cleaner, Cleaner)
            begin = time.process_time()
            for part in split_file(path, path.stem):
                apply_rules(cleaner.rules, part.text[:characters])
                done += len(part.text[:characters].encode())
                if done > characters:
                    break
            rates[f"{release}/{path.stem}"] = done / 1e6 / (time.process_time() - begin)
    return rates


def mixing(shared: str, folder: str, budget: str, repeats: int = 1) -> dict[str, Any]:
    """Mixing with cleaning, three sources in equal shares; with `repeats` each source is that many copies of its file."""
    from babyllama.config.sections import Config
    from babyllama.corpus.mixing import mix

    sources = []
    Path(folder).mkdir(exist_ok=True)
    for name in ("simple_wiki", "bnc_spoken", "open_subtitles"):
        path = Path(shared, "babylm/train", f"{name}.train")
        if repeats > 1:
            text, path = path.read_bytes(), Path(folder, f"{name}.train")
            with path.open("wb") as file:
                for _ in range(repeats):
                    file.write(text)
        sources.append({"path": str(path)})

    def config(name: str, budget: str) -> Config:
        return Config.model_validate(
            {
                "data": {"train_path": f"{folder}/{name}/mix.train"},
                "model": {"type": "Llama", "hidden_size": 64, "n_layer": 1, "n_head": 1},
                "mixing": {"sources": sources, "budget": budget, "root": "/"},
            }
        )

    mix(config("warm-up", "100kB"))  # imports are not what is measured
    begin, cpu = time.perf_counter(), time.process_time()
    mix(config("mix", budget))
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    return {"seconds": seconds, "cpu_seconds": cpu, "bytes": Path(folder, "mix/mix.train").stat().st_size}


def opening(folder: str, words: int) -> dict[str, Any]:
    """Seconds to open a dataset of so many words and read its first block, imports apart."""
    import numpy as np

    from babyllama.artifacts import Manifest, file_facts
    from babyllama.dataset import PackedDataset
    from babyllama.dataset.encoding import TokenBatch
    from babyllama.dataset.writing import TokenWriter

    tokens, size = words * 4 // 3, 1_000_000
    path = Path(folder, "large")
    path.mkdir()
    generator = np.random.default_rng(0)
    with TokenWriter(path, 16000) as writer:
        for _ in range(0, tokens, size):
            ids = generator.integers(3, 16000, size, dtype=np.uint32)
            starts = np.arange(0, size, 500)
            ids[starts], ids[starts + 499] = 1, 2
            writer.add(TokenBatch(ids, (np.arange(size) % 4 > 0).astype(np.int64), starts, open=False))
        writer.close()
    facts = {"tokens": writer.tokens, "words": writer.words, "documents": writer.documents}
    facts |= {"blocks": -(-writer.tokens // 128), "vocab_size": 16000, "pad": 0}
    settings = {"seq_length": 128, "packing": "concat"}
    Manifest("dataset", {"tokenizer": ""}, settings, facts, files=file_facts(path)).write(path)
    begin = time.perf_counter()
    dataset = PackedDataset(path)
    opened = time.perf_counter() - begin
    dataset.block(0)
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    dataset.epoch_order(0, 0)
    return {
        "words": writer.words,
        "blocks": len(dataset),
        "open_seconds": opened,
        "first_block_seconds": first,
        "epoch_order_seconds": time.perf_counter() - begin,
    }


def _documents(corpus: str) -> list[str]:
    return [text for text in Path(corpus).read_text(encoding="utf-8").split(SEPARATOR) if text]


def sizes_from(text: str) -> Iterator[float]:
    """`40,400` -> 40.0, 400.0"""
    return (float(part) for part in text.split(",") if part)
