"""Paradigms of agreement: subject and verb, anaphor and antecedent, determiner and noun."""

from __future__ import annotations

from babyllama.synthetic.grammar import auxiliary, finite
from babyllama.synthetic.inflection import Noun
from babyllama.synthetic.pairs import GeneratedPair, Scene
from babyllama.synthetic.paradigm_tools import OTHER, TRANSITIVE, Registry, opener, pair, rest_of
from babyllama.synthetic.vocabulary import DEMONSTRATIVE_BUCKET

AGREEMENT = Registry()
_SELF = {"male": "himself", "female": "herself"}
# The verbs that take a noun of each class as their object.
_FRAMES = {"anim": "animate", "thing": "thing", "food": "food", "place": "place"}

# ---------------------------------------------------------------------------------------------------------------------
# Subject-verb agreement


def _agreement_scene(scene: Scene) -> str:
    """Draw a number, and a tense that is mostly the present: in the past only `be` agrees."""
    scene.tense = scene.one_of(["pres", "pres", "pres", "past"])
    return scene.number()


def _agreement(scene: Scene, noun: Noun, number: str, distractor: str = "") -> GeneratedPair:
    """`noun` (with what separates it from its verb) and a verb or adjective it is held out with, in both numbers."""
    before = " ".join(part for part in (opener(scene), f"the {noun.form(number)}", distractor) if part)
    wrong = OTHER[number]
    kind = "be" if scene.tense == "past" else scene.one_of(["lexical"] * 3 + ["be", "have"])
    if kind == "be":
        adjective = scene.clashing_adjective(noun, "animate")
        good, bad = (auxiliary("be", each, scene.tense) for each in (number, wrong))
        return pair(before, good, bad, adjective, (noun, adjective))
    frame = scene.one_of(["intransitive", *TRANSITIVE])
    verb = scene.clashing_verb(noun, frame)
    after = rest_of(scene, frame)
    if kind == "have":
        good, bad = (auxiliary("have", each, scene.tense) for each in (number, wrong))
        return pair(before, good, bad, f"{verb.part} {after}".strip(), (noun, verb))
    good, bad = (verb.form(finite(each, scene.tense)) for each in (number, wrong))
    return pair(before, good, bad, after, (noun, verb))


@AGREEMENT.add("regular_plural_subject_verb_agreement", "subject_verb_agreement", "morphology")
def _regular(scene: Scene) -> GeneratedPair:
    number = _agreement_scene(scene)
    return _agreement(scene, scene.noun("anim", lambda noun: not noun.irregular), number)


@AGREEMENT.add("irregular_plural_subject_verb_agreement", "subject_verb_agreement", "morphology")
def _irregular(scene: Scene) -> GeneratedPair:
    number = _agreement_scene(scene)
    return _agreement(scene, scene.noun("anim", lambda noun: noun.irregular), number)


@AGREEMENT.add("distractor_agreement_prepositional_phrase", "subject_verb_agreement", "morphology")
def _prepositional(scene: Scene) -> GeneratedPair:
    number = _agreement_scene(scene)
    kind = scene.one_of(["anim", "anim", "place"])
    return _agreement(scene, scene.noun("anim"), number, scene.phrase(f"[near] the [noun {kind} {OTHER[number]}]"))


@AGREEMENT.add("distractor_agreement_relative_clause", "subject_verb_agreement", "morphology", "medium")
def _relative(scene: Scene) -> GeneratedPair:
    number = _agreement_scene(scene)
    wrong = OTHER[number]
    clause = scene.one_of(
        [
            f"that the [noun anim {wrong}] [verb animate {wrong}]",
            f"that [verb animate {number}] the [noun anim {wrong}]",
        ]
    )
    return _agreement(scene, scene.noun("anim"), number, scene.phrase(clause))


# ---------------------------------------------------------------------------------------------------------------------
# Anaphors


@AGREEMENT.add("anaphor_gender_agreement", "anaphor_agreement", "morphology")
def _anaphor_gender(scene: Scene) -> GeneratedPair:
    gender = scene.one_of(["male", "female"])
    noun = scene.one_of([scene.name(gender), scene.name(gender), scene.noun(gender)])
    subject = noun if isinstance(noun, str) else f"the {noun.singular}"
    verb = scene.clashing_verb(noun, "reflexive")
    before = f"{opener(scene)} {subject} {verb.form(finite('sg', scene.tense))}".strip()
    return pair(before, _SELF[gender], _SELF[OTHER[gender]], "", (noun, verb))


@AGREEMENT.add("anaphor_number_agreement", "anaphor_agreement", "morphology")
def _anaphor_number(scene: Scene) -> GeneratedPair:
    gender, number = scene.one_of(["male", "female"]), scene.number()
    noun = scene.noun(gender)
    verb = scene.clashing_verb(noun, "reflexive")
    before = f"{opener(scene)} the {noun.form(number)} {verb.form(finite(number, scene.tense))}".strip()
    good, bad = (_SELF[gender], "themselves") if number == "sg" else ("themselves", _SELF[gender])
    return pair(before, good, bad, "", (noun, verb))


@AGREEMENT.add("principle_A_domain", "binding", "syntax_semantics")
def _principle_a(scene: Scene) -> GeneratedPair:
    gender = scene.one_of(["male", "female"])
    name, other = scene.name(gender), scene.name(OTHER[gender])
    verb = scene.clashing_verb(name, "reflexive")
    says = scene.phrase("[f say sg] that") if scene.rng.random() < 0.5 else scene.phrase("[f think sg] that")
    before = f"{other} {says} {name} {verb.form(finite('sg', scene.tense))}"
    return pair(before, _SELF[gender], _SELF[OTHER[gender]], "", (name, verb))


# ---------------------------------------------------------------------------------------------------------------------
# Determiners


def _determiner(scene: Scene, adjective: bool) -> GeneratedPair:
    kind = scene.one_of(["anim", "thing", "food", "place"])
    noun = scene.noun(kind, lambda noun: scene.words.bucket(noun) == DEMONSTRATIVE_BUCKET)
    number = scene.number()
    determiner = "this" if number == "sg" else "these"
    adjectives = f"[adj {kind}]" if adjective else ""
    before = scene.phrase(f"<SUBJECT.n> [verb {_FRAMES[kind]} n] {determiner} {adjectives}")
    return pair(before, noun.form(number), noun.form(OTHER[number]), "", (noun, "this"))


@AGREEMENT.add("determiner_noun_agreement", "determiner_noun_agreement", "morphology")
def _determiner_noun(scene: Scene) -> GeneratedPair:
    return _determiner(scene, adjective=False)


@AGREEMENT.add("determiner_noun_agreement_with_adjective", "determiner_noun_agreement", "morphology")
def _determiner_adjective(scene: Scene) -> GeneratedPair:
    return _determiner(scene, adjective=True)
