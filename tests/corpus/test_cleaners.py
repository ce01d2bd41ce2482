"""Cleaners: golden lines of every real file, and the properties that hold for any text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noisy_text import MARKS, noisy

from babyllama.corpus.cleaning import (
    CLEANERS,
    Cleaner,
    DomainCleaners,
    clean,
    clean_all,
    cleaner_fingerprint,
    create_cleaner_registry,
    register_cleaner,
)
from babyllama.corpus.mixing.sources import guess_domain
from babyllama.corpus.reading.splitting import split_file
from babyllama.errors import ConfigError, DataError

DOMAINS = [
    "default",
    "none",
    "wikipedia",
    "gutenberg",
    "cbt",
    "subtitles",
    "dialogue",
    "bnc_spoken",
    "switchboard",
    "childes",
]
"""One name for each set of rules."""

GOLDEN = {
    # BabyLM 2024/25
    "simple_wiki": [
        ("= = = Confetti = = =", "Confetti"),
        ("= = = List of cities in Paraguay = = =\nText.", "List of cities in Paraguay\nText."),
        ("buried in Lawn Cemetery.[1]", "buried in Lawn Cemetery."),
        ("It reads as one hundred [and] twenty.", "It reads as one hundred [and] twenty."),
        ('The megaron (, , plural "megara") is the hall', 'The megaron (plural "megara") is the hall'),
        ("Chełm (; ) is a city", "Chełm is a city"),
        ("Mahmoud Refaat (; born April 25, 1978)", "Mahmoud Refaat (born April 25, 1978)"),
        (
            "Snoop Dogg, 50 Cent, Kendrick Lamar, , Wiz Khalifa, , and many more.",
            "Snoop Dogg, 50 Cent, Kendrick Lamar, Wiz Khalifa, and many more.",
        ),
        ('<doc id="13" title="Art">\nArt\nA craft ( or art ) .\n</doc>', "Art\nA craft (or art)."),
        ("Procter &amp; Gamble", "Procter & Gamble"),
        ("The words of the poem. &lt;poem&gt; And did those feet", "The words of the poem. And did those feet"),
        ('&lt;ref name="USA today Huffman/Loughlin"&gt;&lt;/ref&gt;', ""),
        ("Club career statistics. 62||23 79||27 141||50 International", "Club career statistics. International"),
        ("= = = Kappa Mikey = = =\n\n\n\nIt is", "Kappa Mikey\n\nIt is"),
        ("array[start] = array[minimumId];", "array[start] = array[minimumId];"),
    ],
    "bnc_spoken": [
        ("Yes, yes , .", "Yes, yes."),
        ("on the,, that's what", "on the, that's what"),
        ("This is the motion of Councillor and Councillor .", "This is the motion of Councillor and Councillor."),
        ("Did yo , have you been ", "Did yo, have you been"),
        ("despite Mr 's clarification ", "despite Mr's clarification"),
        ("Mum !", "Mum!"),
        ("R O B E R T .", "R O B E R T."),
        ("No I do n't.", "No I don't."),
        ("yeah, an hour of ..", "yeah, an hour of .."),
    ],
    "open_subtitles": [
        ("- No problem.", "No problem."),
        ("-Are you okay?\n-Yeah.", "Are you okay?\nYeah."),
        ("CLAIRE: Charlie, say yes.", "Charlie, say yes."),
        ("Whoops! [shrieking] [claws snapping] I'll try.", "Whoops! I'll try."),
        ("(SIGHS) (WHISPERS) Sorry.", "Sorry."),
        ("{BOTH ROARING}", ""),
        ("No. {\\pos(192,220)}We'll definitely", "No. We'll definitely"),
        ("♪ Louie, Louie ♪", "Louie, Louie"),
        ("# Closer to me, dear #", "Closer to me, dear"),
        ("the #2 public college", "the #2 public college"),
        ("WE WON'T NEED YOU, STEFANO.\nTHANK YOU.", "We won't need you, stefano.\nThank you."),
        ("NO, I HAVEN'T!", "No, I haven't!"),
        ("Tell me what �s wrong.", "Tell me what's wrong."),
        ("Don �t you hate me?", "Don't you hate me?"),
        ("You can't stay? ! Oh.", "You can't stay?! Oh."),
        ("487 00:30:42,106 --> 00:30:45,310 Catherine", "Catherine"),
        ("250 00:16:00,826 -- 00:16:04,057 Today, it", "Today, it"),
        ("I knew it. == sync, corrected by elderman == @elder_man A tattoo?", "I knew it. A tattoo?"),
        ("Subtitles by demonseye This is Sophie Hall", "This is Sophie Hall"),
        ("It was translated by the monks.", "It was translated by the monks."),
        ("Translated by the monks, it was lost.", "Translated by the monks, it was lost."),
        ("Subtitled by BBC Broadcast.\nNext.", "Next."),
        ("Subtitles by SDI Media Group Previously on it", "Previously on it"),
        ("Captioned by Grant Brown Ahhh!", "Ahhh!"),
        ("Subtitles by DramaFever Soo Yeon...", "Soo Yeon..."),
        ("Resync for WEB-DL by Norther Ryan, where's your kit?", "Ryan, where's your kit?"),
        ("Sync, corrected by elderman - for addic7ed. com - All right.", "All right."),
        ("Subtitles brought to you by the Heirs Team @Viki Kim?", "Kim?"),
        ("Visiontext Subtitles: Karin Baker ENGLISH SDH is this it?", "is this it?"),
        ("Translated by Argyris.\nTranscript/Synchro: Porkepick Corrections: Bouliii Phil...", "Phil..."),
        ("Subtitles by Red Bee Media Ltd E-mail subtitling@bbc.co.uk Alan Lane", "Alan Lane"),
        ("We (I think) won. (HE LAUGHS) (Really?) (Ding!)", "We (I think) won. (Really?)"),
        ('Shown (1917) here. [I understand] (! ) [singing "Oh, my"]', "Shown (1917) here. [I understand]"),
        ("(# She's Lost Control) Go. Oh, (sighs).", "Go. Oh."),
        ("{\\an8}So when you think of me {\\and you think of} him", "So when you think of me and you think of him"),
        ("Take turns? –You lead. – No, you.\n–Fine – or not.", "Take turns?\nYou lead.\nNo, you.\nFine – or not."),
        ("2\n00:00:05,500 --> 00:00:07,250 X1:201 X2:516 Y1:397\n- Fine.", "Fine."),
        ("00:01.000 --> 00:04.000 align:start position:0%\n<v Bob>How <00:02.000><c>are</c> you?</v>", "How are you?"),
        ("TOUR GUIDE= Now, stay.", "Now, stay."),
        ("He saw Stefano at the FBI.\nWE NEED YOU, STEFANO.", "He saw Stefano at the FBI.\nWe need you, Stefano."),
        (
            "Ask Will, and O'Brien.\nYou will see.\nI WILL ASK O'BRIEN, AND DON'T CRY.",
            "Ask Will, and O'Brien.\nYou will see.\nI will ask O'Brien, and don't cry.",
        ),
        ("Easy, mate. ~ Bert! ~ Yeah.", "Easy, mate.\nBert!\nYeah."),
        ("- 5 euros.", "- 5 euros."),
        ("Who? .\nStop! .\nFine. .\nWell. . . no.", "Who?\nStop!\nFine.\nWell... no."),
        ("The ship,... ..which sank.. ..here... ...", "The ship... which sank.. here..."),
        ("I thought-- - So did I. Or-- -What?", "I thought--\nSo did I. Or--\nWhat?"),
        ("Last week on Harbour: –Who paid? –Me.", "Last week on Harbour:\nWho paid?\nMe."),
        ("(GLASS BREAKS] Duck!\nNURSE [ON RADIO]: Come in.", "Duck!\nCome in."),
        ("She said (softly): no.", "She said: no."),
        (
            "Run! ♪ The Harbour 3x07 ♪ A Cold Tide Original Air Date on May 4, 2011 == sync, corrected by him == Yes?",
            "Run! Yes?",
        ),
        (
            "Please do NOT hardsub/stream our subtitles on any streaming site Brought to you by LemonSubs Main Translator: "
            "kiwi77 Timer: plum Coordinators: fig, old pear Wake up!",
            "Wake up!",
        ),
        ("Brought to you by the Mayor of Salem.", "Brought to you by the Mayor of Salem."),
        ("Timing: kiwi77 for plumsite One, two.", "One, two."),
        ("Ripped by kiwi in 2002 I deliver.", "I deliver."),
        ("Sub made possible by Kiwi_7 Look!\nEdited with XYSubEditor .:*~*:._.:*~*:.", "Look!"),
        (
            "WE LEAVE THE HOUSE TONIGHT.\nHELLO?\nOK.\nFBI!\nTHEY FOLLOWED US HERE.",
            "We leave the house tonight.\nHello?\nOK.\nFBI!\nThey followed us here.",
        ),
        ("They left the house.\nHELLO?\nNobody heard.", "They left the house.\nHELLO?\nNobody heard."),
        ("OK.", "OK."),
    ],
    "childes": [
        (
            "*EXP: it says to make it easy to catch the fish every time.",
            "it says to make it easy to catch the fish every time.",
        ),
        ("*CHI: haha. [giggles]\n*BRO: hee he.", "haha.\nhee he."),
        ("*CHI: [babbles].\n*MOT: oh splash.", "oh splash."),
        ("*BRO: xxx where is the cockroach?", "where is the cockroach?"),
        ("*MOT: ta [thank you ].", "ta."),
        ("*PAR1: um two cups for ten cents.", "um two cups for ten cents."),
        ("*MOT: okay. %add: FAT\n*MOT: act", "okay.\nact"),
        ("*MOT: that way it [jack+in+the+box] works better", "that way it works better"),
        ("*MOT: are y' sleepy+head?", "are y' sleepy head?"),
        ("*CHI: don('t) close it.", "don't close it."),
        ("*MOT: (it')s a birdie.", "it's a birdie."),
        ("*CHI: hel:lo!", "hello!"),
        ("*MOT: at 15:26.", "at 15:26."),
        ("*MOT: Daddy 's gonna be nice.", "Daddy's gonna be nice."),
        ('*CHI: " clean wall!"', '"clean wall!"'),
        ("*CHI: Rebecca? *R: what? *CHI: no!", "Rebecca?\nwhat?\nno!"),
        ("*KN: [laughs]. *R: [screams] no!", "no!"),
        ("*CHI: sing it. %int: high pitched [CHI dances]", "sing it."),
        ("*MOT: why? %add: not CHI", "why?"),
        ("*MOT: well, xxx.\n*MOT: yes, [laughs]?", "well.\nyes?"),
        ("*MOT: take,... ", "take..."),
        ("*CHI: xxx, Mummy.\n*MOT: [laughs], oh xxx, thank you.", "Mummy.\noh, thank you."),
        ("*MOT: xxx, [sighs], [coughs], .5 of it.", ".5 of it."),
        ('*CHI: " clean wall. "', '"clean wall."'),
        ("*CHI: ⌊mhm ⌋ go ni'_night ↫b↫boy.", "mhm go ni' night b boy."),
        ("@UTF8\n@Begin\n@ID:\teng|CHI|2;03.|\n*CHI:\tno .\n@End", "no."),
        ("*CHI: <the [/] the> [?] doggie [: dog] . 12875_14000", "the the doggie."),
        ("*CHI: &-um (..) he goed to bed (.) yyy xxx www .", "he goed to bed."),
        ("*CHI: 0 [=! laughs] .\n*MOT: oh.", "oh."),
        ("*CHI: where did Kwww [friend] go?\n*MOT: to Bxxx's.", "where did K go?\nto B's."),
        ("*MOT: round the old oak [singing]...", "round the old oak..."),
        ("*CHI: give it -um my brother.\n*MOT: -hm.", "give it um my brother.\nhm."),
        ("childes/A NAME/XY/z12.cha = = =\n*MOT: so. = = = childes/A NAME/XY/z13.cha", "so."),
        ("*CHI: gumma@c bingbing@o a_lot ↑no .", "gumma bingbing a lot no."),
        ("stop for now. = = = childes/CHILDES_NA/Soderstrom/The/000817.cha = = =\n*MOT: oh", "stop for now.\noh"),
    ],
    "gutenberg": [
        ("for _not_ going away!", "for not going away!"),
        ("a maid named Kath_leen_, Who never", "a maid named Kath_leen_, Who never"),
        ("two Bishops,[96] Mr. Clark", "two Bishops, Mr. Clark"),
        ("[Illustration: Turning to give his attention]\nThe ship", "The ship"),
        ("[Illustration: Chap.\n12] XII.", "XII."),
        ("till [but] now I knew not thine offence", "till [but] now I knew not thine offence"),
        ("brother also.’ * * * * * ‘_Oct.", "brother also.’\n‘_Oct."),
        ("My poor ---- came particularly badly off", "My poor ---- came particularly badly off"),
        ("The struggle {vi}.", "The struggle."),
        (
            "Produced by Bob Typist and the Online Distributed\nProofreading Team at http://www.pgdp.net\nA TALE",
            "A TALE",
        ),
        ("End of Project Gutenberg's A Terrible Coward, by George Fenn", ""),
        ("THE END End of Project Gutenberg's A Knight, by G.A.\nHenty", "THE END"),
        ("Team at http://www.pgdp.net Hello", "Team at Hello"),
    ],
    # also the 2023 form, without labels
    "switchboard": [
        ("A:\tI'm sure they are.\nB:\tA lot different.", "I'm sure they are.\nA lot different."),
        ("a little different,  yet believable.", "a little different, yet believable."),
        ("A:\tWell your from Indiana, yeah. *your should be you're\nA:\tOh", "Well your from Indiana, yeah.\nOh"),
        ("Uh-huh. *listen; mistranscribed 'uh-uh'", "Uh-huh."),
        ("it won't even give it the back section <laughter>.", "it won't even give it the back section."),
        ("my dress code is very, very (( )).", "my dress code is very, very."),
        ("Uh-huh. child_talking", "Uh-huh."),
    ],
    # BabyLM 2023
    "aochildes": [
        ("what's that ?", "what's that?"),
        ("aboo .\nkee .", "aboo.\nkee."),
        ("hm hm hm hm .", "hm hm hm hm."),
    ],
    "cbt": [
        (
            "` That is the very thing , ' shouted the frog , jumping high",
            "'That is the very thing,' shouted the frog, jumping high",
        ),
        ("an idea flashed into the queen 's head", "an idea flashed into the queen's head"),
        ("I do n't see what you have to complain of now ;", "I don't see what you have to complain of now;"),
        ("`` You 'll ruin your dress , '' said Mollie .", '"You\'ll ruin your dress," said Mollie.'),
        ("to see -LRB- as Maimie and Tony saw -RRB- that", "to see (as Maimie and Tony saw) that"),
        ("-LSB- Illustration : A fairy ring -RSB- Of late", "Of late"),
        (
            "ended happily .\n_BOOK_TITLE_ : Lucy_Maud_Montgomery___Anne.txt.out\nI An Irate",
            "ended happily.\nI An Irate",
        ),
        ("if -- Kenneth Ford -- wanted me", "if -- Kenneth Ford -- wanted me"),
    ],
    "children_stories": [
        ("he was dead.[3]\n[Footnote 3: This is a stanza from the works.]\nNext", "he was dead.\nNext"),
        ('first verse:\n    "A service have we done thee', 'first verse:\n"A service have we done thee'),
        ("by man[oe]uvring in large bodies", "by man[oe]uvring in large bodies"),
    ],
    "default": [
        ("A  line \r\nwith a soft\xadhyphen,\u200b and a\xa0space .", "A line\nwith a softhyphen, and a space."),
        ("= = = stays = = =", "= = = stays = = ="),
    ],
    "none": [("  as it  was .\n", "as it  was .")],
}


@pytest.mark.unit
@pytest.mark.parametrize(("domain", "before", "after"), [(d, b, a) for d, pairs in GOLDEN.items() for b, a in pairs])
def test_golden_lines(domain, before, after):
    assert clean(before, domain) == after


@pytest.mark.unit
def test_a_name_in_small_letters_is_a_label_where_it_introduces_three_lines():
    text = "Ada: I know.\n- Ada: Go.\nMan #2: Stay!\nAda (whispering): No.\nRemember: never.\nDay: 3\nDay: 4\nDay: 5"
    assert clean(text, "subtitles") == "I know.\nGo.\nMan #2: Stay!\nNo.\nRemember: never.\nDay: 3\nDay: 4\nDay: 5"
    assert clean("Ada: WE HAVE TO LEAVE.\n" * 3, "subtitles") == "\n".join(["We have to leave."] * 3)


@pytest.mark.unit
def test_every_babylm_stem_has_golden_lines_or_shares_a_cleaner_with_one():
    stems_2023 = (
        "aochildes bnc_spoken cbt children_stories gutenberg open_subtitles qed simple_wikipedia switchboard wikipedia"
    )
    stems_2024 = "bnc_spoken childes gutenberg open_subtitles simple_wiki switchboard"
    tested = [CLEANERS.get(domain) for domain in GOLDEN]
    for stem in {*stems_2023.split(), *stems_2024.split()}:
        cleaner = CLEANERS.get(stem)
        assert any(isinstance(cleaner, Cleaner) and cleaner.rules == other.rules for other in tested), stem


@pytest.mark.unit
@pytest.mark.parametrize(
    ("domain", "text"),
    [
        ("childes", "*CHI: haha. [giggles]\n*MOT: no."),
        ("switchboard", "A: No?\nB: Yes."),
        ("open_subtitles", "- CLAIRE: (SIGHS) No.\n- Yes."),
        ("open_subtitles", "Ada: No.\nAda: Yes.\nAda: Well?"),
    ],
)
def test_speakers_and_directions_are_kept_on_request(domain, text):
    assert clean(text, domain, keep_speakers=True) == text
    assert clean(text, domain) != text


# ---------------------------------------------------------------------------------------------------------------------
# Properties

words = st.text("abcdefghijklmnopqrstuvwxyzé", min_size=2, max_size=8).filter(
    lambda word: word not in ("xxx", "yyy", "www")
)
plain = st.lists(st.tuples(words, st.sampled_from(["", "", ",", ".", "?", "!", ";"])), min_size=1, max_size=30).map(
    lambda pairs: [word + mark for word, mark in pairs]
)


@pytest.mark.unit
@pytest.mark.parametrize("domain", DOMAINS)
@settings(max_examples=60)
@given(text=noisy, keep=st.booleans())
def test_cleaning_twice_changes_nothing_more(domain, text, keep):
    once = clean(text, domain, keep)
    assert clean(once, domain, keep) == once
    assert clean(text, domain, keep) == once


@pytest.mark.unit
@pytest.mark.parametrize("domain", DOMAINS)
@settings(max_examples=25)
@given(tokens=plain, breaks=st.sets(st.integers(1, 30)))
def test_ordinary_text_is_left_alone(domain, tokens, breaks):
    text = "".join(
        (("\n" if number in breaks else " ") if number else "") + token for number, token in enumerate(tokens)
    )
    assert clean(text, domain) == text


@pytest.mark.unit
@pytest.mark.parametrize("domain", DOMAINS[:1] + DOMAINS[2:])
@settings(max_examples=60)
@given(
    tokens=plain,
    marks=st.lists(st.sampled_from([m for m in MARKS if m.strip()]), min_size=1, max_size=6),
    data=st.data(),
)
def test_words_beside_marks_are_neither_joined_nor_invented(domain, tokens, marks, data):
    """Between spaces, a mark may take other words with it (a direction, a label), but never merges two words."""
    for mark in marks:
        tokens = list(tokens)
        tokens.insert(data.draw(st.integers(0, len(tokens))), mark)
    text = " ".join(tokens)
    # Contractions are joined on purpose: `do n't`, `John 's`; so is a soft hyphen's word.
    text = text.replace("n't", "").replace("'s", "").replace("\xad", "").replace("(", "( ").replace(")", " )")
    found = re.findall(r"[^\W\d_]+", text.casefold())
    position = 0
    for word in re.findall(r"[^\W\d_]+", clean(text, domain).casefold()):
        assert word in found[position:], (word, text)
        position = found.index(word, position) + 1


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("release", ["babylm", "babylm_2023"])
def test_real_files_keep_their_words_and_are_clean_after_one_pass(shared_data, release):
    """What cleaning removes is bounded: at most 4 % of the characters, but for labels and annotations."""
    files = sorted((shared_data / release / "dev").glob("*.dev"))
    assert len(files) == {"babylm": 6, "babylm_2023": 4}[release]
    for file in files:
        domain = guess_domain(file.stem)
        assert domain == file.stem
        before = after = 0
        parts = list(split_file(file, domain))
        for part, cleaned in zip(parts, clean_all([part.text for part in parts], domain), strict=True):
            assert cleaned == clean(part.text, domain)
            assert clean(cleaned, domain) == cleaned
            before += len(re.findall(r"\w+", part.text))
            after += len(re.findall(r"\w+", cleaned))
        assert after >= {"childes": 0.7, "switchboard": 0.85}.get(domain, 0.97) * before, file


# ---------------------------------------------------------------------------------------------------------------------
# Registration


@pytest.fixture
def registry():
    """Undo registrations."""
    with CLEANERS.restored():
        yield


@pytest.mark.unit
def test_cleaners_are_added_by_registration_or_attribute(registry):
    @register_cleaner("poetry")
    def poetry(text: str) -> str:
        return text.replace("o'er", "over")

    DomainCleaners.letters = staticmethod(lambda text: text.upper())
    assert clean("o'er the sea ", "poetry") == "over the sea"
    assert DomainCleaners.poetry is poetry
    assert clean("dear", "letters") == DomainCleaners.letters("dear") == DomainCleaners().letters("dear") == "DEAR"
    assert {"poetry", "letters", "wikipedia"} <= set(create_cleaner_registry())
    assert guess_domain("poetry") == "poetry"
    assert cleaner_fingerprint("poetry") != cleaner_fingerprint("letters")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("domain", "place", "pattern"),
    [
        ("open_subtitles", "shouting", "_PRONOUN_I"),
        ("open_subtitles", "credits", "_FIRM"),
        ("open_subtitles", "names", "_LABEL"),
    ],
)
def test_a_cleaners_fingerprint_follows_the_patterns_of_its_replacements(monkeypatch, domain, place, pattern):
    before = cleaner_fingerprint(domain)
    monkeypatch.setattr(f"babyllama.corpus.cleaning.{place}.{pattern}", re.compile("other"))
    assert cleaner_fingerprint(domain) != before


@pytest.mark.unit
def test_named_cleaners_are_attributes():
    assert DomainCleaners.wikipedia("= = = Title = = =") == "Title"
    assert DomainCleaners.subtitles("- Yes.") == "Yes."
    assert DomainCleaners.dialogue("A: Yes .") == "Yes."
    with pytest.raises(AttributeError, match="did you mean 'wikipedia'"):
        _ = DomainCleaners.wikpedia


@pytest.mark.unit
def test_what_is_not_a_cleaner_is_an_error(registry):
    with pytest.raises(ConfigError, match="did you mean 'childes'"):
        clean("x", "childs")
    with pytest.raises(ConfigError, match="must be a function"):
        DomainCleaners.broken = "no function"
    register_cleaner("nothing", lambda text: None)
    with pytest.raises(DataError, match="'nothing' returned NoneType"):
        clean("x", "nothing")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("stem", "domain"),
    [("childes", "childes"), ("aochildes_clean", "aochildes"), ("my_open_subtitles", "open_subtitles"), ("novel", "default"),
     ("Wikipedia", "wikipedia"), ("simple_wikipedia", "simple_wikipedia"), ("none", "none"), ("nonesuch", "default")],
)  # fmt: skip
def test_domains_are_guessed_from_file_stems(stem, domain):
    assert guess_domain(stem) == domain


@pytest.mark.unit
def test_the_docs_list_the_rules_of_every_domain(repository):
    page = (repository / "docs" / "data.md").read_text().partition("| domain | rules of its own |")[2]
    common = {rule.name for rule in CLEANERS.get("default").rules}
    for name, cleaner in CLEANERS.items():
        own = dict.fromkeys(rule.name for rule in cleaner.rules if rule.name not in common)
        listed = re.search(rf"^\|.*`{name}`.*\| (.*) \|$", page, re.MULTILINE)
        assert listed, name
        assert listed[1] == (", ".join(own) or {"none": "nothing at all"}.get(name, "none"))
