"""BLiMP's 67 paradigms, and which pairs are all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

# The 67 paradigms by field and phenomenon (term), after Warstadt et al. (2020), tables 2 and 4. The files
# call two paradigms' term "s-selection", which the paper counts under argument structure: 12 phenomena.
_PARADIGMS = {
    ("morphology", "anaphor_agreement"): "anaphor_gender_agreement anaphor_number_agreement",
    ("morphology", "determiner_noun_agreement"): (
        "determiner_noun_agreement_1 determiner_noun_agreement_2 determiner_noun_agreement_irregular_1 "
        "determiner_noun_agreement_irregular_2 determiner_noun_agreement_with_adj_2 "
        "determiner_noun_agreement_with_adj_irregular_1 determiner_noun_agreement_with_adj_irregular_2 "
        "determiner_noun_agreement_with_adjective_1"
    ),
    ("morphology", "irregular_forms"): "irregular_past_participle_adjectives irregular_past_participle_verbs",
    ("morphology", "subject_verb_agreement"): (
        "distractor_agreement_relational_noun distractor_agreement_relative_clause "
        "irregular_plural_subject_verb_agreement_1 irregular_plural_subject_verb_agreement_2 "
        "regular_plural_subject_verb_agreement_1 regular_plural_subject_verb_agreement_2"
    ),
    ("semantics", "npi_licensing"): (
        "matrix_question_npi_licensor_present npi_present_1 npi_present_2 only_npi_licensor_present "
        "sentential_negation_npi_licensor_present"
    ),
    ("semantics", "quantifiers"): (
        "existential_there_quantifiers_1 existential_there_quantifiers_2 superlative_quantifiers_1 "
        "superlative_quantifiers_2"
    ),
    ("syntax", "argument_structure"): (
        "animate_subject_passive animate_subject_trans causative drop_argument inchoative intransitive "
        "passive_1 passive_2 "
        "transitive"
    ),
    ("syntax", "ellipsis"): "ellipsis_n_bar_1 ellipsis_n_bar_2",
    ("syntax", "filler_gap_dependency"): (
        "wh_questions_object_gap wh_questions_subject_gap wh_questions_subject_gap_long_distance "
        "wh_vs_that_no_gap "
        "wh_vs_that_no_gap_long_distance wh_vs_that_with_gap wh_vs_that_with_gap_long_distance"
    ),
    ("syntax", "island_effects"): (
        "adjunct_island complex_NP_island coordinate_structure_constraint_complex_left_branch "
        "coordinate_structure_constraint_object_extraction left_branch_island_echo_question "
        "left_branch_island_simple_question sentential_subject_island wh_island"
    ),
    ("syntax_semantics", "binding"): (
        "principle_A_c_command principle_A_case_1 principle_A_case_2 principle_A_domain_1 "
        "principle_A_domain_2 "
        "principle_A_domain_3 principle_A_reconstruction"
    ),
    ("syntax_semantics", "control_raising"): (
        "existential_there_object_raising existential_there_subject_raising expletive_it_object_raising "
        "tough_vs_raising_1 "
        "tough_vs_raising_2"
    ),
    ("syntax_semantics", "npi_licensing"): "only_npi_scope sentential_negation_npi_scope",
}
BLIMP_PARADIGMS: dict[str, tuple[str, str]] = {uid: key for key, uids in _PARADIGMS.items() for uid in uids.split()}
"""UID -> (field, term) of the 67 paradigms."""
BLIMP_PAIRS_PER_PARADIGM = 1000
"""Pairs of each of them in the published set."""
SUPPLEMENT_PARADIGMS = (
    "hypernym",
    "qa_congruence_easy",
    "qa_congruence_tricky",
    "subject_aux_inversion",
    "turn_taking",
)
"""Files of the BLiMP supplement of the BabyLM challenge, which name neither field nor term."""


def field_and_term(uid: str, field: str | None, term: str | None) -> tuple[str, str]:
    """Field and linguistic term of a paradigm: BLiMP's own, else what its file says, else the paradigm by itself."""
    if uid in BLIMP_PARADIGMS:
        return BLIMP_PARADIGMS[uid]
    if field is None and term is None and uid in SUPPLEMENT_PARADIGMS:
        return "supplement", "supplement"
    return (field or "other").replace("/", "_"), term or uid


def is_whole_blimp(uids: Iterable[str]) -> bool:
    """Whether pairs of the paradigms `uids` (one for each pair) are 1,000 of all 67: what alone may be published as BLiMP."""
    return Counter(uids) == dict.fromkeys(BLIMP_PARADIGMS, BLIMP_PAIRS_PER_PARADIGM)
