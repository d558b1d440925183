"""The metrics of one host: a fixed set of series whose values move, shown in Prometheus' text format or as samples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rolloutctl.model.samples import Labels


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family: the series names of a histogram end in _bucket, _sum and _count."""

    name: str
    kind: Kind
    help: str


class Page:
    """Series are declared once, family by family; `values` is parallel to them. Values are not guarded here."""

    def __init__(self, target_labels: Mapping[str, str]) -> None:
        self._target_labels = dict(target_labels)
        self._lines: list[str] = []
        self._labels: list[Labels] = []
        self.values: list[float] = []

    def declare(self, family: Family, series: Sequence[tuple[str, Mapping[str, str]]]) -> list[int]:
        """Add series (suffix, labels) of a family, all at 0; return their places in `values`."""
        header = f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
        places: list[int] = []
        for suffix, labels in series:
            name = family.name + suffix
            inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
            self._lines.append(f"{header}{name}{{{inside}}} " if inside else f"{header}{name} ")
            header = ""
            pairs = {"__name__": name, **self._target_labels, **labels}
            self._labels.append(tuple(sorted(pairs.items())))
            places.append(len(self.values))
            self.values.append(0.0)
        return places

    def text(self) -> str:
        """Show the page in the text exposition format, without target labels: the scraper adds those."""
        return "".join(f"{line}{value!r}\n" for line, value in zip(self._lines, self.values, strict=True))

    def samples(self) -> Iterator[tuple[Labels, float]]:
        return zip(self._labels, self.values, strict=True)
