"""Captions of ordinary pictures, drawn from a small grammar.

They give the vocabulary of t5-tiny its general words, so that a caption of a photograph is a few
tokens too.
"""

import random
from collections.abc import Iterator

from minimagen.seeds import hash_key


def _words(text: str) -> list[str]:
    return text.split()


_MEDIA = _words(
    """
    photo photograph picture image drawing painting sketch illustration portrait close-up view
    snapshot poster cartoon watercolor rendering icon logo map
    """
)
_ADJECTIVES = _words(
    """
    big small large little tiny huge old new young tall short long wide round square flat thin
    dark light bright colorful beautiful pretty cute happy sad wild wet dry empty full open
    closed clean dirty broken modern ancient traditional chinese japanese indian african
    american european wooden metal plastic glass stone brick golden silver white black gray
    grey brown pink red green blue yellow purple orange striped spotted fluffy furry hairy
    shiny smooth rough soft hard hot cold fresh ripe sweet blurry cloudy sunny snowy rainy
    foggy busy quiet crowded lonely sleeping blooming floating flying colored handwritten
    printed bare curved pointed tiled roofed painted abstract beige turquoise cyan magenta
    violet navy maroon
    """
)
_THINGS = _words(
    """
    dog cat horse cow sheep goat pig elephant giraffe zebra lion tiger bear monkey rabbit mouse
    bird duck chicken eagle owl parrot penguin swan fish shark whale dolphin turtle frog snake
    lizard bee butterfly spider insect dragon dinosaur puppy kitten animal man woman boy girl
    child baby person player worker farmer doctor teacher king queen dancer soldier face hand
    eye flower rose tulip lily sunflower daisy orchid dahlia petal leaf stem blossom tree
    forest bush grass plant garden cactus mushroom fruit apple banana pear lemon cherry
    strawberry grape tomato potato carrot pumpkin vegetable bread cake pizza sandwich cheese
    egg soup salad rice noodle cookie chocolate coffee tea glass cup bottle plate bowl knife
    fork spoon table chair sofa bed lamp desk shelf door window mirror clock book phone
    computer laptop keyboard screen camera television radio bag box basket umbrella hat shirt
    dress shoe jacket coat ring watch toy ball doll balloon kite guitar piano drum violin
    bicycle bike motorcycle car bus truck train tram boat ship airplane plane helicopter rocket
    robot wheel engine bridge road street corner sign traffic light bench fountain statue
    temple palace castle church tower pagoda house home building roof wall fence gate hut barn
    farm shop market restaurant kitchen bathroom bedroom room office school library museum
    station airport stadium city town village park beach sea ocean lake river waterfall island
    mountain hill valley desert cave rock stone sand snow ice fire smoke cloud sky sun moon
    star rainbow storm rain sunset sunrise night day morning evening winter summer spring
    autumn field meadow path stairs column pillar courtyard lantern candle flag circle square
    triangle cross rectangle oval diamond heart arrow line dot shape pattern texture edge top
    bottom middle center left right side front back foreground upper lower half part end row
    group pair couple crowd family friend team game sport soccer football tennis baseball
    skateboard surfboard ski wave pool yard playground track runner bride wedding party dinner
    lunch breakfast meal food drink juice milk wine beer water ice-cream dessert donut hot-dog
    burger fries meat steak salmon shrimp butter couch pillow blanket curtain carpet rug towel
    sink toilet bathtub oven stove refrigerator microwave jar pot pan kettle suitcase backpack
    crane tractor van taxi scooter skyline skyscraper apartment cottage cabin tent monument
    sculpture mosque shrine tile eave lotus pond bamboo pine oak maple palm willow vine ivy
    moss fern seed nut berry orange lime peach plum mango pineapple watermelon onion garlic
    pepper corn bean wheat hay fur feather wing tail paw nose ear mouth leg arm hair beard
    finger head neck glasses scarf glove boot sock skirt suit tie uniform helmet mask crown
    sword shield digit number letter word text stripe background cube sphere cone pyramid block
    pixel
    """
)
_NUMBERS = _words(
    """
    one two three four five six seven eight nine ten several many some zero
    """
)
_DOING = _words(
    """
    sitting standing walking running jumping sleeping eating drinking playing looking flying
    swimming riding driving holding wearing smiling waiting working reading reflecting growing
    hanging lying surrounded covered filled made painted decorated parked lit
    """
)
_PLACES = _words(
    """
    in on at near under over behind beside above below against inside outside between across
    along by with of from into next-to left-of right-of front-of top-of out-of among around
    through without
    """
)
_SENTENCES = (
    "a {medium} of a {adjective} {thing}",
    "a {adjective} {medium} of the {thing} {place} the {other}",
    "a {adjective} {thing}",
    "the {thing} is {adjective}",
    "a {adjective} {thing} {place} a {thing_adjective} {other}",
    "a {adjective} and {thing_adjective} {thing}",
    "{number} {adjective} {thing}s {place} the {other}",
    "a {thing} {doing} {place} a {adjective} {other}",
    "an {adjective} {thing} {doing} {place} the {other}",
    "{adjective} {thing}, {thing_adjective} {other}, {medium}",
    "there is a {thing} and a {other} {place} this {medium}",
    "a handwritten {number}",
    "{medium} of {number} {thing}s",
)


def everyday_captions(seed: int) -> Iterator[str]:
    """Yield captions without end; caption i follows from the seed and i."""
    number = 0
    while True:
        yield _caption(random.Random(hash_key("everyday caption", seed, number)))
        number += 1


def _caption(source: random.Random) -> str:
    return source.choice(_SENTENCES).format(
        medium=source.choice(_MEDIA),
        adjective=source.choice(_ADJECTIVES),
        thing_adjective=source.choice(_ADJECTIVES),
        thing=source.choice(_THINGS),
        other=source.choice(_THINGS),
        number=source.choice(_NUMBERS),
        doing=source.choice(_DOING),
        place=source.choice(_PLACES).replace("-", " "),
    )
