"""One more cell for many tests at once: what a look costs when everything up to the cell before is known.

`Standing` is all that a test has to remember, as arrays with one row per test; `advance` gives the next standing and what
`track` would give for that cell. Tests are padded to the same numbers of segments and hosts with hosts that have no events.
Rare cases are not followed here but named: where `closer` is set (a breach that a host may explain, a baseline host that may
be sick) the caller goes through the cells with `track`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rolloutctl.judge.rates.counts import Flags, Floats, Whole
from rolloutctl.judge.rates.dispersion import EXPONENT, block_lengths
from rolloutctl.judge.rates.estimate import HALF, HIGHEST, LOWEST
from rolloutctl.judge.rates.process import beyond_grid, grid_place
from rolloutctl.judge.rates.settings import (
    EARLY_FACTOR,
    EARLY_LOOKS,
    EARLY_S,
    FIRST_MOST_PER_S,
    HARM,
    HARMLESS,
    LATE_MOST_PER_S,
    PHI_GRID,
    QUIET,
    SAFE,
    Z_SPREAD,
    RateSettings,
)
from rolloutctl.judge.rates.spread import FEWEST_HOSTS, FEWEST_PER_HOST, MOST, SICK_TIMES, SICK_Z


@dataclass(frozen=True, slots=True)
class Asked:
    """The settings of many tests, one row each."""

    cell_s: Floats
    horizon: Floats
    alpha: Floats
    beta: Floats
    tolerate: Floats
    reject: Floats
    slack: Floats
    onset: Floats
    prior_phi: Floats
    prior_weight: Floats
    past_all: Floats
    """(tests, baseline hosts)."""
    past_bad: Floats
    lengths: Whole
    """(tests, block lengths) in cells; a test with fewer lengths repeats its longest, which changes nothing."""
    canary_hosts: Whole
    baseline_hosts: Whole


def asked(tests: Sequence[RateSettings], canary_hosts: Sequence[int], baseline_hosts: Sequence[int]) -> Asked:
    width = max(baseline_hosts)
    lengths = [block_lengths(one.cell_s) for one in tests]
    longest = max(map(len, lengths))
    past = np.zeros((2, len(tests), width))
    for row, one in enumerate(tests):
        if len(one.prior.hosts_all) == baseline_hosts[row]:
            past[0, row, : baseline_hosts[row]] = one.prior.hosts_all
            past[1, row, : baseline_hosts[row]] = one.prior.hosts_bad

    def column(name: str) -> Floats:
        return np.array([float(getattr(one, name)) for one in tests])

    return Asked(
        cell_s=column("cell_s"),
        horizon=column("horizon"),
        alpha=column("alpha"),
        beta=column("beta"),
        tolerate=column("tolerate"),
        reject=column("reject"),
        slack=column("slack"),
        onset=column("onset"),
        prior_phi=np.array([one.prior.phi for one in tests]),
        prior_weight=np.array([one.prior.weight for one in tests]),
        past_all=past[0],
        past_bad=past[1],
        lengths=np.array([[*each, *[each[-1]] * (longest - len(each))] for each in lengths]),
        canary_hosts=np.array(canary_hosts),
        baseline_hosts=np.array(baseline_hosts),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """After a cell. The first axis is the test; hosts and segments as in `Cell`."""

    cells: Whole
    canary: Floats
    """(tests, segments, hosts, 2): all and bad events so far."""
    baseline: Floats
    among_last: tuple[Floats, Floats, Floats, Floats]
    """Surplus and variance of each host in the last cell, of the canary and of the baseline."""
    among: Floats
    """(tests, 3): squares, variances, pairs among hosts."""
    partial: Floats
    """(tests, block lengths, 4, segments) of the block that is not complete."""
    last: Floats
    """(tests, block lengths, 3): surplus and variance of the last complete block, and whether there is one."""
    sums: Floats
    """(tests, block lengths, 3): squares, variances, pairs."""
    tau: Floats
    first: Floats
    """(tests, phis, alternatives)."""
    level: Floats
    onsets: Floats
    harmless: Floats
    """(tests, alternatives) of the pass."""
    safe: Floats


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell's increments: (tests, segments, hosts)."""

    canary_all: Floats
    canary_bad: Floats
    baseline_all: Floats
    baseline_bad: Floats


@dataclass(frozen=True, slots=True)
class Look:
    """As `RateTrack`, of one cell."""

    log_e: Floats
    log_p: Floats
    phi: Floats
    ratio: Floats
    tolerated: Floats
    spread: Floats
    by_ratio: Flags
    passed: Flags
    excess: Floats
    """Log evidence over what a breach needs, if the test stands for itself; of several, the sum of these decides."""
    sick: Flags
    """A baseline host may have to be left out."""

    @property
    def closer(self) -> Flags:
        """Has to be gone through with `track`."""
        found: Flags = (self.excess >= 0) | self.sick
        return found


def fresh(of: Asked, segments: int, hosts: tuple[int, int]) -> Standing:
    tests, lengths = of.lengths.shape
    ours, theirs = hosts
    shape = (tests, len(PHI_GRID), len(HARM))
    start = Standing(
        cells=np.zeros(tests, dtype=np.int64),
        canary=np.zeros((tests, segments, ours, 2)),
        baseline=np.zeros((tests, segments, theirs, 2)),
        among_last=(np.zeros((tests, ours)), np.zeros((tests, ours)), np.zeros((tests, theirs)), np.zeros((tests, theirs))),
        among=np.zeros((tests, 3)),
        partial=np.zeros((tests, lengths, 4, segments)),
        last=np.zeros((tests, lengths, 3)),
        sums=np.zeros((tests, lengths, 3)),
        tau=np.zeros(tests),
        first=np.zeros(shape),
        level=np.zeros(shape),
        onsets=np.full(shape, -np.inf),
        harmless=np.zeros((tests, len(HARMLESS))),
        safe=np.zeros((tests, len(SAFE))),
    )
    return replace(start, tau=_tau(of, start.baseline, of.prior_phi))


def advance(of: Asked, before: Standing, cell: Cell) -> tuple[Standing, Look]:
    canary = before.canary + np.stack([cell.canary_all, cell.canary_bad], axis=3)
    baseline = before.baseline + np.stack([cell.baseline_all, cell.baseline_bad], axis=3)
    n, x, m, y = (part.sum(axis=2) for part in (cell.canary_all, cell.canary_bad, cell.baseline_all, cell.baseline_bad))
    ratio = _ratio(canary.sum(axis=2), baseline.sum(axis=2))
    among, among_last = _among(before, cell)
    phi, partial, last, sums = _blocks(of, before, np.stack([n, x, m, y], axis=1), ratio, _raised(of, among))
    spread = before.tau * np.sqrt(_squared_shares(canary) + _squared_shares(baseline))
    tolerated = np.maximum(of.tolerate, np.exp(Z_SPREAD * spread))
    strata = (n, x, m, y)
    harm = _compared(strata, tolerated, tolerated[:, None] * np.array(HARM))
    first, level, onsets, log_e = _breach(of, before, harm, phi)
    rejected = np.maximum(of.reject * np.exp(-spread), 1.0 + 1e-6)
    ratios = np.broadcast_to(np.array(HARMLESS), (len(phi), len(HARMLESS)))
    gained = np.where(ratios < rejected[:, None], _compared(strata, rejected, ratios), 0.0)
    harmless = before.harmless + gained
    shares = np.array(SAFE)
    safe = before.safe + x.sum(axis=1)[:, None] * np.log(shares) + (n.sum(axis=1) * of.slack)[:, None] * (1.0 - shares)
    log_p = _mean(harmless, phi)
    by_ratio: Flags = log_p >= -np.log(of.beta)
    log_p = np.where(of.slack > 0, np.maximum(log_p, _mean(safe, phi)), log_p)
    after_s = np.maximum(0.0, (before.cells + 1 - EARLY_LOOKS) * of.cell_s)
    caution = np.log(EARLY_FACTOR) * np.maximum(0.0, 1.0 - after_s / EARLY_S)
    passed: Flags = (log_p >= -np.log(of.beta)) & (log_e < QUIET)
    standing = Standing(
        cells=before.cells + 1,
        canary=canary,
        baseline=baseline,
        among_last=among_last,
        among=among,
        partial=partial,
        last=last,
        sums=sums,
        tau=_tau(of, baseline, phi),
        first=first,
        level=level,
        onsets=onsets,
        harmless=harmless,
        safe=safe,
    )
    return standing, Look(
        log_e=log_e,
        log_p=log_p,
        phi=phi,
        ratio=ratio,
        tolerated=tolerated,
        spread=spread,
        by_ratio=by_ratio,
        passed=passed,
        excess=log_e + np.log(of.alpha) - caution,
        sick=_sick(of, baseline, phi),
    )


def _divided(above: Floats, below: Floats, otherwise: float = 0.0) -> Floats:
    shape = np.broadcast_shapes(above.shape, below.shape)
    found: Floats = np.divide(above, below, out=np.full(shape, otherwise), where=below > 0)
    return found


def _ratio(canary: Floats, baseline: Floats) -> Floats:
    """From (tests, segments, 2) of each arm. Segments that a test does not have are those without any event."""
    n, x, m, y = canary[..., 0], canary[..., 1], baseline[..., 0], baseline[..., 1]
    both = n + m
    half = HALF / n.shape[1]
    ours = _divided((x + half) * m, both).sum(axis=1)
    theirs = _divided((y + half * m / np.maximum(n, 1.0)) * n, both).sum(axis=1)
    inside: Floats = np.clip(_divided(ours, theirs, 1.0), LOWEST, HIGHEST)
    return inside


def _surplus_among(everything: Floats, bad: Floats) -> tuple[Floats, Floats]:
    rows, events = everything.sum(axis=2, keepdims=True), bad.sum(axis=2, keepdims=True)
    share = _divided(everything, np.broadcast_to(rows, everything.shape))
    return (bad - events * share).sum(axis=1), (events * share * (1.0 - share)).sum(axis=1)


def _among(before: Standing, cell: Cell) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats]]:
    ours = _surplus_among(cell.canary_all, cell.canary_bad)
    theirs = _surplus_among(cell.baseline_all, cell.baseline_bad)
    then = (*ours, *theirs)
    again = before.cells > 0
    squares = sum(((then[i] - before.among_last[i]) ** 2).sum(axis=1) for i in (0, 2))
    variances = np.where(again, sum((then[i] + before.among_last[i]).sum(axis=1) for i in (1, 3)), 0.0)
    step = np.stack([np.where(again, squares, 0.0), variances, (variances > 0).astype(np.float64)], axis=1)
    return before.among + step, then


def _shrunk(sums: Floats, towards: Floats, weight: Floats) -> Floats:
    squares, variances, pairs = sums[..., 0], sums[..., 1], sums[..., 2]
    typical = variances / np.maximum(pairs, 1.0)
    total = variances + weight * typical
    found: Floats = np.divide(squares + weight * towards * typical, total, out=towards.copy(), where=(pairs > 0) & (total > 0))
    return found


def _raised(of: Asked, among: Floats) -> Floats:
    return np.maximum(of.prior_phi, _shrunk(among, of.prior_phi, of.prior_weight))


def _blocks(of: Asked, before: Standing, strata: Floats, ratio: Floats, prior: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """`strata` is (tests, 4, segments)."""
    partial = before.partial + strata[:, None]
    complete = (before.cells[:, None] + 1) % of.lengths == 0
    n, x, m, y = (partial[:, :, part] for part in range(4))
    both = (n > 0) & (m > 0)
    weighted = ratio[:, None, None] * n
    share = np.divide(weighted, weighted + m, out=np.zeros_like(n), where=both)
    events = np.where(both, x + y, 0.0)
    surplus = np.where(both, x - events * share, 0.0).sum(axis=2)
    variance = (events * share * (1.0 - share)).sum(axis=2)
    pair = variance + before.last[..., 1]
    counts = complete & (before.last[..., 2] > 0) & (pair > 0)
    step = np.stack([(surplus - before.last[..., 0]) ** 2, pair, np.ones_like(pair)], axis=2)
    sums = before.sums + np.where(counts[..., None], step, 0.0)
    last = np.where(complete[..., None], np.stack([surplus, variance, np.ones_like(pair)], axis=2), before.last)
    partial = np.where(complete[:, :, None, None], 0.0, partial)
    best, towards = np.ones(len(ratio)), prior
    for place in range(of.lengths.shape[1]):
        if place and (of.lengths[:, place] == of.lengths[:, place - 1]).all():
            continue
        found = _shrunk(sums[:, place], towards, of.prior_weight)
        best, towards = np.maximum(best, found), np.maximum(found, 1.0)
    return best**EXPONENT, partial, last, sums


def _squared_shares(arm: Floats) -> Floats:
    per_host = arm[..., 0].sum(axis=1)
    total = per_host.sum(axis=1)
    return np.where(total > 0, (_divided(per_host, total[:, None]) ** 2).sum(axis=1), 1.0)


def _compared(strata: tuple[Floats, Floats, Floats, Floats], against: Floats, alternatives: Floats) -> Floats:
    """(tests, alternatives)."""
    both = (strata[0] > 0) & (strata[2] > 0)
    n, m = np.where(both, strata[0], 1.0), np.where(both, strata[2], 1.0)
    x, events = np.where(both, strata[1], 0.0), np.where(both, strata[1] + strata[3], 0.0)
    below = against[:, None] * n + m
    growth = np.log((alternatives[:, :, None] * n[:, None] + m[:, None]) / below[:, None])
    found: Floats = x.sum(axis=1)[:, None] * np.log(alternatives / against[:, None]) - np.einsum("ts,tks->tk", events, growth)
    return found


def _breach(of: Asked, before: Standing, evidence: Floats, phi: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    late = of.onset / np.maximum(1.0, of.horizon - 1)
    weight = np.where((before.cells > 0) & (before.cells < of.horizon), late, 0.0)
    with np.errstate(divide="ignore"):
        onsets = np.logaddexp(before.onsets, np.log(weight)[:, None, None] - before.level)
    added = evidence[:, None, :] / PHI_GRID[None, :, None]
    first = before.first + np.minimum(added, (FIRST_MOST_PER_S * of.cell_s)[:, None, None])
    level = before.level + np.minimum(added, (LATE_MOST_PER_S * of.cell_s)[:, None, None])
    spent = 1.0 - of.onset + late * (np.minimum(before.cells + 1, of.horizon) - 1)
    left = 1.0 - spent
    with np.errstate(divide="ignore"):
        cash = np.log(np.where(left > 1e-12, left, 0.0))
        log_first = np.log(1.0 - of.onset)[:, None]
    low, share = grid_place(phi)
    rows = np.arange(len(phi))

    def at(place: Whole) -> Floats:
        each = np.logaddexp(level[rows, place] + onsets[rows, place], first[rows, place] + log_first)
        mixed = np.logaddexp.reduce(each, axis=1) - np.log(evidence.shape[1])
        found: Floats = np.logaddexp(mixed, cash)
        return found

    return first, level, onsets, (at(low) * (1.0 - share) + at(low + 1) * share) * beyond_grid(phi)


def _mean(sums: Floats, phi: Floats) -> Floats:
    found: Floats = np.logaddexp.reduce(sums / phi[:, None], axis=1) - np.log(sums.shape[1])
    return found


def _tau(of: Asked, baseline: Floats, phi: Floats) -> Floats:
    everything, bad = baseline[..., 0], baseline[..., 1]
    rates = _divided(bad.sum(axis=2), everything.sum(axis=2))
    expected, seen = np.einsum("tsh,ts->th", everything, rates), bad.sum(axis=1)
    fit = _divided(seen.sum(axis=1), expected.sum(axis=1))
    past = _divided(of.past_bad.sum(axis=1), of.past_all.sum(axis=1))
    wanted = expected * fit[:, None] + of.past_all * past[:, None]
    got = seen + of.past_bad
    q = _divided((got - wanted) ** 2, wanted).sum(axis=1) / phi
    total = wanted.sum(axis=1)
    c = (total - _divided((wanted**2).sum(axis=1), total)) / phi
    freedom = (wanted > 0).sum(axis=1) - 1.0
    surplus = np.maximum(0.0, q - freedom - np.sqrt(2.0 * np.maximum(freedom, 0.0)))
    enough = (c > 0) & (freedom > 0) & (got.sum(axis=1) > FEWEST_PER_HOST * of.baseline_hosts)
    enough &= of.baseline_hosts >= FEWEST_HOSTS
    squared = np.divide(surplus, c, out=np.zeros(len(phi)), where=enough)
    found: Floats = np.minimum(MOST, np.sqrt(squared))
    return found


def _sick(of: Asked, baseline: Floats, phi: Floats) -> Flags:
    m, y = baseline[..., 0].sum(axis=1), baseline[..., 1].sum(axis=1)
    others_all, others_bad = m.sum(axis=1, keepdims=True) - m, y.sum(axis=1, keepdims=True) - y
    weight = _divided(m, others_all)
    expected = weight * others_bad
    z = (y - expected) / np.sqrt(np.maximum(phi[:, None] * expected * (1.0 + weight), 1.0))
    sick = (y > SICK_TIMES * expected) & (z > SICK_Z) & (others_all > 0)
    found: Flags = sick.any(axis=1) & (of.baseline_hosts >= FEWEST_HOSTS)
    return found
