"""English inflection by rule, with the irregular forms given by the word lists."""

from __future__ import annotations

from dataclasses import dataclass

VOWELS = "aeiou"
VERB_FORMS = ("base", "s", "past", "part", "ing")
# Written with a vowel, spoken with a consonant.
_A_NOT_AN = ("uni", "ewe", "one")
_AN_NOT_A = ("honest", "hour", "heir")


@dataclass(frozen=True)
class Noun:
    """A count noun: its two forms and whether the plural follows no rule."""

    singular: str
    plural: str
    irregular: bool

    @property
    def forms(self) -> tuple[str, ...]:
        """Both forms, singular first."""
        return (self.singular, self.plural)

    def form(self, number: str) -> str:
        """The form for number `sg` or `pl`."""
        return self.singular if number == "sg" else self.plural


@dataclass(frozen=True)
class Verb:
    """A verb with the five forms of `VERB_FORMS`."""

    base: str
    s: str
    past: str
    part: str
    ing: str

    @property
    def forms(self) -> tuple[str, ...]:
        """All five forms; past and participle of most verbs are the same word."""
        return (self.base, self.s, self.past, self.part, self.ing)

    def form(self, name: str) -> str:
        """The form called `name`, one of `VERB_FORMS`."""
        return str(getattr(self, name))


def with_s(word: str) -> str:
    """The regular plural of a noun, which is also the third person singular of a verb: fox -> foxes, cry -> cries."""
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2] not in VOWELS:
        return word[:-1] + "ies"
    return word + "s"


def with_article(word: str) -> str:
    """`word` after "a" or "an": an apple, a unicorn, an honest."""
    vowel = (word[0] in VOWELS and not word.startswith(_A_NOT_AN)) or word.startswith(_AN_NOT_A)
    return f"{'an' if vowel else 'a'} {word}"


def parse_noun(entry: str) -> Noun:
    """`fox` or `child=children` as a Noun."""
    singular, _, plural = entry.partition("=")
    return Noun(singular, plural or with_s(singular), irregular=bool(plural) and plural != with_s(singular))


def parse_verb(entry: str) -> Verb:
    """`chase`, `hug+`, `see:saw:seen` or `swim+:swam:swum` as a Verb."""
    base, *irregular = entry.split(":")
    stem = base.rstrip("+")
    doubled = stem + stem[-1] if base.endswith("+") else stem
    if stem.endswith("e"):
        past, ing = stem + "d", stem[:-1] + "ing"
    elif stem.endswith("y") and stem[-2] not in VOWELS:
        past, ing = stem[:-1] + "ied", stem + "ing"
    else:
        past, ing = doubled + "ed", doubled + "ing"
    if stem.endswith("ee"):
        ing = stem + "ing"
    past, part = irregular or (past, past)
    return Verb(stem, "does" if stem == "do" else with_s(stem), past, part, ing)
