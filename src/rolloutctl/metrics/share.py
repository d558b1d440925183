"""One expression that answers several others at once, and whose series are whose; no planning and no times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rolloutctl.metrics.selector import Matcher, fits
from rolloutctl.model.samples import Labels, Series

_MAX_ROUTES = 100_000


@dataclass(frozen=True, slots=True)
class Taker:
    """A query text's claim on the series of its place; all of them where there is nothing further to look at."""

    text: str
    further: frozenset[Matcher] = frozenset()


@dataclass(frozen=True, slots=True)
class _Route:
    texts: tuple[str, ...]
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """Invariant: a series whose `apart` labels have the values of a place belongs to that place's takers, and to no others."""

    text: str
    apart: tuple[str, ...]
    """Labels by whose values the answer is handed out."""
    places: Mapping[tuple[str, ...], tuple[Taker, ...]]
    strip: bool
    """Whether `apart` labels are there for us only."""
    family: str
    """What shares that were merged in the same way have in common."""
    _routes: dict[Labels, _Route] = field(default_factory=dict)
    """Where series went that were seen before: whose they are follows from their labels alone."""

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(taker.text for takers in self.places.values() for taker in takers)

    def handed_out(self, series: Iterable[Series]) -> tuple[dict[str, list[Series]], int]:
        """The series by query text, and how many nobody wanted. Raises CannotTell."""
        found: dict[str, list[Series]] = {}
        unwanted = 0
        for one in series:
            route = self._routes.get(one.labels) or self._route(one.labels)
            if not route.texts:
                unwanted += 1
                continue
            kept = one if route.labels is one.labels else one.relabelled(route.labels)
            for text in route.texts:
                found.setdefault(text, []).append(kept)
        return found, unwanted

    def _route(self, labels: Labels) -> _Route:
        values = dict(labels)
        takers = self.places.get(tuple([values.get(name, "") for name in self.apart]), ())
        texts = tuple(taker.text for taker in takers if not taker.further or fits(taker.further, values))
        kept = tuple(pair for pair in labels if pair[0] not in self.apart) if self.strip and self.apart else labels
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        self._routes[labels] = route = _Route(texts, kept)
        return route


def alone(text: str) -> Share:
    """A share of one expression, which gets whatever comes."""
    return Share(text, (), {(): (Taker(text),)}, strip=False, family=text)
