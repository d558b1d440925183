"""Stretches of an answer: what lies between two times, several stretches as one, and a digest of all up to a time. Pure.

Invariant: cutting an answer into stretches that follow each other and joining them again gives the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np

from rolloutctl.engine.evidence.columns import Floats
from rolloutctl.model.histogram import Histogram
from rolloutctl.model.samples import Labels, Query, QueryKind, Samples, Series

_TICK_S = 0.0005
"""Grid times come back rounded to milliseconds."""
_ALWAYS = -math.inf


def slack_s(query: Query) -> float:
    """How far a sample's time may be off the time that was asked for: a grid time may be rounded, a scrape's is what it is."""
    return 0.0 if query.kind is QueryKind.RAW else _TICK_S


def between(samples: Samples, after: float, until: float) -> Samples:
    """Samples later than `after`, up to and with `until`; series that have none there are left out."""
    found = []
    for one in samples.series:
        times, values = one.arrays()
        first, last = np.searchsorted(times, (after, until), side="right").tolist()
        histograms = tuple(h for h in one.histograms if after < h.time <= until) if one.histograms else ()
        if first == 0 and last == len(times) and len(histograms) == len(one.histograms):
            found.append(one)
        elif last > first or histograms:
            found.append(Series.of_arrays(one.labels, times[first:last], values[first:last], histograms))
    return replace(samples, series=tuple(found))


def joined(stretches: Sequence[Samples]) -> Samples:
    """`stretches` follow each other in time; a series stands where it was first seen."""
    if len(stretches) == 1:
        return stretches[0]
    by_labels: dict[Labels, list[Series]] = {}
    for stretch in stretches:
        for one in stretch.series:
            by_labels.setdefault(one.labels, []).append(one)
    return Samples(
        tuple(_joined(labels, pieces) for labels, pieces in by_labels.items()),
        tuple(dict.fromkeys(warning for stretch in stretches for warning in stretch.warnings)),
        any(stretch.approximate for stretch in stretches),
    )


def _joined(labels: Labels, pieces: Sequence[Series]) -> Series:
    if len(pieces) == 1:
        return pieces[0]
    times, values = (np.concatenate([piece.arrays()[which] for piece in pieces]) for which in (0, 1))
    histograms: tuple[Histogram, ...] = tuple(h for piece in pieces for h in piece.histograms)
    return Series.of_arrays(labels, times, values, histograms)


def beginnings(samples: Samples) -> dict[Labels, float]:
    """Time of the first sample of each series."""
    found: dict[Labels, float] = {}
    for one in samples.series:
        times = one.arrays()[0]
        first = min([*times[:1].tolist(), *(h.time for h in one.histograms[:1])], default=math.inf)
        found[one.labels] = min(first, found.get(one.labels, math.inf))
    return found


def digest_until(samples: Samples, until: float) -> str:
    """SHA-256 of every sample up to and with `until`, whatever the order of the series."""
    digest = sha256(b"approximate" if samples.approximate else b"")
    for one in sorted(between(samples, _ALWAYS, until).series, key=lambda each: each.labels):
        times, values = one.arrays()
        for part in (repr(one.labels).encode(), _bytes(times), _bytes(values), repr(one.histograms).encode()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def _bytes(values: Floats) -> bytes:
    # A NaN has many spellings, of which one is stored.
    found: bytes = np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()
    return found


def size(samples: Iterable[Samples]) -> int:
    """Samples in all; a native histogram counts with its buckets."""
    return sum(len(one) + sum(2 + len(h.buckets) for h in one.histograms) for each in samples for one in each.series)
