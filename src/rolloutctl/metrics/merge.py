"""Similar selectors as one; pure.

Two steps, neither of which fetches what nobody asked for as far as matchers can tell:

1. A selector that another one contains (all of whose matchers it has, and more) is answered from the other's series, if we
   can evaluate the further matchers ourselves.
2. Selectors of one metric that differ only in the values of equality matchers become one with alternations. Combinations of
   values that nobody asked for come along; whoever plans looks at how many do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import combinations

from rolloutctl.metrics.regex import alternation
from rolloutctl.metrics.selector import Matcher, Selector, selector_of
from rolloutctl.metrics.share import Share, Taker, alone

MAX_CHARS = 8_000
"""Of one merged selector."""
_MAX_MATCHERS = 8
"""More are not searched for containment: their subsets are too many."""

Most = Callable[[str], int]
"""How many selectors of a family may become one."""
Places = dict[tuple[str, ...], list[Taker]]


def merged_selectors(texts: Iterable[str], most: Most) -> list[Share]:
    """A text that is no plain selector is a share by itself."""
    wanted: dict[Selector, list[str]] = defaultdict(list)
    shares = []
    for text in texts:
        selector = selector_of(text)
        if selector is None:
            shares.append(alone(text))
        else:
            wanted[selector].append(text)
    families: dict[tuple[str, frozenset[str], frozenset[Matcher]], list[Selector]] = defaultdict(list)
    takers = _contained(wanted)
    for selector in takers:
        equal = frozenset(m.label for m in selector.matchers if m.operator == "=")
        if len(equal) < sum(m.operator == "=" for m in selector.matchers):
            equal = frozenset()  # Two values for one label: nothing can match, and nothing is gained.
        rest = frozenset(m for m in selector.matchers if m.operator != "=" or m.label not in equal)
        families[selector.name, equal, rest].append(selector)
    for (name, equal, rest), selectors in families.items():
        family = Selector(name, rest | {Matcher(label, "=", "") for label in equal}).text
        labels = tuple(sorted(equal))
        places = {tuple(_value(one, label) for label in labels): takers[one] for one in selectors}
        shares += [_share(name, rest, labels, chunk, family) for chunk in chunked(places, most(family), MAX_CHARS)]
    return shares


def _contained(wanted: Mapping[Selector, Sequence[str]]) -> dict[Selector, list[Taker]]:
    """Who is answered by whose series; the widest selector that is asked for takes all it contains."""
    takers: dict[Selector, list[Taker]] = defaultdict(list)
    for selector, texts in wanted.items():
        wider = _widest(selector, wanted)
        further = selector.matchers - wider.matchers
        takers[wider] += [Taker(text, further) for text in texts]
    return takers


def _widest(selector: Selector, wanted: Container[Selector]) -> Selector:
    if len(selector.matchers) > _MAX_MATCHERS:
        return selector
    ordered = sorted(selector.matchers)
    for count in range(len(ordered)):
        for kept in combinations(ordered, count):
            wider = Selector(selector.name, frozenset(kept))
            if wider in wanted and all(m.known for m in selector.matchers - wider.matchers):
                return wider
    return selector


def _value(selector: Selector, label: str) -> str:
    return next(m.value for m in selector.matchers if m.operator == "=" and m.label == label)


def chunked(places: Places, most: int, most_chars: int) -> Iterable[Places]:
    """In an order that depends on nothing but the values, so that the same queries become the same requests."""
    chunk: Places = {}
    chars = 0
    for values in sorted(places):
        length = sum(map(len, values))
        if chunk and (len(chunk) >= most or chars + length > most_chars):
            yield chunk
            chunk, chars = {}, 0
        chunk[values] = places[values]
        chars += length
    if chunk:
        yield chunk


def _share(name: str, rest: frozenset[Matcher], labels: tuple[str, ...], places: Places, family: str) -> Share:
    matchers, apart = lifted(labels, places)
    text = Selector(name, rest | matchers).text
    chosen = [labels.index(label) for label in apart]
    return Share(
        text,
        apart,
        {tuple(values[i] for i in chosen): tuple(takers) for values, takers in places.items()},
        strip=False,
        family=family,
    )


def lifted(labels: tuple[str, ...], places: Iterable[tuple[str, ...]]) -> tuple[frozenset[Matcher], tuple[str, ...]]:
    """Matchers for every combination of values among `places`, and the labels that have more than one."""
    matchers, apart = set(), []
    for label, values in zip(labels, zip(*places, strict=True), strict=True):
        distinct = sorted(set(values))
        if len(distinct) > 1:
            apart.append(label)
            matchers.add(Matcher(label, "=~", alternation(distinct)))
        else:
            matchers.add(Matcher(label, "=", distinct[0]))
    return frozenset(matchers), tuple(apart)
