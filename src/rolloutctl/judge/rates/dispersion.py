"""phi: how many bad events come per independent cause.

Real errors come in bursts (retries, a sick dependency), so counts vary more than independent ones. The canary's surplus
over its expected share is summed in blocks of 30 s, 2 min and 10 min; squared differences of neighbouring blocks, against
what independent events would give, tell how much more. Neighbours, because a level shift (the regression itself) moves only
one difference. Each block length is shrunk towards the shorter one, and the shortest towards history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rolloutctl.judge.rates.counts import NOBODY, Counts, Floats, Strata

BLOCKS_S = (30.0, 120.0, 600.0)
EXPONENT = 1.1
"""A safety margin that grows with what was found."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Running sums for one block length, as of the last cell seen."""

    length: int
    """In cells."""
    begun: int = 0
    """Cells of the block that is not complete."""
    partial: tuple[Floats, ...] = ()
    """n, x, m, y of that block, per segment."""
    last: tuple[float, float] | None = None
    """Surplus and its variance in the last complete block."""
    squares: float = 0.0
    variances: float = 0.0
    pairs: int = 0


def within_arms(counts: Counts, left_out: int, prior: float, weight: float) -> Floats:
    """Per cell, what the hosts of an arm tell among each other: the prior, or more.

    A burst on one host shows at once against the hosts beside it, long before blocks of the arms can be compared; so a calm
    history gives way within the first cells. Calm hosts lower nothing: what a whole arm shares they cannot show.
    """
    squares, variances = among_hosts(counts, left_out)
    seen, expected = np.cumsum(squares), np.cumsum(variances)
    pairs = np.cumsum(variances > 0)
    typical = expected / np.maximum(pairs, 1)
    total = expected + weight * typical
    found = np.divide(seen + weight * prior * typical, total, out=np.full(counts.cells, prior), where=total > 0)
    higher: Floats = np.maximum(prior, found)
    return higher


def among_hosts(counts: Counts, left_out: int) -> tuple[Floats, Floats]:
    """Per cell the squared differences to the cell before of what hosts have over their share, and their variances."""
    squares, variances = np.zeros(counts.cells), np.zeros(counts.cells)
    arms = ((counts.canary_all, counts.canary_bad, NOBODY), (counts.baseline_all, counts.baseline_bad, left_out))
    for everything, bad, without in arms:
        kept = [host for host in range(everything.shape[2]) if host != without]
        if len(kept) < 2:
            continue
        surplus, variance = over_share(everything[:, :, kept], bad[:, :, kept])
        squares[1:] += ((surplus[1:] - surplus[:-1]) ** 2).sum(axis=1)
        variances[1:] += (variance[1:] + variance[:-1]).sum(axis=1)
    return squares, variances


def over_share(everything: Floats, bad: Floats) -> tuple[Floats, Floats]:
    """(cells, hosts): surplus of a host over its share of the arm's bad events in a cell, and its variance."""
    rows, events = everything.sum(axis=2, keepdims=True), bad.sum(axis=2, keepdims=True)
    share = np.divide(everything, rows, out=np.zeros_like(everything), where=rows > 0)
    return (bad - events * share).sum(axis=1), (events * share * (1.0 - share)).sum(axis=1)


@dataclass(frozen=True, slots=True)
class _Course:
    """Per cell: sums of squared differences, of their variances, and the number of pairs, by that cell's end."""

    squares: Floats
    variances: Floats
    pairs: Floats


def block_lengths(cell_s: float, seconds: Sequence[float] = BLOCKS_S) -> tuple[int, ...]:
    return tuple(sorted({max(1, round(length / cell_s)) for length in seconds}))


def dispersion(
    strata: Strata, ratio: Floats, blocks: Sequence[Blocks], prior: Floats, weight: float
) -> tuple[Floats, tuple[Blocks, ...]]:
    """Phi per cell (at least 1), and where the blocks stand then. `ratio` is the estimate as of each cell."""
    found, after = raw_dispersion(strata, ratio, blocks, prior, weight)
    powered: Floats = found**EXPONENT
    return powered, after


def raw_dispersion(
    strata: Strata, ratio: Floats, blocks: Sequence[Blocks], prior: Floats, weight: float
) -> tuple[Floats, tuple[Blocks, ...]]:
    """Without the margin: what history is calibrated by."""
    best, towards = np.ones(strata.cells), prior
    after: list[Blocks] = []
    for one in blocks:
        course, then = _course(strata, ratio, one)
        after.append(then)
        typical = course.variances / np.maximum(course.pairs, 1.0)
        total = course.variances + weight * typical
        known = (course.pairs > 0) & (total > 0)
        found = np.divide(course.squares + weight * towards * typical, total, out=towards.copy(), where=known)
        best = np.maximum(best, found)
        towards = np.maximum(found, 1.0)
    return best, tuple(after)


def _course(strata: Strata, ratio: Floats, start: Blocks) -> tuple[_Course, Blocks]:
    cells = strata.cells
    first = start.length - start.begun
    ends = np.arange(first - 1, cells, start.length)
    parts = (strata.n, strata.x, strata.m, strata.y)
    sums, rest = _block_sums(parts, ends, start.partial)
    surplus, variance = _surplus(sums, ratio[ends])
    if start.last is not None:
        surplus, variance = np.append(start.last[0], surplus), np.append(start.last[1], variance)
    pair_variance = variance[1:] + variance[:-1]
    counts = pair_variance > 0
    squares = np.where(counts, np.diff(surplus) ** 2, 0.0)
    closing = ends if start.last is not None else ends[1:]
    course = _Course(
        _running(start.squares, squares, closing, cells),
        _running(start.variances, pair_variance, closing, cells),
        _running(float(start.pairs), counts.astype(np.float64), closing, cells),
    )
    begun = (start.begun + cells) % start.length
    last = (float(surplus[-1]), float(variance[-1])) if len(surplus) else None
    if not cells:
        return course, start
    then = replace(
        start,
        begun=begun,
        partial=rest,
        last=last,
        squares=float(course.squares[-1]),
        variances=float(course.variances[-1]),
        pairs=int(course.pairs[-1]),
    )
    return course, then


def _block_sums(
    parts: tuple[Floats, ...], ends: np.ndarray, partial: tuple[Floats, ...]
) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    """Sums per complete block, and of the cells behind the last one."""
    sums: list[Floats] = []
    rest: list[Floats] = []
    behind = int(ends[-1]) + 1 if len(ends) else 0
    for index, part in enumerate(parts):
        before = partial[index] if partial else np.zeros(part.shape[1])
        running = before + np.cumsum(part, axis=0)
        at_ends = running[ends]
        sums.append(np.diff(at_ends, axis=0, prepend=np.zeros((1, part.shape[1]))))
        rest.append(part[behind:].sum(axis=0) + (0.0 if len(ends) else before))
    return tuple(sums), tuple(rest)


def _surplus(sums: tuple[Floats, ...], ratio: Floats) -> tuple[Floats, Floats]:
    """Of the canary over its expected share of bad events, and the variance of that if events were independent."""
    n, x, m, y = sums
    both = (n > 0) & (m > 0)
    weighted = ratio[:, None] * n
    share = np.divide(weighted, weighted + m, out=np.zeros_like(n), where=both)
    events = np.where(both, x + y, 0.0)
    surplus: Floats = np.where(both, x - events * share, 0.0).sum(axis=1)
    variance: Floats = (events * share * (1.0 - share)).sum(axis=1)
    return surplus, variance


def _running(before: float, values: Floats, at: np.ndarray, cells: int) -> Floats:
    """Running sum, seen from every cell: `values[i]` counts from cell `at[i]` on."""
    sums = np.cumsum(np.append(before, values))
    reached = np.searchsorted(at, np.arange(cells), side="right")
    seen: Floats = sums[reached]
    return seen
