"""The story grammar, as data: plots are rows of beats, beats are rules in the notation of `clauses`.

In a plot, a beat is the name of a rule, `*` stands for one to three sentences of TELL and `/` begins a new paragraph.
Beats are about the same A, B, X, Y and P from the first line to the last; words of the story frame (find, lose, home)
are no words of the lexicon and so are never held out.
"""

PLOTS = """
OPEN * LOSE WHERE / * SEARCH * FIND END
OPEN * WISH / * TRY * BARTER END
OPEN GO MEET / * TALK * HELPING END
OPEN * STORM / HIDEAWAY * CALM * END
OPEN WISH GO / * MEET TALK * FIND END
OPEN GO * / RACE * WINNER * END
OPEN * SECRET WHERE / * TALK * TELLALL END
OPEN STRANGER * / TALK * GIFT * END
OPEN LOSE * / MEET * GIFT END
OPEN * BUILD / * STORM * BUILT END
OPEN GO * TALK * END
OPEN * SECRET * END
"""

BEATS = """
OPEN
  3 once there [be sg] [aadj anim] [noun neutral sg] named A .
  2 A [f live sg] [near] the P .
  2 one morning A [f go sg] to the P with B .
  2 A and B [be pl] good friends .
  1 A and B [f live pl] [near] the same P .
  1 it [be sg] a sunny day , and A [f go sg] outside .
  1 A [f have sg] one X and B [f have sg] many Xs .
  1 here [be sg] the story of A and B .
  1m long ago , in a land far away , there [be sg] [aadj anim] [noun neutral sg] named A .
WISH
  2 A [f want sg] to find the [adj thing] X .
  1 more than anything , A [f want sg] some Xs .
  1 `` i need a good plan , '' [f say sg] A .
  1 A [f dream sg] about that X every night .
LOSE
  2 one day A [f lose sg] the X .
  2 then A.his X [be sg] gone .
  1 A [f lose sg] two Xs [near] the P .
  1 suddenly the [adj thing] X [be sg] not there .
WHERE
  2 `` where [be sg] the X ? '' [f ask sg] A .
  1 `` where [be pl] the Xs ? '' [f ask sg] B .
  1 `` who [f have sg] the X ? '' [f ask sg] A .
  1 `` i do not know , '' [f say sg] B .
SEARCH
  2 A and B [f look pl] for the X [near] the P .
  1 A.he [f look sg] everywhere , but the X [be sg] gone .
  1 they [f ask pl] the Y about the X .
  1 all day A [f look sg] for A.his X .
FIND
  2 at last A [f find sg] the X [near] the P .
  2 then B [f find sg] the X and A [be sg] [adj anim] .
  1 in the end the Y [f find sg] the X .
  1 the X [be sg] [near] the P all along .
GO
  2 A [f go sg] to the P .
  2 the next day A and B [f go pl] to the P together .
  1 A [f decide sg] to go to the P .
  1 the way to the P [be sg] long .
MEET
  2 there A [f come sg] upon [anoun anim] .
  1 soon they [f come pl] upon the [adj anim] Y .
  1 [near] the P there [be sg] one [adj anim] Y .
  1 some Ys [f come pl] to A .
TALK
  2 `` hello , '' [f say sg] A .
  2 `` come with us , '' [f say sg] B .
  1 `` we are [adj anim] , '' [f say pl] the Ys .
  1 A [f tell sg] B about the Ys .
  1 `` please sit down , '' [f say sg] the Y .
  1 `` i am so [adj anim] ! '' [f say sg] A .
  1 `` why not ? '' [f say sg] B .
TRY
  2 A [f try sg] again and again .
  1 A [f ask sg] B for a little luck .
  1 B [f have sg] an idea .
  1 it [be sg] not easy for A .
BARTER
  2 B [verb ditransitive sg] the X to A .
  1 so A [verb ditransitive sg] B the X .
  1 in the end A [f get sg] the X from the Y .
HELPING
  2 the Y [f make sg] a soft nest for A .
  1 A and B [f make pl] a home for the Y .
  1 the Ys [f become pl] part of the family .
STORM
  2 then a storm [f come sg] .
  1 suddenly the sky [f become sg] dark .
  1 all at once it [f begin sg] to rain .
HIDEAWAY
  2 A and B [f run pl] to the P .
  1 A [f run sg] home with the X .
  1 the Ys [f run pl] to the P too .
CALM
  2 after an hour the storm [be sg] over .
  1 soon the sun [f come sg] out again .
RACE
  2 A and B [f have pl] a race to the P .
  1 `` you are too slow , '' [f say sg] A to B .
  1 the Ys [f run pl] as fast as lightning .
WINNER
  2 A [f win sg] , but B [be sg] not [adj anim] .
  1 B [f win sg] the race and the X .
  1 nobody [f win sg] , and they [f begin pl] again .
SECRET
  2 A [f have sg] a secret : it [be sg] the X .
  1 B [f think sg] about the X all day .
  1 A [f know sg] where the Xs [be pl] .
TELLALL
  2 at last A [f tell sg] B the truth .
  1 so the secret [be sg] out .
STRANGER
  2 one evening [anoun anim] [f come sg] to the P .
  1 at noon a few Ys [f come pl] to the P .
GIFT
  2 the [adj anim] Y [verb ditransitive sg] A the X .
  2 A [verb ditransitive sg] B one [adj thing] X .
  1 A [verb ditransitive sg] the Xs to the Ys .
BUILD
  2 A and B [f make pl] a plan for the P .
  1 A [f begin sg] to work on the P .
BUILT
  2 now the P [be sg] [adj place] again .
  1 when the work [be sg] over , they [f go pl] home .
END
  2 in the end A and B [f go pl] home .
  1 after that A [be sg] never [adj anim] again .
  1 everyone [f have sg] a good time .
  1 that night they [f tell pl] the story to the Ys .
  1 `` it [be sg] the best day of all , '' [f say sg] A .
  1 from then on A and B [be pl] always together .
"""

# Verbs of the story frame, outside the lexicon: base, third person, past.
FRAME_VERBS = {
    forms.split()[0]: tuple(forms.split())
    for forms in """
        ask asks asked
        become becomes became
        begin begins began
        come comes came
        decide decides decided
        dream dreams dreamed
        find finds found
        get gets got
        go goes went
        have has had
        know knows knew
        live lives lived
        look looks looked
        lose loses lost
        make makes made
        remember remembers remembered
        run runs ran
        say says said
        tell tells told
        think thinks thought
        try tries tried
        understand understands understood
        want wants wanted
        win wins won
    """.strip().splitlines()
}

# Closed-class words drawn like those of the lexicon; a word that stands twice is twice as likely.
CLOSED: dict[str, list[str]] = {
    "opener": [
        "soon",
        "later",
        "at noon",
        "that day",
        "one day",
        "after lunch",
        "in the evening",
        "the next morning",
        "suddenly",
        "today",
    ],
    "adverb": ["again", "now", "then", "at first", "of course", "once more"],
    "manner": ["quickly", "slowly", "loudly", "happily", "all day", "for hours", "in silence", "every day"],
    "near": ["near", "beside", "behind", "next to", "close to", "in front of", "across from"],
    "already": ["already", "often", "just", "certainly", "recently", "probably"],
    "quantity": ["two", "three", "four", "a lot of", "hundreds of", "a couple of"],
}
