"""Test B once more, one block after the other in plain floats: what the arrays must agree with.

Written from the description of the test for the plain case only: two arms without missing samples, no host left out.
"""

from __future__ import annotations

import itertools
import math

SPANS = (1, 2, 5, 10, 30, 60)
EFFECTS = ((0.3, 0.5), (6.0, 0.5))


def log_phi(z):
    if z > -30:
        return math.log(0.5 * math.erfc(-z / math.sqrt(2)))
    return -z * z / 2 - math.log(-z) - 0.5 * math.log(2 * math.pi) + math.log1p(-1 / z**2 + 3 / z**4)


def log_evidence(t, k, nu):
    parts = []
    for g, weight in EFFECTS:
        q = 1 + g * k
        likelihood = -0.5 * math.log(q) + (nu + 1) / 2 * (math.log(1 + t * t / nu) - math.log(1 + t * t / nu / q))
        turned = t * math.sqrt(g * k / q) / math.sqrt((nu + t * t / q) / (nu + 1))
        z = math.copysign(math.sqrt((nu + 1) * math.log1p(turned**2 / (nu + 1))), turned)
        z *= (8 * (nu + 1) + 1) / (8 * (nu + 1) + 3)
        parts.append(math.log(2 * weight) + likelihood + log_phi(z))
    top = max(parts)
    return top + math.log(sum(math.exp(part - top) for part in parts))


class Noise:
    """Long-run variance of a series that grows by one value at a time."""

    def __init__(self, prior, weight):
        self.prior, self.weight, self.values = prior, weight, []

    def add(self, value):
        self.values.append(value)

    def known(self):
        estimate, df, lean = self.prior[0], self.weight, self.weight
        best, best_df, shortest = 0.0, 0.0, 0.0
        for index, span in enumerate(SPANS):
            if index:
                ratio = self.prior[index] / self.prior[index - 1]
                estimate, lean = estimate * min(max(ratio, 1.0), 10.0), 8.0
            means = [sum(self.values[i : i + span]) / span for i in range(0, len(self.values) - span + 1, span)]
            steps = [b - a for a, b in itertools.pairwise(means)]
            if span > 1 and len(steps) < 3:
                steps = []
            up, down = sum(s * s for s in steps if s > 0), sum(s * s for s in steps if s <= 0)
            if span > 1 or len(steps) >= 6:
                up = min(up, 1.5 * down + 2 * 2 * estimate / span)
            total = lean + len(steps)
            estimate = (lean * estimate + (up + down) * span / 2) / total
            df = total**2 / (lean**2 / df + 1.5 * len(steps))
            if index == 0:
                shortest = df
            if estimate > best:
                best, best_df = estimate, df
        return best, math.sqrt(shortest * best_df)


def judge(worse, prior, weight, tolerate, reject, alarm_from, spread, horizon):
    """log E and log P after each of the differences; `alarm_from` and `spread` are those after each block, from 0 on."""
    noise, bounded, answers = Noise(prior, weight), [], []
    every = max(5, -(-horizon // 96))
    starts = list(range(0, max(horizon, 2), every))
    for n, value in enumerate(worse):
        variance, df = noise.known()
        reach = 5 * math.sqrt(variance) if df > 1 else math.inf
        usual = sum(worse[:n]) / n if n else 0.0
        low, high = min(usual, tolerate) - reach, max(usual, alarm_from[n]) + reach
        bounded.append(min(max(value, low), high))
        noise.add(value)
        answers.append(_look(bounded, *noise.known(), starts, tolerate, reject - spread[n + 1], alarm_from[n + 1]))
    return answers


def _look(bounded, variance, df, starts, tolerate, pass_below, alarm_from):
    n, evidence, unspent = len(bounded), 0.0, 1.0
    for index, start in enumerate(starts):
        weight = 0.6 if index == 0 else 0.4 / (len(starts) - 1)
        length = n - start
        if length < 1:
            continue
        unspent -= weight
        rise = sum(bounded[start:])
        excess = rise - length * alarm_from
        term = log_evidence(excess / math.sqrt(length * variance), length, df) if start == 0 or excess > 0 else -math.inf
        term = min(term, 0.0) if length < 4 else term
        if alarm_from > tolerate * (1 + 1e-9) and start >= 10 and length >= 4:
            above = rise / length - max(sum(bounded[:start]) / start, 0.0) - tolerate
            worth = length * start / (length + start)
            own = math.exp(log_evidence(above * math.sqrt(worth / variance), worth, df)) if above > 0 else 0.0
            evidence += weight * (math.exp(term) + own) / 2
        else:
            evidence += weight * math.exp(term)
    missed = n * pass_below - sum(bounded)
    return math.log(evidence + max(unspent, 0.0)), log_evidence(missed / math.sqrt(n * variance), n, df)
