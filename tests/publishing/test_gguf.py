"""GGUF: the file holds the model. Read by transformers' own reader, whose mapping is not ours, it computes the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from evaluation_world import TEXT, make_model, make_tokenizer, save_run
from transformers import AutoModelForCausalLM, AutoTokenizer

from babyllama.cli import main
from babyllama.errors import CheckpointError, TokenizerError
from babyllama.publishing.gguf import export_gguf, interleaved
from babyllama.publishing.gguf_tokenizer import CONTROL, NORMAL, UNUSED, GgufTokenizer
from babyllama.runs import locate_model
from babyllama.tokenizer import save_tokenizer

pytestmark = pytest.mark.integration


def model_folder(folder: Path, family: str, tokenizer: Any = None, **changes: Any) -> Path:
    """A model whose tokenizer has fewer entries than it has rows, as our own tokenizers are saved."""
    model = make_model(family, vocab_size=352)
    for key, value in changes.items():
        setattr(model.config, key, value)
    model.save_pretrained(folder)
    save_tokenizer(tokenizer or make_tokenizer(), folder)
    return folder


def written(folder: Path, target: Path, kind: str = "f32") -> gguf.GGUFReader:
    return gguf.GGUFReader(export_gguf(locate_model(folder), target, kind=kind))


@pytest.mark.parametrize("family", ["Llama", "Qwen3", "GPT2"])
def test_another_reader_computes_the_same_from_the_file(family: str, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / family, family)
    export_gguf(locate_model(folder), tmp_path / "x.gguf")
    original = AutoModelForCausalLM.from_pretrained(folder).eval()
    # Its reader knows the weights of each architecture, but not every size in the header.
    read = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="x.gguf", config=original.config).eval()
    ids = torch.randint(3, 330, (2, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(original(ids).logits, read(ids).logits, atol=1e-5)


@pytest.mark.parametrize("family", ["Llama", "Qwen3", "GPT2"])
def test_every_weight_is_in_the_file_in_its_place(family: str, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / family, family)
    state = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    reader = written(folder, tmp_path / "x.gguf")
    tensors = {one.name: gguf.dequantize(one.data, one.tensor_type) for one in reader.tensors}
    prefix = "transformer.h.1." if family == "GPT2" else "model.layers.1."
    if family == "GPT2":
        expected = {
            "blk.1.attn_qkv.weight": state[prefix + "attn.c_attn.weight"].T,
            "blk.1.attn_qkv.bias": state[prefix + "attn.c_attn.bias"],
            "blk.1.attn_output.weight": state[prefix + "attn.c_proj.weight"].T,
            "blk.1.ffn_up.weight": state[prefix + "mlp.c_fc.weight"].T,
            "blk.1.ffn_down.weight": state[prefix + "mlp.c_proj.weight"].T,
            "position_embd.weight": state["transformer.wpe.weight"],
            "token_embd.weight": state["transformer.wte.weight"],
        }
    else:
        query = state[prefix + "self_attn.q_proj.weight"]
        # Row 1 of the file's first head is the middle row of Hugging Face's, where the architecture turns neighbours.
        order = [0, 4, 1, 5, 2, 6, 3, 7] if family == "Llama" else list(range(8))
        expected = {
            "blk.1.attn_q.weight": torch.cat([query[8 * head : 8 * head + 8][order] for head in range(4)]),
            "blk.1.attn_v.weight": state[prefix + "self_attn.v_proj.weight"],
            "blk.1.ffn_gate.weight": state[prefix + "mlp.gate_proj.weight"],
            "blk.1.ffn_norm.weight": state[prefix + "post_attention_layernorm.weight"],
            "token_embd.weight": state["model.embed_tokens.weight"],
        }
    for name, values in expected.items():
        assert np.array_equal(tensors[name], values.numpy()), name
    tied = AutoModelForCausalLM.from_pretrained(folder).config.tie_word_embeddings
    assert ("output.weight" in tensors) == (not tied)
    skipped = 1 if tied else 0
    assert len(tensors) == len(state) - skipped


def test_the_order_of_rows_is_that_of_llama_cpp() -> None:
    rows = np.arange(16)[:, None]
    assert interleaved(rows, 2)[:, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]


@pytest.mark.parametrize(("kind", "error"), [("f16", 2e-3), ("bf16", 8e-3), ("q8_0", 1e-2)])
def test_a_smaller_format_is_as_near_as_it_can_be(kind: str, error: float, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "Llama", "Llama")
    state = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    reader = written(folder, tmp_path / "x.gguf", kind)
    tensors = {one.name: one for one in reader.tensors}
    gate, norm = tensors["blk.0.ffn_gate.weight"], tensors["blk.0.attn_norm.weight"]
    assert (gate.tensor_type.name.lower(), norm.tensor_type.name) == (kind, "F32")
    source = state["model.layers.0.mlp.gate_proj.weight"].numpy()
    found = gguf.dequantize(gate.data, gate.tensor_type)
    assert 0 < np.abs(found - source).max() <= error * np.abs(source).max()
    small, exact = (tmp_path / "x.gguf").stat().st_size, written(folder, tmp_path / "y.gguf") and tmp_path / "y.gguf"
    assert small < exact.stat().st_size


def test_the_tokenizer_gives_the_same_ids(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "Llama", "Llama")
    reader = written(folder, tmp_path / "x.gguf")
    ours = AutoTokenizer.from_pretrained(folder)
    theirs = AutoTokenizer.from_pretrained(tmp_path, gguf_file="x.gguf", add_bos_token=False)
    for text in [*TEXT, "It's 1999, naïve  — 日本\n\n\tend ", "<s>Hi</s>"]:
        assert theirs(text, add_special_tokens=False).input_ids == ours(text, add_special_tokens=False).input_ids, text
    found = GgufTokenizer.of_file(reader)
    assert found.tokens[:4] == ["<pad>", "<s>", "</s>", "<mask>"]
    assert found.special == {"padding": 0, "bos": 1, "eos": 2, "mask": 3}
    assert found.kinds[:5] == [CONTROL] * 4 + [NORMAL]
    entries = len(ours)
    assert found.kinds[entries:] == [UNUSED] * (352 - entries)
    assert len(set(found.tokens)) == 352, "every row has a name of its own"
    assert reader.get_field("tokenizer.ggml.pre").contents() == "gpt-2"
    assert reader.get_field("tokenizer.ggml.add_bos_token").contents() is True


def test_what_llama_cpp_would_compute_otherwise_is_refused(tmp_path: Path) -> None:
    def error(folder: Path, kind: type[Exception]) -> str:
        with pytest.raises(kind) as found:
            export_gguf(locate_model(folder), tmp_path / "x.gguf")
        assert not (tmp_path / "x.gguf").exists()
        return str(found.value)

    assert "is a gptj model; GGUF is written for llama, qwen3, gpt2" in error(
        model_folder(tmp_path / "j", "GPTJ"), CheckpointError
    )
    assert "llama.cpp's llama has no hidden_act: gelu" in error(
        model_folder(tmp_path / "gelu", "Llama", hidden_act="gelu"), CheckpointError
    )
    from tokenizers import normalizers

    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.NFKC()
    said = error(model_folder(tmp_path / "nfkc", "Llama", tokenizer), TokenizerError)
    assert "it normalises text (NFKC). GGUF is written for byte-level BPE" in said
    folder = model_folder(tmp_path / "small", "Llama")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 300}))
    assert "the model 300 rows" in error(folder, TokenizerError)


def test_the_command_names_the_file_and_replaces_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = save_run(tmp_path / "tiny")
    assert main(["export", str(run), "--gguf", "--type", "f16"]) == 0
    assert capsys.readouterr().out == f"{run}/tiny-f16.gguf\n"
    before = (run / "tiny-f16.gguf").read_bytes()
    assert main(["export", str(run), "--gguf", "--type", "f16"]) == 2
    assert "is there already; --overwrite replaces it" in capsys.readouterr().err
    assert main(["export", str(run), "--gguf", "--type", "f16", "--overwrite"]) == 0
    assert (run / "tiny-f16.gguf").read_bytes() == before
    assert main(["export", str(run)]) == 2
    assert "say which format: --gguf" in capsys.readouterr().err


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def short_write(*_: Any) -> None:
        raise OSError("262144 requested and 24816 written")  # what numpy's tofile says, without an errno

    run = save_run(tmp_path / "tiny")
    before = sorted(run.iterdir())
    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", short_write)
    assert main(["export", str(run), "--gguf"]) == 2
    assert "tiny-f32.gguf: no space left on the disk" in capsys.readouterr().err
    assert sorted(run.iterdir()) == before


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["export", str(save_run(tmp_path / "tiny")), "--gguf"]) == 2
