"""Saved tokenizers give the same ids in transformers 4.51.3, which the official evaluation pipelines pin.

4.51 and 5 do not fit into one environment: `make transformers-4.51` makes a second one, in which the ids are computed.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from pathlib import Path

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
