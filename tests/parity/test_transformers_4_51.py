"""Saved tokenizers and models are the same in transformers 4.51.3, which the official evaluation pipelines pin.

4.51 and 5 do not fit into one environment: `make transformers-4.51` makes a second one, in which ids and logits are computed. It has no
torch of its own and borrows that of the first, which stands behind everything else on its path.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from babyllama.config.sections import TokenizerSection
from babyllama.tokenizer import save_tokenizer, train_tokenizer

pytestmark = pytest.mark.integration

TEXT = "The old dog can't see 12 cats; they've run away!\n\nA naïve café, 中文 text\tand  two spaces. " * 5
NASTY = [
    "",
    " ",
    "  ",
    "\n",
    "\r\n\r\n",
    "\t tab",
    "the",
    " the",
    "  the",
    "the ",
    "The old dog can't see 12 cats.",
    "they've we'll I'm he'd 'S 'RE",
    "a\u00a0b",
    "a\u2028b\u2029c",
    "\u3000ideographic",
    "\x1cfile\x1dgroup\x1erecord\x1funit",
    "\x0bvertical\x0cform",
    "\x85next line",
    "\ufeffbyte-order mark",
    "zero\u200bwidth",
    "中文 text 中文",
    "naïve cafe\u0301 ﬁne ½ Ⅷ ²",
    "e\u0301\u0301\u0301" * 20,
    "😀👩\u200d👩\u200d👧 flags 🇩🇪",
    "\x00\x01\x7f",
    "<s>",
    "<s>the cat</s>",
    "the <pad> cat <mask> <unk>",
    "x" * 500,
    "Don\u2019t \u201cquote\u201d \u2014 dash \ufffd",
]
PROGRAM = """
import json, sys
from pathlib import Path
from transformers import AutoTokenizer
texts = json.loads(Path(sys.argv[1]).read_text())
tokenizers = {folder: AutoTokenizer.from_pretrained(folder) for folder in sys.argv[2:]}
print(json.dumps({folder: [one(text)["input_ids"] for text in texts] for folder, one in tokenizers.items()}))
"""

LOGITS = """
import sys
import numpy
sys.path.append(sys.argv[1])
import torch, transformers
from transformers import AutoModelForCausalLM
assert transformers.__version__ == "4.51.3", transformers.__version__
ids = torch.from_numpy(numpy.load(sys.argv[2]))
for folder in sys.argv[3:]:
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        numpy.save(folder + "/logits.npy", model(ids).logits.numpy())
"""


@pytest.fixture(scope="module")
def other_python(request: pytest.FixtureRequest) -> Path:
    python = Path(request.config.rootpath) / ".venv-4.51" / "bin" / "python"
    if not python.exists():
        pytest.skip("needs a second environment: make transformers-4.51")
    return python


def test_every_tokenizer_gives_the_same_ids_in_both(other_python: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    assert len(NASTY) == len(set(NASTY)) == 30
    options = itertools.product(("bpe", "unigram", "wordpiece"), *[(False, True)] * 3)
    folders = {}
    for number, (kind, nfkc, prefix_space, bos) in enumerate(options):
        section = TokenizerSection(type=kind, vocab_size=600, nfkc=nfkc, add_prefix_space=prefix_space, add_bos=bos)
        folders[str(save_tokenizer(train_tokenizer([TEXT], section), tmp_path / str(number)))] = section
    (tmp_path / "texts.json").write_text(json.dumps(NASTY))
    done = subprocess.run(
        [other_python, "-c", PROGRAM, tmp_path / "texts.json", *folders],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout.splitlines()[-1])
    for folder, section in folders.items():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        for text, ids in zip(NASTY, theirs[folder], strict=True):
            assert tokenizer(text)["input_ids"] == ids, (section, text)


def test_a_model_of_the_hybrid_objective_is_the_same_causal_model_in_both(
    other_python: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half its rows were read in both directions; what is saved is an ordinary causal model, whichever version loads it."""
    monkeypatch.syspath_prepend(Path(request.config.rootpath) / "tests" / "training")
    import torch
    from training_world import FAMILY_NAMES, VOCABULARY, tiny_model, tiny_run
    from transformers import AutoModelForCausalLM

    ids = torch.randint(3, VOCABULARY, (2, 16), generator=torch.Generator().manual_seed(0))
    np.save(tmp_path / "ids.npy", ids.numpy())
    # Other tokens ahead change nothing before them.
    changed = ids.clone()
    changed[:, 9:] = (changed[:, 9:] - 2) % (VOCABULARY - 3) + 3
    wanted = {}
    for family in FAMILY_NAMES:
        model = tiny_model(family)
        training = {"objective": "hybrid", "max_steps": 3}
        _, paths = tiny_run(tmp_path / family, model=model, training=training, objective={"masked_share": 0.5})
        saved = json.loads((paths.final / "config.json").read_text())
        assert "is_causal" not in saved
        assert saved["architectures"] == [type(model).__name__]
        model.eval()
        with torch.no_grad():
            # The model that was trained, by its own forward; then what transformers 5 makes of the folder.
            wanted[str(paths.final)] = model(ids).logits
            again = AutoModelForCausalLM.from_pretrained(paths.final).eval()
            torch.testing.assert_close(again(ids).logits, model(ids).logits, rtol=0, atol=1e-5)
            torch.testing.assert_close(again(changed).logits[:, :9], again(ids).logits[:, :9], rtol=0, atol=1e-5)
    site = Path(torch.__file__).parent.parent
    done = subprocess.run(
        [other_python, "-c", LOGITS, site, tmp_path / "ids.npy", *wanted],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for folder, logits in wanted.items():
        np.testing.assert_allclose(np.load(Path(folder) / "logits.npy"), logits.numpy(), rtol=0, atol=1e-5)
