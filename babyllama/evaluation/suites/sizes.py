"""How many items the published files of the BabyLM suites hold, by UID: what a part of them is a part of."""

from __future__ import annotations

_BLIMP = """
superlative_quantifiers_2 986 superlative_quantifiers_1 979 anaphor_gender_agreement 971 principle_A_reconstruction 967
irregular_past_participle_adjectives 961 sentential_subject_island 961 wh_island 960 left_branch_island_simple_question 951
coordinate_structure_constraint_object_extraction 949 tough_vs_raising_1 948 left_branch_island_echo_question 947
principle_A_c_command 946 regular_plural_subject_verb_agreement_2 945 irregular_past_participle_verbs 942
determiner_noun_agreement_with_adj_2 941 principle_A_domain_3 941 determiner_noun_agreement_with_adjective_1 933
anaphor_number_agreement 931 determiner_noun_agreement_2 931 existential_there_quantifiers_1 930 determiner_noun_agreement_1 929
matrix_question_npi_licensor_present 929 adjunct_island 928 existential_there_subject_raising 924 animate_subject_trans 923
drop_argument 920 tough_vs_raising_2 920 wh_vs_that_with_gap 919 sentential_negation_npi_licensor_present 919
principle_A_case_2 915 principle_A_domain_2 915 principle_A_domain_1 914 npi_present_2 914 principle_A_case_1 912
existential_there_quantifiers_2 911 wh_vs_that_with_gap_long_distance 910 npi_present_1 909
coordinate_structure_constraint_complex_left_branch 906 passive_2 903 wh_questions_subject_gap 898 animate_subject_passive 895
irregular_plural_subject_verb_agreement_2 892 regular_plural_subject_verb_agreement_1 890 only_npi_licensor_present 882
wh_vs_that_no_gap_long_distance 875 distractor_agreement_relative_clause 871 sentential_negation_npi_scope 871 intransitive 868
transitive 868 wh_vs_that_no_gap 861 wh_questions_object_gap 859 wh_questions_subject_gap_long_distance 857 inchoative 855
complex_NP_island 846 passive_1 840 determiner_noun_agreement_with_adj_irregular_2 840 only_npi_scope 837 ellipsis_n_bar_2 828
determiner_noun_agreement_irregular_2 820 causative 818 existential_there_object_raising 812
irregular_plural_subject_verb_agreement_1 804 ellipsis_n_bar_1 802 distractor_agreement_relational_noun 788
expletive_it_object_raising 759 determiner_noun_agreement_with_adj_irregular_1 718 determiner_noun_agreement_irregular_1 681
"""


def _pairs(text: str) -> dict[str, int]:
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def _by_operations(**files: str) -> dict[str, int]:
    return {f"{file}_{k}_ops": int(n) for file, counts in files.items() for k, n in enumerate(counts.split())}


BLIMP_FILTERED = _pairs(_BLIMP)
BLIMP_FAST = dict.fromkeys(BLIMP_FILTERED, 200)
SUPPLEMENT = _pairs(
    "hypernym 842 qa_congruence_easy 64 qa_congruence_tricky 165 subject_aux_inversion 3867 turn_taking 280"
)
SUPPLEMENT_FAST = dict.fromkeys(SUPPLEMENT, 50)
EWOK = _pairs(
    "agent-properties 2210 social-relations 1548 physical-relations 818 material-dynamics 770 physical-interactions 556 "
    "spatial-relations 490 social-properties 328 quantitative-properties 314 social-interactions 294 material-properties 170 "
    "physical-dynamics 120"
)
EWOK_FAST = dict.fromkeys(EWOK, 100)
ENTITY_TRACKING = _by_operations(
    regular="606 607 606 606 568 159", ambiref="607 607 604 604 615 187", move_contents="605 606 605 606 529 156"
)
ENTITY_TRACKING_FILTERED = _by_operations(
    regular="517 409 405 425 388 94", ambiref="508 428 413 409 434 123", move_contents="516 437 399 406 353 116"
)
COMPS = {"base": 49340, "wugs": 13896, "wugs_dist_before": 13896, "wugs_dist_in_between": 13896}
WUG_ADJ = {"wug_adj": 200}
WUG_PAST = {"wug_past": 50}
GLOBAL_PIQA = {"global_piqa_parallel": 103, "global_piqa_nonparallel": 100}
READING_WORDS = 1726
