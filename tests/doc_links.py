"""Papers, data and tools that README and docs name, and where each one is."""

import re

LINKS = {
    "BabyLM": "https://babylm.github.io",
    "BLiMP": "https://aclanthology.org/2020.tacl-1.25",
    "TinyStories": "https://arxiv.org/abs/2305.07759",
    "BabyLM evaluation pipeline 2024": "https://github.com/babylm/evaluation-pipeline-2024",
    "BabyLM evaluation pipeline 2025": "https://github.com/babylm/evaluation-pipeline-2025",
    "babylm-org/babylm-eval": "https://github.com/babylm-org/babylm-eval",
    "lm-evaluation-harness": "https://github.com/EleutherAI/lm-evaluation-harness",
    "minicons": "https://github.com/kanishkamisra/minicons",
    "Salazar et al. 2020": "https://aclanthology.org/2020.acl-main.240",
    "Kauf and Ivanova 2023": "https://aclanthology.org/2023.acl-short.80",
    "Wilson": "https://doi.org/10.1080/01621459.1927.10502953",
    "McNemar": "https://doi.org/10.1007/BF02295996",
    "Holm": "https://www.jstor.org/stable/4615733",
    "Ding et al. 2024": "https://arxiv.org/abs/2404.10830",
    "Muon": "https://kellerjordan.github.io/posts/muon/",
    "AdamW": "https://arxiv.org/abs/1711.05101",
    "Llama": "https://arxiv.org/abs/2302.13971",
    "GPT-2": "https://huggingface.co/docs/transformers/model_doc/gpt2",
    "GPT-J": "https://huggingface.co/docs/transformers/model_doc/gptj",
    "GPT-NeoX": "https://arxiv.org/abs/2204.06745",
    "Pythia": "https://arxiv.org/abs/2304.01373",
    "Qwen3": "https://arxiv.org/abs/2505.09388",
    "Hugging Face": "https://huggingface.co/docs/transformers",
    "transformers": "https://huggingface.co/docs/transformers",
    "accelerate": "https://huggingface.co/docs/accelerate",
    "torchrun": "https://docs.pytorch.org/docs/stable/elastic/run.html",
    "FSDP": "https://docs.pytorch.org/docs/stable/fsdp.html",
    "Weights & Biases": "https://docs.wandb.ai",
    "pydantic": "https://docs.pydantic.dev",
    "rensa": "https://github.com/beowolx/rensa",
}
"""Name as it stands in a text -> its address. A page that names one links it once."""


def prose(text: str) -> str:
    """`text` with everything that can hold no link (code, headings, links) blanked, places unchanged."""
    code = r"```.*?```|^(?:    |\t).*?$|`[^`\n]*`|^#.*?$|!?\[[^\]]*\]\([^)]*\)|https?://\S+"
    return re.sub(code, lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.DOTALL | re.MULTILINE)
