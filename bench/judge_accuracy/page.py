"""docs/judge-accuracy.md: what came out, and how it was made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.judge_accuracy.judging import ALPHA, Criterion
from bench.judge_accuracy.regressions import COHORT, KINDS, ONSETS, Key, Times
from bench.judge_accuracy.rollouts import CELLS, PHASES, Rollout
from bench.judge_accuracy.traffic import CELL_S
from bench.judge_simulation.figures import Share
from rolloutctl.judge.rates.settings import LATE_ONSET

_INTRO = """\
# Accuracy in simulation

Written by `make bench-accuracy`; not edited by hand. Our figures stand as they came out, good or bad.

A plan promises that a harmless rollout is called a breach in at most {alpha:g} % of cases, whatever its phases and criteria. That
rests on estimates of how noisy traffic is, so it is measured here: services drawn at random, judged as a plan with three
criteria is (a ratio of errors, a latency histogram, CPU time against the baseline), all with the margins a plan has by default,
at every cell of {cell:g} s. Makers of such traffic were looked at while the judge was made, with other seeds
([decision 16](decisions/0016-bounded-seconds.md)).

In brackets: 95 % intervals (Wilson). They cover the luck of this simulation, not whether your traffic is like it.
"""

_HARMLESS = """\
## Harmless rollouts

{phases} phases of {minutes:g} minutes each ({cohorts} of the requests); the canary differs from the baseline in nothing but
luck. "Ever a breach": of any criterion, in any phase, at any look. A rollout goes on here after a breach, so that all phases
count.
"""

_MADE_OF = {
    "services": "what they are",
    "mixed": (
        "5 to 500 requests a second, 0.05 to 3 % errors, in clusters of up to eight; 1 to 4 canary hosts and 3 to 8 of the"
        " baseline that differ by up to 10 %; half of them with bursts of up to eight times the errors, a quarter of those with a"
        " calm hour before the start; drifting load, error ratio and latency; some gauges with spikes"
    ),
    "queueing": (
        "latency, timeouts and CPU come out of one backlog per host: rushes in half of them, single hosts that lose half of their"
        " capacity for some seconds twice an hour in half of them, timeouts that are tried again"
    ),
    "sick hosts": (
        "as mixed, and each host has about two minutes of three times the errors and 1.7 times the latency every four hours. The"
        " release is not at fault, but while there is one canary host nothing can tell"
    ),
}

_REGRESSIONS = """\
## Regressions, and the weight of a late onset

One phase at {cohort:g} % of the requests, alpha as for one criterion of three in one of four phases. The evidence for a breach is
spread over a regression that began with the phase and one that begins later; the weight of the latter is {chosen:g}. Others are
shown beside it on the same traffic: share found and, of those, the median delay.
"""


@dataclass(frozen=True, slots=True)
class Results:
    rollouts: Mapping[str, Sequence[Rollout]]
    regressions: Mapping[str, Mapping[Key, Times]]


def page(results: Results, made: str) -> str:
    cohorts = ", ".join(f"{cohort * 100:g}" for cohort in PHASES) + " %"
    parts = [
        _INTRO.format(alpha=ALPHA * 100, cell=CELL_S),
        _HARMLESS.format(phases=len(PHASES), minutes=CELLS * CELL_S / 60, cohorts=cohorts),
        _harmless(results.rollouts),
        "By what is awkward about a service; it may have several of these:\n",
        _by_mark(results.rollouts),
        table(list(_MADE_OF.items())),
        _REGRESSIONS.format(cohort=COHORT * 100, chosen=LATE_ONSET),
    ]
    for maker, times in results.regressions.items():
        parts += [f"### {maker.capitalize()} services\n", _regressions(times)]
    return "\n".join([*parts, f"## How it was made\n\n{made}\n"])


def _harmless(rollouts: Mapping[str, Sequence[Rollout]]) -> str:
    criteria = [criterion.value for criterion in Criterion]
    rows = [["services", "rollouts", "ever a breach", *criteria, "held for one host", "phases that passed"]]
    for name, some in rollouts.items():
        by_criterion = [_of(some, [key in one.breaches for one in some]) for key in criteria]
        passed = share(Share(sum(one.ready for one in some), len(PHASES) * len(some)))
        breach, held = _of(some, [bool(one.breaches) for one in some]), _of(some, [one.held for one in some])
        rows.append([name, f"{len(some):,}", f"**{breach}**", *by_criterion, held, passed])
    return table(rows)


def _of(some: Sequence[Rollout], which: Sequence[bool]) -> str:
    return share(Share(sum(which), len(some)))


def _by_mark(rollouts: Mapping[str, Sequence[Rollout]]) -> str:
    rows = [["services", "with", "rollouts", "ever a breach"]]
    for name, some in rollouts.items():
        for mark in sorted({mark for one in some for mark in one.marks}):
            marked = [one for one in some if mark in one.marks]
            rows.append([name, mark, str(len(marked)), share(Share(sum(bool(one.breaches) for one in marked), len(marked)))])
    return table(rows)


def _regressions(times: Mapping[Key, Times]) -> str:
    rows = [["", *(f"weight {name}" for name in ONSETS)]]
    rows.append(["harmless, ever a breach", *(_early(times[name, "", False]) for name in ONSETS)])
    for kind in KINDS:
        for late in (False, True):
            begins = "from half-way" if late else "from the start"
            rows.append([f"{kind}, {begins}", *(_found(times[name, kind, late]) for name in ONSETS)])
    return table(rows)


def _early(times: Times) -> str:
    return share(Share(len(times.found), len(times.breaches)))


def _found(times: Times) -> str:
    still = len(times.breaches) - times.early
    delay = f", {float(np.median(times.found)):.0f} s" if times.found else ""
    return share(Share(len(times.found), still)) + delay


def share(of: Share) -> str:
    low, high = of.interval
    return "–" if math.isnan(of.value) else f"{of.value * 100:.1f} % ({low * 100:.1f}–{high * 100:.1f})"


def table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *body))
