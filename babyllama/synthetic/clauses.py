"""The sentence grammar, as data: a context-free grammar with features.

    NAME parameters            a rule; every rule also knows the tense `t` (past or pres) of its document
      3  tokens                an alternative of weight 3, in every complexity
      3m tokens                from `medium` on; `r`: in `rich` only

Tokens: `<NAME arguments>` another rule, `[kind arguments]` a word drawn from a table of the document's world, anything
else the word itself. The letters n, m, k stand for a number (sg, pl) and g for a gender (male, female): bound by the
rule's parameters or drawn once per alternative, so agreement is a letter used twice; o is the number that n is not. `NP.n` is the rule `NP.sg` or
`NP.pl`, where a rule whose header says `.n` serves both. The form of a verb is base, part, ing, or a number, which means finite in the tense of the document.
A and B are the two named characters (A.he, A.him, A.his, A.self their pronouns); X, Y, P are the thing, the animate
noun and the place a document keeps coming back to, and `[noun ...]` often draws them.
"""

SENTENCES = """
# -- noun phrases ----------------------------------------------------------------------------------------------------
NP.sg c
  8 [det sg] [noun c sg]
  3 [det sg] [adj c] [noun c sg]
  3 [anoun c]
  1 [aadj c] [noun c sg]
  1r [det sg] [adj c] and [adj c] [noun c sg]
NP.pl c
  9 [det pl] [noun c pl]
  4 [det pl] [adj c] [noun c pl]
  2 [quantity] [noun c pl]
  1r [det pl] [adj c] and [adj c] [noun c pl]
THING.n
  6 <NP.n thing>
  1 <BROKEN.n>
BROKEN.sg
  1 [det sg] [participle] [noun thing sg]
BROKEN.pl
  1 [det pl] [participle] [noun thing pl]
SUBJECT.sg
  5 <NP.sg anim>
  5 A
  2 A.he
SUBJECT.pl
  9 <NP.pl anim>
  1 they
WHO.sg
  4 <NP.sg anim>
  2 B
WHO.pl
  5 <NP.pl anim>
# -- verb phrases; f is base, part, ing, sg or pl --------------------------------------------------------------------
VP f
  4 [verb intransitive f]
  4 [verb intransitive f] [manner]
  4 [verb intransitive f] [near] <NP.m place>
  4 [verb thing f] <THING.m>
  4 [verb animate f] <WHO.m>
  4 [verb food f] <NP.m food>
  2 [verb place f] <NP.m place>
  4 <GIVING f>
  1m [verb thing f] <THING.m> and [verb thing f] <NP.k thing>
  1r [verb thing f] <THING.m> [near] <NP.k place>
GIVING f
  3 [verb ditransitive f] <WHO.m> <NP.k thing>
  2 [verb ditransitive f] <NP.k thing> to <WHO.m>
PREDICATE n
  8 <VP n>
  3 [be n] [adj anim]
  2 [have n] <VP part>
  1 [do n] not <VP base>
  2 [be n] <VP ing>
# -- statements ------------------------------------------------------------------------------------------------------
SIMPLE
  5 <SUBJECT.n> <VP n> .
  3 [opener] <SUBJECT.n> <VP n> .
  3 <SUBJECT.n> <PREDICATE n> .
  1 [adverb] <SUBJECT.n> <PREDICATE n> .
  2 A [verb thing sg] A.his [noun thing m] .
  1 B [verb thing sg] B.his [noun thing m] .
  1 A and A.his [noun anim sg] <VP pl> .
  1 B and B.his [noun anim sg] <VP pl> .
PROPERTY
  3 <SUBJECT.n> [be n] [adj anim] .
  3 <NP.n thing> [be n] [adj thing] .
  1 <NP.n place> [be n] [adj place] .
  2 <NP.n food> [be n] [adj food] .
  2m <SUBJECT.n> [be n] [adj anim] but <SUBJECT.m> [be m] [adj anim] .
ATTRACTOR
  3 <NP.n anim> [near] <NP.o anim> <PREDICATE n> .
  2 <NP.n anim> [near] <NP.m anim> <PREDICATE n> .
  3 <NP.n anim> [near] <NP.o place> <PREDICATE n> .
  1 <NP.n thing> [near] <NP.m thing> [be n] [adj thing] .
  3m <NP.n anim> that <NP.o anim> [verb animate o] <PREDICATE n> .
  2m <NP.n anim> that <NP.m anim> [verb animate m] <PREDICATE n> .
  3m <NP.n anim> that [verb animate n] <NP.o anim> <PREDICATE n> .
  1m <NP.n anim> that [verb animate n] <NP.m anim> <PREDICATE n> .
  1r <NP.n anim> that <NP.m anim> [verb animate m] [near] <NP.k place> <PREDICATE n> .
  1r <NP.n anim> [near] <NP.m place> [near] <NP.k place> <PREDICATE n> .
REFLEXIVE
  5 A [verb reflexive sg] A.self .
  2 B [verb reflexive sg] B.self .
  4 [det sg] [noun g sg] [verb reflexive sg] [self g] .
  6 <NP.pl person> [verb reflexive pl] themselves .
  1 <NP.pl animal> [verb reflexive pl] themselves .
  1 [det sg] [noun animal sg] [verb reflexive sg] itself .
  1 A [have sg] [verb reflexive part] A.self [adverb] .
  1 [opener] A [verb reflexive sg] A.self .
  1 [opener] [det sg] [noun g sg] [verb reflexive sg] [self g] .
  1 [opener] <NP.pl person> [verb reflexive pl] themselves .
BINDING
  3 A [f say sg] that B [verb reflexive sg] B.self .
  3 A [f think sg] that B [verb reflexive sg] B.self .
  2 A [f say sg] that B [verb animate sg] A.him .
  1 B [f think sg] that A [verb reflexive sg] A.self .
  1 [det sg] [noun g sg] [f say sg] that A [verb reflexive sg] A.self .
  1 A [f say sg] that [det sg] [noun g sg] [verb reflexive sg] [self g] .
  1 A [f think sg] that <NP.pl person> [verb reflexive pl] themselves .
PERFECT
  3 <SUBJECT.n> [have n] <VP part> .
  4 <SUBJECT.n> [have n] [verb thing part] <NP.m thing> .
  1 <SUBJECT.n> [have n] [verb intransitive part] [manner] .
  1 <SUBJECT.n> [have n] [already] <VP part> .
PASSIVE
  3 <NP.n thing> [be n] [verb thing part] by <WHO.m> .
  3 <NP.n anim> [be n] [verb animate part] by <WHO.m> .
  1 <NP.n food> [be n] [verb food part] by <WHO.m> .
SOME.sg c
  3 [anoun c]
  2 no [noun c sg]
  1 one [noun c sg]
  1 another [noun c sg]
EXISTENTIAL
  3 there [be sg] <SOME.sg anim> [near] <NP.m place> .
  3 there [be pl] [apl] [noun anim pl] [near] <NP.m place> .
  3 there [be sg] <SOME.sg thing> [near] <NP.m place> .
  2 there [be pl] [apl] [adj anim] [noun anim pl] [near] <NP.m place> .
  2 there [be pl] [apl] [adj thing] [noun thing pl] [near] <NP.m place> .
  3 there [be pl] [apl] [noun thing pl] [near] <NP.m place> .
  1 [opener] there [be sg] <SOME.sg food> [near] <NP.m place> .
  1 [opener] there [be pl] [apl] [noun food pl] [near] <NP.m place> .
ADJUNCT
  3 when <SUBJECT.n> <VP n> , <SUBJECT.m> <VP m> .
  3 <SUBJECT.n> <VP n> because <SUBJECT.m> [be m] [adj anim] .
  2 <SUBJECT.n> <VP n> , and <SUBJECT.m> <VP m> .
  2 <SUBJECT.n> <VP n> before <SUBJECT.m> <VP m> .
  1r although <SUBJECT.n> [be n] [adj anim] , <SUBJECT.m> <VP m> .
# -- filler and gap --------------------------------------------------------------------------------------------------
EMBEDDED
  4 <KNOWER> what <WHO.m> [verb thing m] .
  2 <KNOWER> what <WHO.m> [verb food m] .
  3 <KNOWER> who <WHO.m> [verb animate m] .
  3 <KNOWER> that <WHO.m> [verb thing m] <NP.k thing> .
  2 <KNOWER> that <WHO.m> [verb food m] <NP.k food> .
  3 <KNOWER> that <WHO.m> [verb animate m] <NP.k anim> .
  1 <KNOWER> which [noun thing k] <WHO.m> [verb thing m] .
  1r <KNOWER> what A [f say sg] that <WHO.m> [verb thing m] .
KNOWER
  1 A [f know sg]
  1 A [f understand sg]
  1 <NP.n person> [f know n]
  1 <NP.n person> [f remember n]
QUESTION
  6 what [do n] <WHO.n> [verb thing base] ?
  2 what [do n] <WHO.n> [verb food base] ?
  2 who [do n] <WHO.n> [verb animate base] ?
  3 who [do n] <WHO.n> [verb reflexive base] ?
  4 which [noun thing m] [do n] <WHO.n> [verb thing base] ?
  2 which [noun food m] [do n] <WHO.n> [verb food base] ?
  2 which [noun anim m] [do n] <WHO.n> [verb animate base] ?
  2 which [noun anim n] <VP n> ?
  1 who [verb thing sg] <NP.m thing> ?
  4 <WHY> [do n] <WHO.n> [verb intransitive base] ?
  3 [do n] <WHO.n> <VP base> ?
  2 [be n] <WHO.n> [adj anim] ?
  4 [have n] <WHO.n> ever <VP part> ?
  2 [have n] <WHO.n> [already] <VP part> ?
  1r what [do sg] A [f say base] that <WHO.m> [verb thing m] ?
WHY
  1 where
  1 why
  1 when
SPEECH
  5 `` <QUESTION> '' [f ask sg] A .
  1 `` <QUESTION> '' [f ask sg] [det sg] [noun person sg] .
  1 `` <QUESTION> '' [f ask pl] <NP.pl person> .
# -- negative polarity: ever and any need a licensor that scopes over them -------------------------------------------
POLARITY
  7 no [noun anim n] ever <VP n> .
  5 [opener] no [noun anim n] [have n] ever <VP part> .
  3 <SUBJECT.n> [have n] not ever <VP part> .
  3 <SUBJECT.n> [have n] [already] <VP part> .
  1 <SUBJECT.n> [do n] not ever <VP base> .
  1 nobody ever <VP sg> .
  1 <SUBJECT.n> [do n] not [verb thing base] any [noun thing pl] .
  2 no [noun anim n] <PREDICATE n> .
  4m [opener] no [noun anim n] that <RELATIVE n> [have n] ever <VP part> .
  2m no [noun anim n] that <RELATIVE n> ever <VP n> .
  3m [opener] <NP.n anim> that <NORELATIVE n> [have n] [already] <VP part> .
  1m <NP.n anim> that <NORELATIVE n> <PREDICATE n> .
RELATIVE n
  3 <NP.m anim> [verb animate m]
  1 A [verb animate sg]
  1 [verb animate n] <NP.m anim>
NORELATIVE n
  3 no [noun anim m] [verb animate m]
  1 [verb animate n] no [noun anim m]
# -- the mixture that tells what goes on between the beats of a story ------------------------------------------------
TELL
  16 <SIMPLE>
  9 <PROPERTY>
  26 <ATTRACTOR>
  12 <REFLEXIVE>
  6 <BINDING>
  7 <PERFECT>
  6 <PASSIVE>
  8 <EXISTENTIAL>
  7 <ADJUNCT>
  9 <EMBEDDED>
  9 <SPEECH>
  14 <POLARITY>
"""
