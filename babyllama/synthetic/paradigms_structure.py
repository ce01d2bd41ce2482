"""Paradigms of structure: irregular forms, arguments, fillers and gaps, polarity, quantifiers."""

from __future__ import annotations

from babyllama.synthetic.grammar import auxiliary, finite
from babyllama.synthetic.pairs import GeneratedPair, Scene
from babyllama.synthetic.paradigm_tools import (
    OBJECTS,
    TRANSITIVE,
    Registry,
    opener,
    pair,
    rest_of,
    sentence,
    strict,
)

STRUCTURE = Registry()

# ---------------------------------------------------------------------------------------------------------------------
# Irregular forms, argument structure


@STRUCTURE.add("irregular_past_participle_verbs", "irregular_forms", "morphology")
def _irregular_participle(scene: Scene) -> GeneratedPair:
    noun = scene.noun("anim")
    frame = scene.one_of(["intransitive", "reflexive", "thing", "food"])
    verb = scene.clashing_verb(noun, frame, lambda verb: verb.past != verb.part)
    number = scene.number()
    before = f"{opener(scene)} the {noun.form(number)}".strip()
    after = scene.phrase(OBJECTS[frame] or "[manner]")
    if scene.rng.random() < 0.5:
        return pair(before, verb.past, verb.part, after, (noun, verb))
    return pair(f"{before} {auxiliary('have', number, scene.tense)}", verb.part, verb.past, after, (noun, verb))


@STRUCTURE.add("transitive", "argument_structure", "syntax")
def _transitive(scene: Scene) -> GeneratedPair:
    frame, number = scene.one_of(TRANSITIVE), scene.number()
    noun = scene.noun("anim")
    good, bad = scene.clashing_verb(noun, frame), scene.clashing_verb(noun, "intransitive", strict)
    form = finite(number, scene.tense)
    before = f"{opener(scene)} the {noun.form(number)}".strip()
    return pair(before, good.form(form), bad.form(form), scene.phrase(OBJECTS[frame]), (noun, good))


@STRUCTURE.add("intransitive", "argument_structure", "syntax")
def _intransitive(scene: Scene) -> GeneratedPair:
    number = scene.number()
    noun = scene.noun("anim")
    good = scene.clashing_verb(noun, "intransitive")
    bad = scene.clashing_verb(noun, scene.one_of(["animate", "thing"]), strict)
    form = finite(number, scene.tense)
    before = f"{opener(scene)} the {noun.form(number)}".strip()
    return pair(before, good.form(form), bad.form(form), scene.phrase("[manner]"), (noun, good))


@STRUCTURE.add("ditransitive", "argument_structure", "syntax")
def _ditransitive(scene: Scene) -> GeneratedPair:
    number = scene.number()
    noun = scene.noun("anim")
    good = scene.clashing_verb(noun, "ditransitive")
    bad = scene.clashing_verb(noun, scene.one_of(["animate", "reflexive"]), lambda verb: verb.base != "catch")
    form = finite(number, scene.tense)
    before = f"{opener(scene)} the {noun.form(number)}".strip()
    return pair(before, good.form(form), bad.form(form), scene.phrase("<NP.n anim> <NP.k thing>"), (noun, good))


@STRUCTURE.add("passive", "argument_structure", "syntax")
def _passive(scene: Scene) -> GeneratedPair:
    kind, number = scene.one_of(["thing", "animate"]), scene.number()
    noun = scene.noun("anim" if kind == "animate" else kind)
    good, bad = scene.clashing_verb(noun, kind), scene.clashing_verb(noun, "intransitive", strict)
    before = f"{opener(scene)} the {noun.form(number)} {auxiliary('be', number, scene.tense)}".strip()
    return pair(before, good.part, bad.part, scene.phrase("by <WHO.m>"), (noun, good))


# ---------------------------------------------------------------------------------------------------------------------
# Fillers and gaps


@STRUCTURE.add("wh_vs_that", "filler_gap_dependency", "syntax")
def _wh_vs_that(scene: Scene) -> GeneratedPair:
    frame, number = scene.one_of(["animate", "thing"]), scene.number()
    noun = scene.noun("anim")
    verb = scene.clashing_verb(noun, frame, strict)
    clause = f"the {noun.form(number)} {verb.form(finite(number, scene.tense))}"
    wh = "who" if frame == "animate" else "what"
    knower = scene.phrase("<KNOWER>")
    if scene.rng.random() < 0.5:
        return pair(knower, wh, "that", clause, (noun, verb))
    return pair(knower, "that", wh, f"{clause} {scene.phrase(OBJECTS[frame])}", (noun, verb))


@STRUCTURE.add("wh_questions_object_gap", "filler_gap_dependency", "syntax")
def _wh_object_gap(scene: Scene) -> GeneratedPair:
    frame, number = scene.one_of([*TRANSITIVE, "reflexive"]), scene.number()
    noun = scene.noun("anim")
    good, bad = scene.clashing_verb(noun, frame), scene.clashing_verb(noun, "intransitive", strict)
    wh = "who" if frame in ("animate", "reflexive") else "what"
    before = f"{wh} {auxiliary('do', number, scene.tense)} the {noun.form(number)}"
    return pair(before, good.base, bad.base, "", (noun, good), end="?")


@STRUCTURE.add("left_branch_island_question", "island_effects", "syntax")
def _left_branch(scene: Scene) -> GeneratedPair:
    frame, number = scene.one_of(TRANSITIVE), scene.number()
    noun = scene.noun("anim" if frame == "animate" else frame)
    verb = scene.clashing_verb(noun, frame)
    asked = scene.phrase(f"{auxiliary('do', number, scene.tense)} <NP.{number} anim>")
    return GeneratedPair(
        sentence("which", noun.plural, asked, verb.base, end="?"),
        sentence("which", asked, verb.base, noun.plural, end="?"),
        (noun.singular, verb.base),
    )


# ---------------------------------------------------------------------------------------------------------------------
# Polarity and quantifiers


@STRUCTURE.add("npi_licensor", "npi_licensing", "semantics")
def _npi_licensor(scene: Scene) -> GeneratedPair:
    number = scene.number()
    noun = scene.noun("anim")
    frame = scene.one_of(["intransitive", *TRANSITIVE])
    verb = scene.clashing_verb(noun, frame)
    have, word = auxiliary("have", number, scene.tense), noun.form(number)
    rest = f"{verb.part} {rest_of(scene, frame)}".strip()
    opener = scene.phrase("[opener]")
    if scene.rng.random() < 0.5:
        other = scene.one_of(
            ["every", "each", "another", "the"] if number == "sg" else ["most", "several", "the", "all"]
        )
        return pair(opener, "no", other, f"{word} {have} ever {rest}", (noun, verb))
    return pair(f"{opener} the {word} {have}", scene.phrase("[already]"), "ever", rest, (noun, verb))


@STRUCTURE.add("npi_negation_scope", "npi_licensing", "semantics", "medium")
def _npi_scope(scene: Scene) -> GeneratedPair:
    number = scene.number()
    noun = scene.noun("anim")
    frame = scene.one_of(["intransitive", *TRANSITIVE])
    verb = scene.clashing_verb(noun, frame)
    rest = f"{verb.part} {rest_of(scene, frame)}".strip()
    clause = scene.phrase("[noun anim k] [verb animate k]")
    opener, word, have = scene.phrase("[opener]"), noun.form(number), auxiliary("have", number, scene.tense)
    return GeneratedPair(
        sentence(opener, f"no {word} that the {clause} {have} ever {rest}"),
        sentence(opener, f"the {word} that no {clause} {have} ever {rest}"),
        (noun.singular, verb.base),
    )


@STRUCTURE.add("existential_there_quantifiers", "quantifiers", "semantics")
def _existential(scene: Scene) -> GeneratedPair:
    kind = scene.one_of(["anim", "thing"])
    noun = scene.noun(kind)
    adjective = scene.clashing_adjective(noun, "animate" if kind == "anim" else "inanimate")
    good, bad = scene.one_of(["some", "many", "several", "no"]), scene.one_of(["all", "most", "these", "those"])
    after = f"{adjective} {noun.plural} {scene.phrase('[near] <NP.m place>')}"
    before = (
        f"{scene.phrase('[opener]') if scene.rng.random() < 0.3 else ''} there {auxiliary('be', 'pl', scene.tense)}"
    )
    return pair(before.strip(), good, bad, after, (noun, adjective))
