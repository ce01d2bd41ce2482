"""What makes cleaning fast must not change it: triggers find every line a rule changes, shortcuts do the same as patterns."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noisy_text import MARKS, noisy

from babyllama.corpus.cleaning import CLEANERS, Cleaner, clean
from babyllama.corpus.cleaning.rules import LineStart, Rule
from babyllama.corpus.cleaning.triggers import StartsWith, Triggers

RULES: dict[str, Rule] = {
    f"{rule.name}: {rule.pattern.pattern}": rule
    for cleaner in dict(CLEANERS.items()).values()
    if isinstance(cleaner, Cleaner)
    for rule in cleaner.rules
}


def _triggers(rule: Rule) -> Triggers:
    own = LineStart(rule.pattern, rule.line_start) if rule.line_start else rule.pattern
    return Triggers(dict.fromkeys(rule.triggers or (own,), 1))


@pytest.mark.unit
@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if not rule.across_lines])
@settings(max_examples=200)
@given(start=st.sampled_from(MARKS), text=st.one_of(st.text("aB1 .", max_size=6), noisy))
def test_a_rule_changes_only_lines_that_hold_a_trigger_of_it(name, start, text):
    rule = RULES[name]
    for line in (start + text).split("\n"):
        line = f"\n{line}\n"
        if rule.apply(line).rstrip(" \n") != line.rstrip(" \n"):
            assert _triggers(rule).find(line), f"{name} changes {line!r} without a trigger"


@pytest.mark.unit
@given(before=st.text(max_size=30), after=st.text(max_size=30))
def test_triggers_stand_where_they_are_found_whatever_is_around_them(before, after):
    label = RULES["speaker labels: " + LABEL].pattern
    starts = StartsWith("b", re.compile("b(?<=ab) ~"))
    called = {"ab": 1, " ,": 2, " ~": 4, LineStart(label, ("[*A-Z]", "", "[A-Z:]")): 8, starts: 16}
    text = f"{before} ,{after}ab ~\n*CHI: {before}"
    hits = Triggers(called).find(text)
    assert hits == sorted(hits)
    assert {(len(before), 2), (text.rindex("\n*CHI"), 8)} <= set(hits)
    for mask, string in ((1, "ab"), (2, " ,"), (4, " ~"), (16, "b ~")):
        places = [place for place in range(len(text)) if text.startswith(string, place)]
        places = [place for place in places if mask != 16 or text[place - 1 : place] == "a"]
        assert [place for place, found in hits if found == mask] == places


LABEL = r"\n\*?[A-Z][A-Z0-9_]{0,11}:[ \t]*+"


@pytest.mark.unit
@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.shortcut])
@settings(max_examples=300)
@given(text=st.text(st.characters() | st.sampled_from("\r\n\x0b\u2028 \xad\ufeff\t")))
def test_a_shortcut_does_what_its_pattern_does(name, text):
    rule = RULES[name]
    assert rule.apply(text) == rule.pattern.sub(rule.replacement, text)


CREDITS = (
    "Subtitles, subtitle, Subtitled, subtitles ripped, Subtitle-ripped, Subs, subs, Subtitling, Captions, captioned, "
    "Captioning, Sync, synced, Synchro, synchronized, Resync, Re-synced, RSync, Corrected, correction, corrections, "
    "Transcript, ripped, Encoded, Translated, translation, Sync and corrected, Synced translated"
)


@pytest.mark.unit
@pytest.mark.parametrize("credit", CREDITS.split(", "))
def test_every_credit_word_is_looked_up(credit):
    """The search for credits goes by how their words end, so each word of the rule must end that way."""
    assert clean(f"Hello there.\n{credit} by somebody\nGood bye.", "subtitles") == "Hello there.\nGood bye."
