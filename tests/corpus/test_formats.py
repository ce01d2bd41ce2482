"""Transcripts, subtitles, books and articles in the formats of the field; what is expected follows their manuals."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from babyllama.config.sections import SourceSection
from babyllama.corpus.clean_files import clean_path
from babyllama.corpus.mixing.sources import Source
from babyllama.corpus.reading import corpus_files, read_documents
from babyllama.corpus.reading.chat import utterances, words
from babyllama.corpus.reading.formats import format_of
from babyllama.errors import DataError

pytestmark = pytest.mark.unit

CHAT = """@UTF8
@Begin
@Languages:\teng
@Participants:\tCHI Amy Target_Child , MOT Mother, ENV Environment
@ID:\teng|test|CHI|2;03.00|female|||Target_Child|||
*MOT:\twhat did you see at the zoo
\twith your grandma? \x1510230_12875\x15
%mor:\tpro:int|what mod|do&PAST pro:per|you ?
*CHI:\t<I want> [//] I wan(t) (t)a go . 12875_14000
%com:\tpoints at book
*ENV:\tdoor closes .
*CHI:\t0 [=! laughs] .
*CHI:\txxx .
*MOT:\tno .
@End
"""

# One example of each construction, and what is left of it by the CHAT manual (TalkBank, chapters 8 to 11).
UTTERANCES = [
    ("I see <the big dog> [?] there .", "I see the big dog there ."),
    ("<the [/] the> [?] dog .", "the dog ."),
    ("<I wanted> [/-] where is <my [/] my> [//] the cat ?", "where is the cat ?"),
    ("it [/] it [///] that 's good .", "that 's good ."),
    ("you know [/?] know what .", "you know what ."),
    ("&-um &+b &=laughs &~ga he goed [* m:=ed] to bed .", "he goed to bed ."),
    ("xxx yyy www .", ""),
    ("I said xxx to him .", "I said to him ."),
    ("0is that 0 yours ?", "that yours ?"),
    ("gumma@c bingbing@o woof@o hola@s:spa b@l .", "gumma bingbing woof hola b ."),
    ("a_lot o(f) choo_choo@o Santa_Claus .", "a lot of choo choo Santa Claus ."),
    ("wan(t) (be)cause sit(ting) .", "want because sitting ."),
    ("well (.) I (..) think (1.5) so (...) .", "well I think so ."),
    ("I no:: wanna ↑go ↓home .", "I no wanna go home ."),
    ("doggie [: dog] [*] ran [= quickly] [% note] .", "doggie ran ."),
    ("you [x 3] like it , dontcha [= do you not] ? [+ PI]", "you like it , dontcha ?"),
    ('she said +"/.', "she said ."),
    ('+" come here (.) +...', "come here ..."),
    ("+< but I +/.", "but I ."),
    ("++ really +/?", "really ?"),
    ("what +!?", "what ?"),
    ("Mommy ‡ look , you see „ right ?", "Mommy , look , you see , right ?"),
    ("[- spa] sí , claro .", "sí , claro ."),
    ("I [>] do <you see> [<1] it .", "I do you see it ."),
    ("(.) .", ""),
    ("it's 10 o'clock , isn't it ?", "it's 10 o'clock , isn't it ?"),
]


@pytest.mark.parametrize(("line", "expected"), UTTERANCES)
def test_the_words_of_an_utterance(line: str, expected: str) -> None:
    assert words(line) == expected


def test_a_transcript_is_the_main_tiers_of_the_chosen_speakers() -> None:
    mother = [("MOT", "what did you see at the zoo with your grandma?"), ("MOT", "no .")]
    child = [("CHI", "I want ta go .")]
    lines = CHAT.splitlines()
    assert list(utterances(lines)) == [mother[0], *child, ("ENV", "door closes ."), mother[1]]
    assert list(utterances(lines, "children")) == child
    assert list(utterances(lines, "adults")) == mother


def test_an_utterance_whose_dependent_tiers_do_not_align_is_kept() -> None:
    lines = ["*CHI:\tmore milk please .", "%mor:\tqn|more .", "%gra:\t1|0|ROOT", "*CHI:\tyes ."]
    assert [said for _, said in utterances(lines)] == ["more milk please .", "yes ."]


def parts(path: Path, **section: object) -> list[str]:
    found = Source("s", 1.0, None, SourceSection(path=str(path), **section), (path,), "strict")  # type: ignore[arg-type]
    return [text for _, text in found.cleaned_parts(keep_speakers=False)]


@pytest.mark.parametrize("name", ["a.cha", "A.CHA", "childes.txt", "childes.txt.gz"])
def test_transcripts_are_known_by_suffix_or_first_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = ("\ufeff" + CHAT).replace("\n", "\r\n").encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    text = "what did you see at the zoo with your grandma?\nI want ta go .\ndoor closes .\nno ."
    assert list(read_documents([path])) == [text]
    assert parts(path) == [text.replace(" .", ".")]
    assert parts(path, speakers="children") == ["I want ta go."]
    labelled = Source("s", 1.0, None, SourceSection(path=str(path)), (path,), "strict").cleaned_parts(
        keep_speakers=True
    )
    assert "*CHI:" in next(labelled)[1]


def test_files_prepared_by_babylm_keep_their_own_rules(tmp_path: Path) -> None:
    path = tmp_path / "childes.train"
    path.write_text("= = = childes/a.cha = = =\n*CHI: yes .\n*MOT: no [laughs] .\n")
    assert format_of(path) is None
    assert parts(path) == ["yes.\nno."]


SRT = """1
00:00:01,000 --> 00:00:04,000
<i>Hello there.</i>
How are you?

2
00:00:05,500 --> 00:00:07,250 X1:201 X2:516 Y1:397 Y2:423
{\\an8}<font color="#ffff00">2001 was a good year.</font>

3
00:00:08.000 --> 00:00:09.000
1984

4
00:00:10,000 --> 00:00:11,000

5
0:00:12,000 --> 0:00:13,000
It ends in
2010
"""
SRT_TEXT = "Hello there.\nHow are you?\n2001 was a good year.\n1984\nIt ends in\n2010"
VTT = """WEBVTT - a title
Kind: captions

NOTE made by hand

STYLE
::cue { color: red }

intro
00:01.000 --> 00:04.000 align:start position:0%
<v Bob>Hello there.</v>
How <00:02.000><c.loud>are</c> you &amp; me?

00:00:05.500 --> 00:00:07.250
1984
"""
VTT_TEXT = "Hello there.\nHow are you & me?\n1984"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [("a.srt", SRT, SRT_TEXT), ("a.txt", SRT, SRT_TEXT), ("a.vtt", VTT, VTT_TEXT), ("subtitles.TXT", VTT, VTT_TEXT)],
)
def test_subtitles_are_their_lines(tmp_path: Path, name: str, content: str, expected: str) -> None:
    for text in (content, "\ufeff" + content.replace("\n", "\r\n"), content.rstrip("\n")):
        (tmp_path / name).write_bytes(text.encode())
        assert list(read_documents([tmp_path / name])) == [expected]
        assert parts(tmp_path / name) == [expected]


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_a_file_that_holds_no_subtitles_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("just some text\n")
    with pytest.raises(DataError, match=rf"{name} (holds no subtitles|is no WebVTT file)"):
        list(read_documents([tmp_path / name]))


BOOK = """The Project Gutenberg EBook of A Small Tale, by Ann Writer

Title: A Small Tale

*** START OF THIS PROJECT GUTENBERG EBOOK A SMALL TALE ***

Produced by Bob Typist and the Online Distributed
Proofreading Team

A SMALL TALE

It was a dark night.

He came at nine.

End of the Project Gutenberg EBook of A Small Tale, by Ann Writer

*** END OF THIS PROJECT GUTENBERG EBOOK A SMALL TALE ***

Updated editions will replace the previous one.
"""


@pytest.mark.parametrize(
    "start", ["*** START OF THE PROJECT GUTENBERG EBOOK", "***START OF THIS PROJECT GUTENBERG ETEXT"]
)
def test_a_book_is_the_text_between_its_marks(tmp_path: Path, start: str) -> None:
    path = tmp_path / "gutenberg.txt"
    other = BOOK.replace("*** START OF THIS PROJECT GUTENBERG EBOOK", start).replace("dark", "light")
    path.write_text(BOOK + other)
    text = "A SMALL TALE\n\nIt was a dark night.\n\nHe came at nine."
    assert list(read_documents([path])) == parts(path) == [text, text.replace("dark", "light")]


WIKI = """<doc id="12" url="https://simple.wikipedia.org/wiki?curid=12" title="April">
April

April is the fourth month.

It has 30 days.

</doc>
<doc id="13" url="https://simple.wikipedia.org/wiki?curid=13" title="Art">
Art

Art is a creative activity.

</doc>
"""


def test_an_article_is_a_document_with_or_without_its_title(tmp_path: Path) -> None:
    (tmp_path / "AA").mkdir()
    path = tmp_path / "AA" / "wiki_00"
    path.write_text(WIKI)
    april = "April is the fourth month.\n\nIt has 30 days."
    assert corpus_files(tmp_path, key="data.train_path") == [path]
    assert list(read_documents([path])) == [f"April\n\n{april}", "Art\n\nArt is a creative activity."]
    assert parts(path, titles=False) == [april, "Art is a creative activity."]
    path.write_text(WIKI[:-30])
    with pytest.raises(DataError, match="wiki_00 ends inside an article"):
        list(read_documents([path]))


def test_folders_of_transcripts_and_subtitles_are_read_and_cleaned(tmp_path: Path) -> None:
    for name, content in (("a.cha", CHAT), ("b.srt", SRT), ("c.vtt", VTT)):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text(content)
    cleaned = clean_path(str(tmp_path / "in"), tmp_path / "out")
    assert [(file.target.name, file.domain, file.documents) for file in cleaned] == [
        ("a.txt", "childes", 1),
        ("b.txt", "subtitles", 1),
        ("c.txt", "subtitles", 1),
    ]


def test_the_column_of_records_is_a_setting_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"meta": {"body": "one"}}) + "\n")
    assert list(read_documents([path], column="meta.body")) == ["one"]
    assert parts(path, column="meta.body") == ["one"]
