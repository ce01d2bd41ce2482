"""The verbs and adjectives of the synthetic language, as data.

Tiers are separated by `|` as in `nouns`. `see:saw:seen` gives an irregular past and participle; a trailing `+` doubles
the last consonant (`hug+`: hugged, hugging). A verb belongs to one frame only, which makes argument structure sharp:
a verb of frame `intransitive` never has an object and a verb of any other frame is never without one.
"""

VERBS: dict[str, str] = {
    # Nobody sleeps a box.
    "intransitive": """
        sleep:slept:slept laugh smile jump dance sing:sang:sung swim+:swam:swum sneeze yawn nod+ fall:fell:fallen wait
        cry giggle shout kneel:knelt:knelt
        | tremble blush frown shiver stumble sigh snore cough vanish sob+ faint wander grumble sparkle pant arrive
        | stagger mumble doze wince loiter hiccup crouch linger relax grin+ gasp limp wail meditate squirm yodel
    """,
    # The object is somebody else, or oneself.
    "reflexive": """
        help wash praise blame see:saw:seen scratch comfort warn
        | forgive:forgave:forgiven bite:bit:bitten tickle introduce describe protect scold amuse
        | defend injure punish flatter congratulate embarrass groom reassure
    """,
    # The object is somebody else.
    "animate": """
        chase follow thank greet hug+ kiss tease scare like love meet:met:met admire
        rescue surprise trust remind
        | obey invite ignore annoy cheer summon lead:led:led catch:caught:caught
        awaken interview overhear:overheard:overheard pester encourage welcome frighten mock
        | confuse escort impress taunt flog+ hire insult irritate
    """,
    "thing": """
        carry drop+ lift break:broke:broken mend hide:hid:hidden throw:threw:thrown kick
        buy:bought:bought steal:stole:stolen choose:chose:chosen take:took:taken draw:drew:drawn paint push pull
        | shake:shook:shaken borrow collect tear:tore:torn repair touch wrap+ measure
        polish decorate examine hold:held:held damage roll freeze:froze:frozen forget+:forgot:forgotten
        | bend:bent:bent weigh inspect conceal scrub+ admit+ fasten smash
    """,
    "food": """
        eat:ate:eaten cook taste bake chew smell swallow peel
        | slice boil fry share nibble devour chop+ warm
        | gobble grill crunch season
    """,
    "place": """
        enter explore guard visit abandon reach cross tidy
        | sweep:swept:swept search photograph circle approach haunt avoid rebuild:rebuilt:rebuilt
        | survey fortify restore vacate
    """,
    "ditransitive": """
        give:gave:given show:showed:shown hand send:sent:sent lend:lent:lent offer bring:brought:brought sell:sold:sold
        | pass mail promise toss feed:fed:fed assign award pay:paid:paid
        | grant loan bequeath deny
    """,
}

ADJECTIVES: dict[str, str] = {
    # Said of people and animals.
    "animate": """
        happy sad tired hungry brave shy clever proud lazy angry young quiet gentle thirsty busy noisy
        | curious nervous polite grumpy cheerful lonely sleepy stubborn friendly rude cautious honest silly wise calm
        jealous
        | arrogant anxious playful eager timid fearless grateful generous greedy modest impatient bashful obedient witty
        moody loyal
    """,
    # Said of things, food and places.
    "inanimate": """
        big small old new red green blue yellow white black round strange pretty ugly huge tiny
        | heavy smooth dusty wet purple golden wooden narrow wide famous shiny expensive ancient colorful
        empty ordinary
        | crooked fragile enormous elegant oval peculiar spotless dirty marvelous striped magnificent rusty faded
        slippery cheap immense
    """,
}

# Verbs that English, unlike this language, also uses with or without an object ("they broke", "they sang a song").
# A minimal pair never calls such a use wrong.
_AMBITRANSITIVE = """
    sing dance shout jump cry nod swim sigh mumble sob wander grumble gasp cough
    help wash see forgive bite scratch warn follow hug kiss tease meet obey lead cheer mock awaken catch confuse insult
    break draw paint push pull kick steal choose hide drop tear shake roll freeze forget bend collect throw smash admit
    scrub polish mend weigh take measure buy hold decorate
    eat cook taste bake chew smell swallow peel slice boil fry share nibble chop warm gobble grill crunch season
    enter explore visit search cross tidy sweep approach
"""
AMBITRANSITIVE = frozenset(_AMBITRANSITIVE.split())
