"""docs/judge-simulation.md: the tables, and how to read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bench.judge_rules.traffic import Weather
from bench.judge_simulation.figures import Delay, Detection, Share
from bench.judge_simulation.games import AFTER_S, BEFORE_S, CELL_S, REGRESSIONS, RULES, SERVICE

_OURS = "rolloutctl"

_INTRO = """\
# Judges compared

Written by `make bench-judge`; not edited by hand. Our figures stand as they came out, good or bad.

A canary is judged many times. A rule that is right nineteen times out of twenty, asked every minute, rolls back a harmless
release before lunch. So the question is not how good one look is but what happens over an hour and over a day: how often a rule
rolls back **a release that is not at fault**, and how fast it finds one that is. This page asks our judge and small models of
the rules of four other tools, all on the same simulated traffic. How our judge does with whole rollouts, several criteria and
services of all sizes is on [another page](judge-accuracy.md).

![{alt}](pictures/judge-simulation.svg)

## How to read it

- **False alarm**: a rollback although the release changes nothing. "Within an hour" and "within {day}" are shares of the same
  rollouts, by whether the rule had rolled back by then at any look.
- **Detected**: the canary's error ratio becomes 1.5, 2 or 10 times what it was, {before} into the phase, and the rule rolls back
  in the {after} after that. Rollouts that the rule had rolled back before there was anything to find are left out here and
  counted as **too early**: a high share of those means that the rollouts left are few and lucky, as the wider intervals show.
- **Delay**: from the onset to the rollback, median of the rollouts detected. A rule that finds only the easy half has a short
  median; read it beside the share.
- In brackets: 95 % intervals, Wilson's for shares, bootstrap for medians. They cover the luck of this simulation, not whether
  your traffic is like it.
"""

_SETTING = """\
## What is simulated

One service: {canary_hosts} canary and {baseline_hosts} baseline hosts, {requests:g} requests a second each, {errors:g} %
errors, hosts' own error ratios spread by {unequal:g} % (standard deviation of the logarithm), counted in cells of {cell:g} s.
An hour before the start is known to the rules that use it.

{weathers}
## The rules

Each model takes the settings that suit an error ratio; what a tool does besides (latency, several metrics, steps of traffic) is
not modelled, so this compares **rules**, not tools. The code is in `bench/judge_rules/`, a page or less each, with its sources.

{rules}
What to hold against the comparison:

- It has one size of service, so how a rule does with little or much traffic is not seen; and we chose the traffic. Change it in
  `bench/judge_rules/traffic.py` and run it again.
- Rules that count failed checks are meant for analyses of minutes to an hour: for them the hour is the fair column, and the day
  shows what happens to a long phase.
- A confidence sequence for experiments asks for any lift at all. Hosts that differ by a few per cent are such a lift, so part of
  its false alarms of a day are differences that are there, only not made by the release.
- Only our judge looks at hosts one by one, so only it can hold for a bad one. Rolling back there is not absurd; it is only not
  the release's fault.
"""

_WEATHERS = {
    Weather.CLEAN: "independent errors, a steady load",
    Weather.BURSTY: (
        f"errors come in clusters of {SERVICE.cluster:g} on average, and about every half an hour there are some three minutes"
        " with six times the errors, in both arms"
    ),
    Weather.BAD_HOST: (
        "as clean; one canary host has five times the errors of the others from 20 minutes after the start on. The release is not"
        " at fault"
    ),
    Weather.DRIFTING: "the load follows the day, and the error ratio wanders by about 15 % an hour, in both arms",
}
_LOOKS = {"Kayenta": "every 5 minutes", "Argo": "every minute", "Flagger": "every minute"}
_ROLLS_BACK = {
    "rolloutctl": (
        'the test of error ratios excludes "at most 10 % worse" at alpha 2 % (the defaults of a plan with one phase and one'
        " criterion; the deadline is the end of the run). A breach that one canary host explains holds instead"
    ),
    "GrowthBook": "the 95 % asymptotic confidence sequence of the lift lies above zero; every request counts as a user",
    "Kayenta": (
        "the 98 % Mann–Whitney interval of the shift between the arms' ratios by minute, since the start, lies above a quarter of"
        " its estimate"
    ),
    "Argo": "more than three measurements in all found the canary's error ratio over five minutes above 1.5 times the baseline's",
    "Flagger": (
        "five checks in all found the canary's error ratio over a minute above twice that of the hour before the start; the"
        " baseline is not asked"
    ),
}


@dataclass(frozen=True, slots=True)
class Results:
    runs: int
    hours: float
    hourly: Mapping[tuple[Weather, str], Share]
    daily: Mapping[tuple[Weather, str], Share]
    detections: Mapping[tuple[Weather, float, str], Detection]
    held: Share
    """Harmless rollouts with a bad host in which our judge held for it."""


def page(results: Results, made: str) -> str:
    """`made`: how, with what and when, a sentence each."""
    day = _hours(results.hours)
    rules = [(rule, _LOOKS.get(rule, "every cell"), _ROLLS_BACK[rule]) for rule in RULES]
    parts = [
        _INTRO.format(alt=ALT, day=day, before=_hours(BEFORE_S / 3600), after=_hours(AFTER_S / 3600)),
        f"## False alarms\n\nWithin an hour, of {results.runs} harmless rollouts in each weather:\n",
        _table(lambda weather, rule: share(results.hourly[weather, rule])),
        f"Within {day}, of the same rollouts:\n",
        _table(lambda weather, rule: share(results.daily[weather, rule])),
        f"With a bad host our judge held for that host in {share(results.held)} of the rollouts: it shows who it is and waits.\n",
        f"## Regressions\n\nDetected within {_hours(AFTER_S / 3600)} of the onset, and the median delay:\n",
    ]
    for times in REGRESSIONS:
        parts += [f"### {times:g} times the errors\n", _table(partial(_found, results, times))]
    parts += [
        f"### Too early\n\nRolled back in the {_hours(BEFORE_S / 3600)} before the onset, all sizes together:\n",
        _table(lambda weather, rule: share(_early(results, weather, rule))),
        _SETTING.format(
            canary_hosts=SERVICE.canary_hosts,
            baseline_hosts=SERVICE.baseline_hosts,
            requests=SERVICE.requests_per_s,
            errors=SERVICE.error_ratio * 100,
            unequal=SERVICE.unequal * 100,
            cell=CELL_S,
            weathers=_rows([("weather", "what goes on besides the release"), *((w.value, _WEATHERS[w]) for w in Weather)]),
            rules=_rows([("rule", "looks", "rolls back when"), *rules]),
        ),
        f"## How it was made\n\n{made}\n",
    ]
    return "\n".join(parts)


ALT = "False alarms, detections and delays of five rules in four weathers; the tables below hold the same numbers"


def share(of: Share) -> str:
    low, high = of.interval
    return f"{_percent(of.value)} ({_digits(low)}–{_digits(high)})" if of.whole else "–"


def _early(results: Results, weather: Weather, rule: str) -> Share:
    some = [results.detections[weather, times, rule].early for times in REGRESSIONS]
    return Share(sum(one.part for one in some), sum(one.whole for one in some))


def _found(results: Results, times: float, weather: Weather, rule: str) -> str:
    detection = results.detections[weather, times, rule]
    return f"{share(detection.found)}<br>{_delay(detection.delay)}"


def _delay(delay: Delay) -> str:
    if math.isnan(delay.median):
        return "–"
    return f"{delay.median / 60:.1f} min ({delay.low / 60:.1f}–{delay.high / 60:.1f})"


def _table(cell: Callable[[Weather, str], str]) -> str:
    head = ["rule", *(weather.value for weather in Weather)]
    body = [[f"**{rule}**" if rule == _OURS else rule, *(cell(weather, rule) for weather in Weather)] for rule in RULES]
    return _rows([head, *body])


def _rows(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *body))


def _percent(value: float) -> str:
    return f"{_digits(value)} %"


def _digits(value: float) -> str:
    return f"{value * 100:.1f}"


def _hours(hours: float) -> str:
    if hours == 1:
        return "an hour"
    return "a day" if hours == 24 else f"{hours:g} hours"
