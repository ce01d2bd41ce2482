"""What the paradigms are written with: a registry, and the assembly of pairs from parts."""

from __future__ import annotations

from collections.abc import Callable

from babyllama.synthetic.inflection import Noun, Verb
from babyllama.synthetic.pairs import GeneratedPair, Paradigm, Scene
from babyllama.synthetic.predicates import AMBITRANSITIVE

OTHER = {"sg": "pl", "pl": "sg", "male": "female", "female": "male"}
TRANSITIVE = ("animate", "thing", "food")
# What follows a verb of each frame, in rule notation.
OBJECTS = {
    "intransitive": "",
    "reflexive": "<NP.m anim>",
    "animate": "<NP.m anim>",
    "thing": "<NP.m thing>",
    "food": "<NP.m food>",
    "place": "<NP.m place>",
}

Make = Callable[[Scene], GeneratedPair]


class Registry(list[Paradigm]):
    """Paradigms in the order in which their functions are written."""

    def add(self, uid: str, term: str, field: str, complexity: str = "simple") -> Callable[[Make], Make]:
        """Decorator: the function makes the pairs of paradigm `uid`, from `complexity` on."""

        def register(make: Make) -> Make:
            self.append(Paradigm(uid, term, field, complexity, make))
            return make

        return register


def sentence(*parts: str, end: str = ".") -> str:
    """The parts that are not empty as one sentence with capital and final mark."""
    text = " ".join(part for part in parts if part)
    return text[0].upper() + text[1:] + end


def pair(
    before: str, good: str, bad: str, after: str, critical: tuple[Noun | str, Verb | str], end: str = "."
) -> GeneratedPair:
    """Two sentences that differ in `good` and `bad` alone."""
    noun, predicate = critical
    return GeneratedPair(
        sentence(before, good, after, end=end),
        sentence(before, bad, after, end=end),
        (noun if isinstance(noun, str) else noun.singular, predicate if isinstance(predicate, str) else predicate.base),
    )


def strict(verb: Verb) -> bool:
    """Whether English, too, never uses `verb` outside its frame."""
    return verb.base not in AMBITRANSITIVE


def opener(scene: Scene) -> str:
    """How half of all sentences open: "One day", "Later"; or nothing."""
    return str(scene.one_of(["", scene.phrase("[opener]")]))


def rest_of(scene: Scene, frame: str) -> str:
    """What follows a verb of `frame`: its object or nothing."""
    return scene.phrase(OBJECTS[frame]) if OBJECTS[frame] else ""
