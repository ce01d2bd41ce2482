"""The nouns and names of the synthetic language, as data.

Each list has three tiers separated by `|`: words of every complexity, words added at `medium`, words added at `rich`.
`child=children` gives an irregular plural. A word belongs to one list only and is no form of any verb or adjective, so
that a scan of the text by word form can never confuse two words.
"""

NAMES: dict[str, str] = {
    "male": """
        Tom Ben Sam Max Leo Adam Paul Peter David Henry Oscar Felix Hugo Simon Victor Ivan Albert Martin Oliver Daniel
        Edgar Louis Arthur Walter
        | Jonas Lucas Conrad Gilbert Hector Julian Kevin Liam Milo Nathan Omar Philip Quentin Ralph Steven Theo
        Vincent Wesley Xavier Zachary Bruno Cedric Dennis Ethan
        | Fergus Gavin Harold Isaac Jasper Kenneth Leonard Marcus Norman Otto Percy Roland Samson Tobias Ulrich Warren
    """,
    "female": """
        Anna Ella Mia Lucy Emma Nora Clara Sara Julia Alice Helen Maria Laura Eva Ida Sofia Diana Martha Rita Olivia
        Hannah Irene Paula Vera
        | Amelia Beatrice Cecilia Dorothy Eleanor Fiona Greta Harriet Isabel Joanna Karen Lydia Monica Nadia Ophelia
        Penelope Quinta Rachel Susan Teresa Ursula Violet Wanda Zelda
        | Agatha Bridget Camilla Delia Edith Felicity Gwen Henrietta Ingrid Josephine Katrina Leonora Matilda Nancy
        Priscilla Roxana
    """,
}

# Words every story may use, whatever its topic.
COMMON: dict[str, str] = {
    "male": """
        boy man=men uncle brother father king prince grandfather
        | nephew son wizard gentleman=gentlemen duke grandson monk husband
        | lad stepfather godfather emperor count nobleman=noblemen stepbrother widower
    """,
    "female": """
        girl woman=women aunt sister mother queen princess grandmother
        | niece daughter witch lady duchess granddaughter nun wife=wives
        | maiden stepmother godmother empress countess noblewoman=noblewomen stepsister widow
    """,
    "neutral": """
        child=children neighbor guest cousin stranger twin thief=thieves baby
        | teenager traveler visitor toddler giant dwarf=dwarves elf=elves singer
        | orphan newcomer pilgrim hermit beggar wanderer villager musician
    """,
    "animal": """
        dog cat bird mouse=mice fox frog wolf=wolves rabbit
        | bear squirrel owl hedgehog goose=geese turtle parrot spider
        | weasel badger raven lizard beetle otter ferret hamster
    """,
    "thing": """
        box bag lamp key ball bell cup blanket
        | candle mirror clock basket ribbon pillow umbrella knife=knives
        | locket lantern parcel cushion trinket scarf=scarves thimble kerchief
    """,
    "food": """
        apple pie cake cookie egg pear plum carrot
        | sandwich potato=potatoes tomato=tomatoes muffin peach=peaches loaf=loaves biscuit cherry
        | apricot turnip walnut radish=radishes pastry pretzel raisin dumpling
    """,
    "place": """
        house road river garden gate bridge wall hill
        | tower shed path fountain fence cave tunnel courtyard
        | archway meadow orchard terrace cellar attic alley lane
    """,
}

# What a story is about; the fifth and later topics of each tier make the larger languages more varied.
TOPICS: dict[str, dict[str, str]] = {
    "farm": {
        "neutral": "farmer shepherd | dairymaid plowman=plowmen | stablehand beekeeper",
        "animal": "cow horse pig goat hen calf=calves | lamb donkey rooster ox=oxen | pony heifer gosling piglet",
        "thing": "bucket rope shovel saddle wagon ladder | horseshoe pitchfork sack barrel | harness wheelbarrow sickle",
        "food": "pumpkin onion | cabbage beet | parsnip gourd",
        "place": "barn stable field pond | haystack pasture well coop | silo granary paddock",
    },
    "sea": {
        "neutral": "sailor captain | pirate diver | fisherman=fishermen lifeguard",
        "animal": "whale dolphin crab seal shark gull | octopus pelican lobster penguin | walrus stingray urchin",
        "thing": "boat oar shell anchor sail fishhook | raft paddle compass spyglass | buoy rudder harpoon",
        "food": "shrimp coconut | oyster clam | mussel scallop",
        "place": "beach harbor island ship | lighthouse pier bay cliff | lagoon dock reef",
    },
    "forest": {
        "neutral": "hunter ranger | woodcutter camper | forester trapper",
        "animal": "stag elk woodpecker snail bat toad | beaver lynx chipmunk hawk | boar porcupine stoat",
        "thing": "axe branch leaf=leaves acorn twig tent | backpack pinecone feather arrow | quiver snare hatchet",
        "food": "berry mushroom | nut hazelnut | blueberry chestnut",
        "place": "tree cabin stream trail | thicket clearing swamp waterfall | grove ravine glade",
    },
    "school": {
        "neutral": "teacher pupil | librarian janitor | professor tutor",
        "animal": "kitten puppy goldfinch gerbil newt moth | canary cricket tortoise ant | ladybug tadpole caterpillar",
        "thing": "book pencil crayon ruler desk notebook | globe eraser blackboard satchel | textbook inkwell abacus",
        "food": "banana lemon | raspberry grape | strawberry tangerine",
        "place": "classroom library playground gym | hallway office cafeteria bench | dormitory auditorium laboratory",
    },
    "castle": {
        "neutral": "knight servant | jester squire | herald minstrel",
        "animal": "dragon unicorn griffin falcon hound peacock | stallion swan serpent phoenix | basilisk wyvern mule",
        "thing": "crown sword shield throne goblet flag | scepter helmet lute tapestry | chalice gauntlet scroll",
        "food": "pheasant fig | quince partridge | pomegranate almond",
        "place": "castle palace dungeon ballroom | moat drawbridge chapel balcony | turret rampart crypt",
    },
    "city": {
        "neutral": "policeman=policemen driver | mayor firefighter | tourist reporter",
        "animal": "pigeon rat poodle sparrow beagle dachshund | crow terrier greyhound cockroach=cockroaches | spaniel "
        "starling rottweiler",
        "thing": "car bicycle coat wallet camera suitcase | scooter newspaper briefcase phone | taxi billboard placard",
        "food": "hotdog pizza | burger pancake | bagel croissant",
        "place": "street shop museum hotel | subway theater cinema airport | skyscraper boulevard plaza",
    },
    "kitchen": {
        "neutral": "chef waiter | baker grocer | butler dishwasher",
        "animal": "roach fly=flies wasp bee slug gecko | mosquito cicada earwig guppy | centipede weevil hornet",
        "thing": "pot pan spoon fork plate kettle | bowl apron jar napkin | ladle whisk teapot",
        "food": "bun waffle | cupcake omelet | scone meatball",
        "place": "kitchen pantry oven table | cupboard stove fridge bakery | saloon diner larder",
    },
    "mountain": {
        "neutral": "climber skier | guide miner | explorer geologist",
        "animal": "eagle yak llama leopard marmot ibex | condor vulture cougar wildcat | chamois mole pika",
        "thing": "sled boot pickaxe mitten rock scarecrow | snowshoe crystal gem canteen | icicle toboggan snowboard",
        "food": "sausage pickle | oatcake cracker | stew cutlet",
        "place": "mountain valley glacier summit | hut chalet ridge quarry | canyon crater plateau",
    },
    "circus": {
        "neutral": "clown dancer | acrobat juggler | ringmaster stuntman=stuntmen",
        "animal": "lion tiger elephant monkey zebra camel | giraffe gorilla kangaroo hippo | panther baboon cheetah",
        "thing": "drum balloon costume trumpet hoop wig | trapeze kite mask puppet | unicycle tambourine baton",
        "food": "popsicle lollipop | doughnut candy | peanut caramel",
        "place": "arena stage carousel cage | booth turnstile grandstand bleacher | marquee pavilion corridor",
    },
    "hospital": {
        "neutral": "nurse doctor | patient dentist | surgeon pharmacist",
        "animal": "hare pug bulldog magpie finch budgie | cockatoo iguana chinchilla robin | dove lapdog lovebird",
        "thing": "bandage bottle chair tooth=teeth bed wheelchair | crutch thermometer pill stethoscope | syringe "
        "stretcher vitamin",
        "food": "melon yogurt | grapefruit mango | smoothie nectarine",
        "place": "hospital clinic ambulance elevator | ward pharmacy lobby nursery | infirmary hospice morgue",
    },
    "space": {
        "neutral": "| astronaut robot alien scientist pilot engineer | cosmonaut android astronomer",
        "animal": "| chimpanzee monster salamander chameleon yeti firefly | mantis scorpion wombat",
        "thing": "| telescope battery spacesuit antenna engine lever | satellite gyroscope beacon",
        "food": "| ration snack fritter noodle | gumdrop wafer",
        "place": "| planet star rocket moon comet galaxy | spaceport orbiter asteroid",
    },
    "market": {
        "neutral": "| merchant tailor butcher florist peddler cobbler | jeweler blacksmith potter",
        "animal": "| turkey ostrich duckling parakeet mink stork | quail ram emu",
        "thing": "| vase necklace carpet statue shirt bracelet | figurine brooch shawl",
        "food": "| cucumber pepper eggplant artichoke avocado papaya | leek olive zucchini",
        "place": "| market stall warehouse bank church square | bazaar cathedral inn",
    },
    "party": {
        "neutral": "| magician hostess partygoer bartender roommate classmate | comedian entertainer bridesmaid",
        "animal": "| bunny dalmatian foal chick cub fawn | corgi ewe colt",
        "thing": "| gift card doll toy photo hat | garland trophy bouquet",
        "food": "| brownie tart truffle marshmallow sundae milkshake | eclair macaroon praline",
        "place": "| patio pool swing sofa fireplace lawn | veranda gazebo hammock",
    },
    "jungle": {
        "neutral": "| | botanist tribesman=tribesmen chieftain poacher herbalist archeologist",
        "animal": "| | crocodile toucan tapir python jaguar sloth anteater macaw",
        "thing": "| | canoe spear machete vine totem flute amulet bangle",
        "food": "| | guava pineapple lychee kiwi cashew date",
        "place": "| | temple ruin riverbank treehouse village camp volcano waterhole",
    },
    "theater": {
        "neutral": "| | actor director dramatist usher critic pianist",
        "animal": "| | nightingale lark whippet mynah dragonfly lemur tarantula termite",
        "thing": "| | violin curtain cello script fan tuxedo spotlight poster",
        "food": "| | cocktail chocolate sorbet pudding meringue trifle",
        "place": "| | foyer gallery wardrobe studio basement rooftop aisle lounge",
    },
}
