"""Every command of the docs is run, with tiny settings, in one world that all of them share.

A line that stands for many (`babyllama mix --config C`) is no command but a form, and `tests/test_docs.py` parses it; what is
fetched needs the network. Whatever else cannot be run says so in its page: `<!-- not run by the tests: COMMAND (why) -->`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from evaluation_world import PAIRS, write_pairs
from test_docs import PAGES, SCRIPTS
from test_docs import commands as commands_of_all
from test_readme import MODEL, SMALLER

from babyllama.cli import main

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent
RUN = "models/Llama-10M"
STANDS_FOR = {"MODEL": RUN, "MODEL1": RUN, "MODEL2": "models/Llama-16M", "RUN": RUN, "models/my-run": RUN}
"""Names in commands that readers replace."""
COPIES = (
    "Llama-10M-average",
    "Llama-16M",
    "quickstart",
    "one-layer",
    "BabyLM-LLaMA-5M",
    "BabyLM-LLaMA-26M",
    "TinyStories-laptop",
    "Llama-comparison",
    "GPT2-comparison",
    "GPTJ-comparison",
)
TINIER = {**SMALLER, "distill": MODEL, "generate": ["--max-new-tokens", "4"]}
"""Sub-command -> what makes it small; a setting that the page gives stands behind it and counts."""
OF_THE_WORLD = [
    "training.word_checkpoints=true", "evaluation.tasks=[]", "data.seq_length=64", "training.max_steps=3",
    "training.save_steps=1", "training.save_total_limit=10",
]  # fmt: skip
"""What the one run is trained with beside MODEL."""
OF_A_CONFIGURATION = {
    "babylm-llama": ["mixing.budget=9kB", "mixing.dev_budget=1kB", "tokenizer.vocab_size=400"],
    "tinystories": ["mixing.dev_budget=4kB", "tokenizer.vocab_size=400", "data.seq_length=64"],
}
"""Part of a configuration's name -> the same for what it mixes."""


def exceptions(page: Path) -> list[str]:
    """The commands that a page says are not run."""
    return re.findall(r"<!-- not run by the tests: (.+?) \([^()]+\) -->", page.read_text())


def typed(line: str) -> str:
    """A command line without what stands behind it in a page."""
    return re.split(r"\s{2,}|\s\||\s>|\s#", line.strip())[0]


def runnable() -> list[str]:
    """Every command of the docs that has arguments and is no form, each once; README's are run by tests/test_readme.py."""
    found = []
    for page, line in commands_of_all():
        line = typed(line)
        words = line.split()
        bare = 4 if words[1].endswith("data_utils.py") else 3
        if (
            page == "README.md"
            or len(words) < bare
            or (words[1] in ("run_tests.py", "fetch") and "--list" not in words)
        ):
            continue
        rest = [word for word in words[1:] if word not in STANDS_FOR]
        if any(
            re.search(r"(?<![A-Za-z0-9_-])[A-Z]{2,}[0-9]?(?![A-Za-z0-9_-])|<|\.\.\.$|^C(\.yaml)?$", word)
            for word in rest
        ):
            continue
        found.append(line)
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with text, pairs, one tiny run under the names that the docs use, and the files that they name."""
    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shutil.copytree(ROOT / "config", folder / "config")
        assert main(["synthesize", "--num-tokens", "6000"]) == 0
        assert main(["tokenizer"]) == 0
        assert main(["train", "--config", "config/llama-10M.yaml", *MODEL, *OF_THE_WORLD]) == 0
        for name in ("llama-360M", "gpt-705M"):
            # The teachers of config/distillation.yaml, shrunk.
            assert main(["train", "--config", f"config/{name}.yaml", *MODEL, "evaluation.tasks=[]"]) == 0
        for words in (1, 2):
            shutil.copytree(f"{RUN}/final", f"{RUN}/checkpoints/chck_{words}M")
        for name in COPIES:
            shutil.copytree(RUN, f"models/{name}")
        text = next((folder / "data" / "babylm_10M_clean").iterdir()).read_text()
        for number, name in enumerate(("bnc_spoken", "childes", "gutenberg", "open_subtitles", "simple_wiki")):
            for part, begin, end in (("train", 0, 4500), ("dev", 4500, 6000)):
                target = folder / "data" / "babylm" / part / f"{name}.{part}"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text[6000 * number + begin : 6000 * number + end])
        write_pairs(folder / "data" / "blimp", PAIRS)
        (folder / "data" / "my_texts").mkdir()
        (folder / "data" / "my_texts" / "a.txt").write_text(text)
        (folder / "data" / "dev.txt").write_text(text[:2000])
        (folder / "prompts.txt").write_text("Once upon a time\n")
        (folder / "stories.txt").write_text(text)
        (folder / "poetry.txt").write_text("The sun is up,   12\nthe sun is down.\n")
        (folder / "pairs.csv").write_text("rule,right,wrong\nagreement,The cat sleeps.,The cat sleep.\n")
        (folder / "sentences.txt").write_text("The cat sleeps.\nThe dog sings.\n")
        (folder / "items.csv").write_text("item,condition,sentence\n1,a,The cat sleeps.\n")
        (folder / "shouting.py").write_text(python_of("tutorials.md"))
        yield folder


def python_of(page: str) -> str:
    """The first Python block of a page."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    return found[1] if found else ""


def test_an_exception_is_for_a_command_of_its_page() -> None:
    for page in PAGES:
        if page.name != "README.md" or page.parent.name == "docs":
            named = {typed(line) for where, line in commands_of_all() if where == page.name}
            assert set(exceptions(page)) <= named, page


EXCEPTED = {line for page in PAGES for line in exceptions(page)}


@pytest.mark.parametrize("line", [line for line in runnable() if line not in EXCEPTED])
def test_a_command_of_the_docs_runs(
    line: str, world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    monkeypatch.syspath_prepend(str(world))
    program, *words = shlex.split(line)
    words = [STANDS_FOR.get(word, word) for word in words]
    words = [
        str(found)
        for word in words
        for found in (sorted(world.glob(word)) if "/" in word and "*" in word and " " not in word else [word])
    ]
    if program == "babyllama":
        command, *rest = words
    else:
        script, *rest = words
        command = rest.pop(0) if script.endswith("data_utils.py") else SCRIPTS[script.removeprefix("./")]
    tiny = [] if any(word.startswith("--list") for word in rest) else list(TINIER.get(command, []))
    if command == "evaluate" and "--tasks" in rest and "blimp" not in rest[rest.index("--tasks") + 1]:
        tiny = []  # a flag that no task reads is refused
    if command in ("train", "mix"):
        tiny += [one for name, more in OF_A_CONFIGURATION.items() if any(name in word for word in rest) for one in more]
        tiny = [one for one in tiny if command == "train" or one.startswith("mixing.")]
    if command in ("average", "train", "distill", "export") and "--resume_from_checkpoint" not in rest:
        rest.append("--overwrite")
        # The runs of the world stay what they are.
        tiny += ["model.name=of-a-page"] if command == "train" else []
    tiny += OF_THE_WORLD if "--resume_from_checkpoint" in rest else []
    # Half a million words take a while, so here the small number counts, not the page's.
    arguments = [*rest, *tiny] if command == "synthesize" else [*tiny, *rest]
    assert main([command, *arguments]) == 0, capsys.readouterr().err
