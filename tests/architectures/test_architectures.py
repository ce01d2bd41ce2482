"""The model factory: sizes that match names, keys that reach Hugging Face, a seed that repeats weights."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from babyllama.architectures import build_config, build_model, families, parameter_counts
from babyllama.config import ModelSection, TokenizerSection
from babyllama.config.tables import FAMILIES
from babyllama.errors import ConfigError
from babyllama.settings import load_config
from babyllama.tokenizer import special_ids, train_tokenizer, wrap_tokenizer

pytestmark = pytest.mark.unit

CONFIGS = Path(__file__).resolve().parents[2] / "config"
NAMED_SIZES = {
    "llama-10M": 9.685e6, "llama-10M-large": 9.685e6, "llama-16M": 16e6, "llama-95M": 95e6, "llama-95M-strict": 95e6,
    "llama-97M": 97e6, "llama-97M-strict": 97e6, "llama-360M": 360e6, "gpt-97M": 97e6, "gpt-97M-strict": 97e6,
    "gpt-705M": 705e6, "gpt-j-97M": 97e6, "gpt-j-97M-strict": 97e6, "gpt2-97M": 97e6, "gptj-97M": 97e6,
    "babylm-llama-5m": 5e6, "babylm-llama-26m": 26e6, "babylm-llama-66m": 66e6, "production": 97e6,
    "tinystories-15M": 15e6, "tinystories-3M": 3e6, "llama-bigger-strict": 109.5e6,
}  # fmt: skip


OWN = [known.name for known in families() if not known.probed]
KINDS = [*OWN, "MistralForCausalLM", "Olmo2ForCausalLM", "Gemma2ForCausalLM", "MambaForCausalLM"]
"""Every family with a file of its own, and a few classes that have none."""


def tiny(kind: str, **keys: object) -> ModelSection:
    if kind.endswith("ForCausalLM"):
        heads = {} if kind.startswith("Mamba") else {"n_head": 4}
        return ModelSection(**{"type": "hf", "architecture": kind, "hidden_size": 32, "n_layer": 2, **heads, **keys})  # type: ignore[arg-type]
    return ModelSection(**{"type": kind, "hidden_size": 32, "n_layer": 2, "n_head": 4, **keys})  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "size"), NAMED_SIZES.items())
def test_a_name_states_the_size(name: str, size: float) -> None:
    config = load_config(CONFIGS / f"{name}.yaml")
    vocabulary = config.tokenizer.vocab_size if config.tokenizer else 16000
    count = parameter_counts(config.model, vocab_size=vocabulary, seq_length=config.data.seq_length)["total"]
    assert count == pytest.approx(size, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tied", [True, False])
def test_counts_without_weights_equal_those_of_the_model(kind: str, tied: bool) -> None:
    section = tiny(kind, tie_word_embeddings=tied)
    counts = parameter_counts(section, vocab_size=100, seq_length=16)
    model = build_model(section, vocab_size=100, seq_length=16)
    assert counts["total"] == sum(parameter.numel() for parameter in model.parameters())
    assert counts["total"] == sum(count for part, count in counts.items() if part != "total")
    assert (model.get_input_embeddings().weight is model.get_output_embeddings().weight) == tied


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_weights(kind: str) -> None:
    before = torch.random.get_rng_state()
    one, two, other = (build_model(tiny(kind), vocab_size=50, seq_length=8, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.get_input_embeddings().weight, other.get_input_embeddings().weight)
    assert torch.equal(before, torch.random.get_rng_state()), "building a model must not disturb other random numbers"


def test_every_key_reaches_the_hugging_face_configuration() -> None:
    common = {
        "intermediate_size": 40,
        "initializer_range": 0.03,
        "max_position_embeddings": 64,
        "tie_word_embeddings": True,
    }
    drops = {"resid_pdrop": 0.2, "attn_pdrop": 0.3, "embd_pdrop": 0.4}
    llama = build_config(tiny("Llama", n_kv_head=2, attn_pdrop=0.3, **common), vocab_size=50, seq_length=8)
    assert (llama.intermediate_size, llama.num_key_value_heads, llama.attention_dropout) == (40, 2, 0.3)
    for kind in ("GPT2", "GPTJ"):
        built = build_config(tiny(kind, **common, **drops), vocab_size=50, seq_length=8)
        assert {key: getattr(built, key) for key in drops} == drops
        assert built.n_inner == 40
    for found in (llama, built):
        assert (found.hidden_size, found.num_hidden_layers, found.num_attention_heads) == (32, 2, 4)
        assert (found.vocab_size, found.max_position_embeddings, found.initializer_range) == (50, 64, 0.03)
        assert (found.pad_token_id, found.bos_token_id, found.eos_token_id) == (0, 1, 2)
        assert found.tie_word_embeddings


@pytest.mark.parametrize(("kind", "width"), [("Llama", 128), ("GPT2", 128), ("GPTJ", 128)])
def test_the_default_feed_forward_width(kind: str, width: int) -> None:
    built = build_config(tiny(kind), vocab_size=50, seq_length=8)
    # 8/3 x 32 = 85.3, up to the next multiple of 64; 4 x 32 = 128.
    assert (getattr(built, "n_inner", None) or built.intermediate_size) == width


def test_gptj_rotates_at_most_64_dimensions_of_a_head() -> None:
    assert build_config(tiny("GPTJ"), vocab_size=50, seq_length=8).rotary_dim == 8
    wide = tiny("GPTJ", hidden_size=192, n_head=2)
    assert build_config(wide, vocab_size=50, seq_length=8).rotary_dim == 64


def test_a_vocabulary_smaller_than_the_tokenizer_is_refused() -> None:
    with pytest.raises(ConfigError, match="the tokenizer has 50 entries"):
        build_config(tiny("Llama", vocab_size=40), vocab_size=50, seq_length=8)
    assert build_config(tiny("Llama", vocab_size=64), vocab_size=50, seq_length=8).vocab_size == 64


@pytest.mark.parametrize("kind", KINDS)
def test_the_marks_are_those_of_the_tokenizer(kind: str) -> None:
    foreign = Tokenizer(models.WordLevel({"a": 0, "b": 1, "c": 2, "<|endoftext|>": 3, "[PAD]": 4}, unk_token="a"))
    own = train_tokenizer(["a b c"], TokenizerSection(vocab_size=259))
    with_padding, ours = wrap_tokenizer(foreign), wrap_tokenizer(own)
    without = PreTrainedTokenizerFast(tokenizer_object=foreign, eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    assert build_config(tiny(kind), vocab_size=259, seq_length=8).to_dict().items() >= special_ids(ours).items()
    for tokenizer, pad in ((with_padding, 4), (without, None)):
        marks = special_ids(tokenizer)
        assert marks == {"pad_token_id": pad, "bos_token_id": 3, "eos_token_id": 3}
        model = build_model(tiny(kind), vocab_size=5, seq_length=8, special=marks)
        assert {name: getattr(model.config, name) for name in marks} == marks
        assert getattr(model.get_input_embeddings(), "padding_idx", None) in (pad, None)
        assert model.get_input_embeddings().weight[:4].abs().sum(1).min() > 0, "every token but padding is trained"
    # Without a mark for padding no row is set to zero, whatever its number.
    bare = build_model(tiny(kind), vocab_size=5, seq_length=8, special={"eos_token_id": 3})
    assert bare.get_input_embeddings().padding_idx is None
    assert (bare.config.pad_token_id, bare.config.bos_token_id, bare.config.eos_token_id) == (None, None, 3)


def test_families_are_listed_with_a_summary() -> None:
    assert [family.name for family in families()] == list(FAMILIES)
    assert all(family.summary for family in families())


def test_a_family_is_known_by_its_name_alone() -> None:
    with pytest.raises(ConfigError, match="unknown model type 'Lama'; did you mean 'Llama'"):
        build_config(tiny("Lama"), vocab_size=50, seq_length=8)
