"""`type: hf`: the keys of the model section under Hugging Face's names, raw keys over them, mistakes named."""

import pytest

from babyllama.architectures import build_config, build_model, family, parameter_counts
from babyllama.config import ModelSection
from babyllama.errors import ConfigError
from babyllama.settings import config_from_values

pytestmark = pytest.mark.unit


def section(architecture: str = "MistralForCausalLM", **keys: object) -> ModelSection:
    sizes = {"hidden_size": 64, "n_layer": 2, "n_head": 4}
    return ModelSection(**{"type": "hf", "architecture": architecture, **sizes, **keys})  # type: ignore[arg-type]


def built(*args: str, **keys: object) -> object:
    return build_config(section(*args, **keys), vocab_size=50, seq_length=16)


def test_standard_names_go_through_the_attribute_map_of_the_class() -> None:
    config = built("GPT2LMHeadModel", initializer_range=0.05, tie_word_embeddings=True)
    assert (config.n_embd, config.n_layer, config.n_head, config.n_positions) == (64, 2, 4, 16)
    assert (config.vocab_size, config.initializer_range, config.tie_word_embeddings) == (50, 0.05, True)
    assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (0, 1, 2)


def test_raw_keys_win_under_either_name() -> None:
    config = built(hf={"num_attention_heads": 2, "rms_norm_eps": 1e-3, "head_dim": 8})
    assert (config.num_attention_heads, config.rms_norm_eps, config.head_dim) == (2, 1e-3, 8)
    assert built("GPT2LMHeadModel", hf={"n_head": 8}).n_head == 8
    assert built("GPT2LMHeadModel", hf={"num_attention_heads": 8}).n_head == 8


def test_sizes_of_the_published_model_are_brought_to_the_width() -> None:
    config = built("Gemma2ForCausalLM", n_kv_head=2)
    assert (config.num_key_value_heads, config.head_dim) == (2, 16)
    assert built("MistralForCausalLM").num_key_value_heads == 4
    # 14336 / 4096 = 3.5 times the width.
    assert built("MistralForCausalLM").intermediate_size == 256
    assert built("MistralForCausalLM", intermediate_size=100).intermediate_size == 100
    assert built("MambaForCausalLM", n_head=None).intermediate_size == 128, "a class that derives it is left alone"
    assert family("hf").feed_forward(section()) == 256


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"architecture": "MistralForCausalML"}, "no such causal class; did you mean MistralForCausalLM?"),
        ({"architecture": "BertForMaskedLM"}, "transformers has no such causal class"),
        (
            {"hf": {"sliding_windw": 3}},
            "model.hf.sliding_windw: MistralConfig has no such key; did you mean sliding_window?",
        ),
        ({"hf": {"rms_norm_eps": "x"}}, "refuses these values: .*expected float"),
        ({"hf": {"hidden_act": "nope"}}, "of these values cannot be built: .*nope"),
        ({"n_head": None}, "model.n_head is required"),
        ({"resid_pdrop": 0.1}, "model.resid_pdrop: MistralForCausalLM has no resid_pdrop"),
        ({"architecture": "MambaForCausalLM"}, "model.n_head: MambaForCausalLM has no num_attention_heads"),
    ],
)
def test_a_key_that_the_class_does_not_take_is_a_mistake(keys: dict, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        build_model(section(**keys), vocab_size=50, seq_length=16)


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        ({"type": "hf"}, "model.architecture: is required"),
        ({"type": "Llama", "n_head": 2, "architecture": "MistralForCausalLM"}, "Llama has no such setting"),
        ({"type": "Llama", "n_head": 2, "hf": {"a": 1}}, "Llama has no such setting"),
        ({"type": "Llama"}, "model.n_head: is required"),
        (
            {"type": "hf", "architecture": "MistralForCausalLM", "hf": {"a": float("inf")}},
            "must hold text, finite numbers",
        ),
        ({"type": "hf", "architecture": "MistralForCausalLM", "hf": [1]}, "must be a section with keys below it"),
    ],
)
def test_what_can_be_said_without_transformers_is_said_with_the_configuration(model: dict, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        config_from_values({"model": {"hidden_size": 16, "n_layer": 1, **model}})


def test_parts_are_found_by_their_modules() -> None:
    counts = parameter_counts(section("BloomForCausalLM"), vocab_size=50, seq_length=16)
    assert counts["embeddings"] == counts["output"] == 50 * 64
    assert counts["attention"] == 2 * (4 * 64 * 64 + 4 * 64)
    assert counts["feed_forward"] == 2 * (8 * 64 * 64 + 5 * 64)
    assert counts["norms"] == (2 * 2 + 2) * 2 * 64
