"""tau: how much error ratios differ between hosts of the same version; and a baseline host that is sick.

A canary of few hosts may draw worse ones by luck. More time cannot average that away, only more hosts can, so the tolerated
ratio grows with it (DerSimonian and Laird's estimate over the baseline's hosts, history included).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.rates.counts import NOBODY, Floats
from rolloutctl.judge.rates.settings import Prior

FEWEST_HOSTS = 3
FEWEST_PER_HOST = 2.0
MOST = 1.0
SICK_Z = 5.0
SICK_TIMES = 2.0


@dataclass(frozen=True, slots=True)
class ArmHosts:
    """Running sums of one arm per cell, segment and host."""

    all: Floats
    bad: Floats

    def expected(self) -> tuple[Floats, Floats]:
        """Per cell and host: bad events at the arm's own ratios, and those that were."""
        rows, bad = self.all.sum(axis=2), self.bad.sum(axis=2)
        ratio = np.divide(bad, rows, out=np.zeros_like(bad), where=rows > 0)
        return np.einsum("csh,cs->ch", self.all, ratio), self.bad.sum(axis=1)


def spread(baseline: ArmHosts, phi: Floats, prior: Prior, left_out: int) -> Floats:
    """Tau per cell, as log ratio."""
    hosts = baseline.all.shape[2]
    cells = len(phi)
    kept = [host for host in range(hosts) if host != left_out]
    if hosts < FEWEST_HOSTS or not kept:
        return np.zeros(cells)
    expected, seen = baseline.expected()
    expected, seen = expected[:, kept], seen[:, kept]
    before_all, before_bad = _history(prior, kept, hosts)
    total = expected.sum(axis=1)
    fit = np.divide(seen.sum(axis=1), total, out=np.zeros(cells), where=total > 0)
    history = before_all * (before_bad.sum() / before_all.sum()) if before_all.sum() > 0 else np.zeros(len(kept))
    wanted = expected * fit[:, None] + history
    got = seen + before_bad
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.where(wanted > 0, (got - wanted) ** 2 / wanted, 0.0).sum(axis=1) / phi
        everything = wanted.sum(axis=1)
        c = np.where(everything > 0, (everything - (wanted**2).sum(axis=1) / everything) / phi, 0.0)
    freedom = (wanted > 0).sum(axis=1) - 1.0
    surplus = np.maximum(0.0, q - freedom - np.sqrt(2.0 * np.maximum(freedom, 0.0)))
    enough = (c > 0) & (freedom > 0) & (got.sum(axis=1) > FEWEST_PER_HOST * hosts)
    squared = np.divide(surplus, c, out=np.zeros(cells), where=enough)
    found: Floats = np.minimum(MOST, np.sqrt(squared))
    return found


def _history(prior: Prior, kept: list[int], hosts: int) -> tuple[Floats, Floats]:
    if len(prior.hosts_all) != hosts:
        return np.zeros(len(kept)), np.zeros(len(kept))
    return prior.hosts_all[kept], prior.hosts_bad[kept]


def share_of_spread(hosts_all: Floats) -> Floats:
    """Sum of squared shares of traffic, per cell: one over the number of hosts where they are equal."""
    per_host = hosts_all.sum(axis=1)
    total = per_host.sum(axis=1, keepdims=True)
    shares = np.divide(per_host, total, out=np.zeros_like(per_host), where=total > 0)
    found: Floats = (shares**2).sum(axis=1)
    return np.where(total[:, 0] > 0, found, 1.0)


def sick_host(baseline: ArmHosts, phi: Floats) -> tuple[int, int]:
    """The first baseline host far worse than its peers, and the cell from which that is known; (NOBODY, cells) if none."""
    cells, _, hosts = baseline.all.shape
    if hosts < FEWEST_HOSTS:
        return NOBODY, cells
    m, y = baseline.all.sum(axis=1), baseline.bad.sum(axis=1)
    others_all, others_bad = m.sum(axis=1, keepdims=True) - m, y.sum(axis=1, keepdims=True) - y
    weight = np.divide(m, others_all, out=np.zeros_like(m), where=others_all > 0)
    expected = weight * others_bad
    z = (y - expected) / np.sqrt(np.maximum(phi[:, None] * expected * (1.0 + weight), 1.0))
    sick = (y > SICK_TIMES * expected) & (z > SICK_Z) & (others_all > 0)
    when = sick.any(axis=1)
    if not when.any():
        return NOBODY, cells
    cell = int(np.argmax(when))
    return int(np.argmax(np.where(sick[cell], z[cell], -np.inf))), cell
