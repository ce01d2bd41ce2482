"""What makes cleaning fast must not change it: it equals the plain reference, on random text and on real files."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noisy_text import MARKS, noisy

from babyllama.corpus.cleaning import CLEANERS, Cleaner, Rule, apply_rules
from babyllama.corpus.cleaning.fast import _BETWEEN, _END_OF_LINE, FastRules
from babyllama.corpus.mixing.sources import guess_domain
from babyllama.corpus.reading.splitting import split_file

pytestmark = pytest.mark.unit

BY_RULES: dict[tuple[Rule, ...], str] = {
    cleaner.rules: name for name, cleaner in CLEANERS.items() if isinstance(cleaner, Cleaner) and cleaner.rules
}
DOMAINS = sorted(BY_RULES.values())
"""One name for each set of rules."""
RULES = {f"{rule.name}: {rule.pattern}": rule for rules in BY_RULES for rule in rules}
LINE_RULES = [name for name, rule in RULES.items() if not rule.across_lines]


def rules_of(domain: str) -> tuple[Rule, ...]:
    cleaner = CLEANERS.get(domain)
    assert isinstance(cleaner, Cleaner)
    return cleaner.rules


def crowded(rules: tuple[Rule, ...], generator: random.Random) -> str:
    """Text of what the rules themselves look for, in lines of any length, with a few words between."""
    own = [string for rule in rules for string in rule.needs]
    between = ["\n"] * generator.choice((0, 1, 8)) + [" ", "", "word", "WORD", "a", "A:", "1", ", ", ".", "\n\n"]
    pieces = [
        generator.choice(generator.choice((own, MARKS, between))) for _ in range(generator.choice((3, 12, 60, 400)))
    ]
    return "".join(pieces)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_fast_way_equals_the_reference_on_crowded_text(domain: str) -> None:
    rules, generator = rules_of(domain), random.Random(domain)
    texts = [crowded(rules, generator) for _ in range(150)]
    texts += [text.replace("\n", " ") * 40 for text in texts[:2]]
    expected = [apply_rules(rules, text) for text in texts]
    fast = FastRules(rules)
    assert [fast.apply([text])[0] for text in texts] == expected
    assert fast.apply(texts) == expected


@pytest.mark.parametrize("domain", DOMAINS)
@settings(max_examples=60)
@given(texts=st.lists(st.one_of(noisy, st.sampled_from(["", "endofline", "a\nendofdocument\nb"])), max_size=4))
def test_the_fast_way_equals_the_reference_on_any_text(domain: str, texts: list[str]) -> None:
    rules = rules_of(domain)
    assert FastRules(rules).apply(texts) == [apply_rules(rules, text) for text in texts]


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("release", ["babylm", "babylm_2023"])
def test_the_fast_way_equals_the_reference_on_real_files(shared_data, release: str) -> None:
    for file in sorted((shared_data / release / "dev").glob("*.dev")):
        domain = guess_domain(file.stem)
        texts, characters = [], 0
        for part in split_file(file, domain):
            texts.append(part.text[:80_000])
            characters += len(texts[-1])
            if characters > 80_000:
                break
        for domain_read_as in {domain, "subtitles", "childes"}:
            rules = rules_of(domain_read_as)
            assert FastRules(rules).apply(texts) == [apply_rules(rules, text) for text in texts], file


@pytest.mark.parametrize("name", LINE_RULES)
@settings(max_examples=60)
@given(start=st.sampled_from(MARKS), text=noisy)
def test_a_rule_on_lines_does_to_each_line_what_it_does_to_it_alone(name: str, start: str, text: str) -> None:
    rule = RULES[name]
    lines = (start + text).split("\n")
    together = rule.apply("".join("\n" + line for line in lines) + "\n")[:-1]
    assert together == "".join(rule.apply(f"\n{line}\n")[:-1] for line in lines)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.characters])
@given(text=st.one_of(noisy, st.text(st.sampled_from("\r\n\t\x85\xa0\xad\u2028\ufeffa \x00é"))))
def test_a_rule_on_characters_replaces_each_whatever_stands_beside_it(name: str, text: str) -> None:
    rule = RULES[name]
    assert rule.apply(text) == "".join(map(rule.apply, text.replace("\r\n", "\n")))
    printable = "\n" + "".join(map(chr, range(32, 127)))
    assert rule.apply(printable) == printable


@pytest.mark.parametrize("name", LINE_RULES)
def test_a_rule_leaves_the_lines_alone_that_stand_between_others(name: str) -> None:
    for line in (_BETWEEN, _END_OF_LINE):
        assert RULES[name].apply(line + "\n") == line + "\n"


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.needs])
@settings(max_examples=100)
@given(start=st.sampled_from(MARKS), text=st.one_of(st.text("aB1 .", max_size=6), noisy))
def test_a_rule_changes_only_what_holds_a_string_that_it_needs(name: str, start: str, text: str) -> None:
    rule = RULES[name]
    for line in [start + text] if rule.across_lines else (start + text).split("\n"):
        line = f"\n{line}\n"
        if rule.apply(line) != line:
            latin = line.encode("latin-1", "replace").decode("latin-1")
            found = latin if not rule.across_lines else line
            assert any(string in (found if len(string) == 2 else line) for string in rule.needs), line


def test_a_rule_that_changes_every_line_still_keeps_documents_apart() -> None:
    """A cleaner of one's own may change even the lines that stand between others."""
    rules = (Rule("loud", "o becomes 0", "o", "0", needs=("o",)), Rule("short", "e goes", "e"))
    assert FastRules(rules[:1]).apply(["a", ""]) == ["a", ""]
    texts = ["one\ntwo", "no", "endofline\nso"]
    assert (
        FastRules(rules).apply(texts)
        == [apply_rules(rules, text) for text in texts]
        == ["0n\ntw0", "n0", "nd0flin\ns0"]
    )


def test_a_line_is_rewritten_from_the_first_rule_again_until_it_rests() -> None:
    rules = (Rule("b", "b becomes c", "b", "c", needs=("b",)), Rule("a", "aa becomes b", "aa", "b", needs=("aa",)))
    assert apply_rules(rules, "aaaa") == FastRules(rules).apply(["aaaa"])[0] == "cc"


PATHOLOGICAL = (
    "[", "]", "[a", "(", "(,", "()", "{", "{\\", "<br", "</", "= ", "= = = ", "_", "_a", "_a_", "*", "* ", "- ", "-", " ", "\n", "\n ",
    "A", "A ", "AB. ", "A:", "1", "1 ", "||", "1||", ", ", ",", "&amp;", "&", "''", "` ", " '", "♪", "#", "\ufffd", " by ", "Subtitles by ",
    "==sync ", "=", "==", "http://", "www.", "Produced by ", "[Illustration ", "-LRB-", "xxx ", "+", "a:", "((", "00:00:00,000 -", "\xad",
    "\u200b", "\r", "~", "é", "00:",
)  # fmt: skip


@pytest.mark.parametrize("name", list(RULES))
def test_the_time_of_a_rule_is_linear_in_the_line(name: str) -> None:
    """Sixteen times the line may not take a hundred times as long (a quadratic rule takes 256 times).

    Measured is this thread's own CPU time, as a ratio within one try; a busy machine spoils a try now and then but not
    five of five, where a quadratic rule fails in every one.
    """
    rule = RULES[name]

    def seconds(unit: str, size: int) -> float:
        text = "\n" + unit * (size // len(unit)) + "1\n"
        started = time.thread_time()
        rule.apply(text)
        return time.thread_time() - started

    def grows_linearly(unit: str) -> bool:
        long = seconds(unit, 32_000)
        return long < 0.05 or long < 100 * seconds(unit, 2_000)

    for unit in {*PATHOLOGICAL, *(string for string in rule.needs if "\n" not in string)}:
        assert any(grows_linearly(unit) for _ in range(5)), unit


@pytest.mark.slow
@pytest.mark.parametrize("domain", ["qed", "aochildes"])
def test_a_line_of_a_million_characters_is_cleaned_by_the_reference_too(domain: str) -> None:
    rules, generator = rules_of(domain), random.Random(7)
    words = (*MARKS, *["word", "Word,", "of"] * 100)
    line = " ".join(generator.choice(words).replace("\n", " ") for _ in range(250_000))[:1_000_000]
    assert len(line) == 1_000_000
    assert FastRules(rules).apply([line]) == [apply_rules(rules, line)]
