"""The mathematics of one look: how much a t-statistic says, mixed over the sizes an effect may have.

A run of k blocks has mean excess over a limit of t standard errors, where the standard error rests on `nu` degrees of
freedom. The evidence is the likelihood ratio of "the excess is positive, with a half-normal prior of variance g times the
noise" against "none", with the unknown noise integrated out (the g-prior t-test of Gönen et al., The American Statistician
59, 2005, one-sided). For infinite nu it is the one-sided normal mixture martingale of Robbins (Annals of Mathematical
Statistics 41, 1970); finite nu pays for not knowing the noise.
"""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.blocks.inputs import Floats

EFFECTS = ((0.3, 0.5), (6.0, 0.5))
"""Prior variance of an effect in units of the noise's variance, with its weight: plain and glaring."""

_ERFC = (
    *(-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806),
    *(0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277),
)
_FARTHEST = 1e30
_INTERVAL_G = 0.4
"""Makes the confidence sequence tightest at about 20 blocks."""


def log_phi(z: Floats) -> Floats:
    """Logarithm of the standard normal distribution function, to about 1e-7, for arguments however negative.

    The exponent of the Chebyshev fit of erfc (Numerical Recipes, section 6.2) is kept as it is, so nothing underflows: a
    clipped logarithm would turn hopeless runs into evidence.
    """
    x = np.abs(z) / np.sqrt(2.0)
    u = 1.0 / (1.0 + 0.5 * x)
    log_tail: Floats = np.log(0.5 * u) - x * x + np.polynomial.polynomial.polyval(u, _ERFC)
    return np.where(z < 0, log_tail, np.log1p(-np.exp(np.minimum(log_tail, np.log(0.5)))))


def log_evidence(t: Floats, k: Floats, nu: Floats) -> Floats:
    """Natural logarithm of the evidence of `t` from `k` > 0 blocks with `nu` > 0 degrees of freedom; all of one shape."""
    total = np.full(np.shape(t), -np.inf)
    t = np.clip(t, -_FARTHEST, _FARTHEST)
    square = t * t / nu
    whole = np.log1p(square)
    for g, weight in EFFECTS:
        q = 1.0 + g * k
        rest = square / q
        gain = 0.5 * (nu + 1.0) * (whole - np.log1p(rest)) - 0.5 * np.log(q)
        turn = t * np.sqrt(g * k / q * (nu + 1.0) / (nu * (1.0 + rest)))
        total = np.logaddexp(total, np.log(2.0 * weight) + gain + log_phi(_normal(turn, nu + 1.0)))
    return total


def _normal(t: Floats, nu: Floats) -> Floats:
    """The normal quantile with about the same tail as `t` (Wallace, Annals of Mathematical Statistics 30, 1959)."""
    return np.sign(t) * np.sqrt(nu * np.log1p(t * t / nu)) * (8.0 * nu + 1.0) / (8.0 * nu + 3.0)


def radius(n: Floats, variance: Floats, nu: Floats, error: float) -> Floats:
    """Half the width of the confidence sequence at level 1 - error for the mean of `n` > 0 blocks; infinite with too few."""
    q = 1.0 + _INTERVAL_G * n
    a = np.exp(2.0 / (nu + 1.0) * np.log(np.sqrt(q) / error))
    square = np.where(a < q, (a - 1.0) / np.where(a < q, 1.0 - a / q, 1.0), np.inf)
    return np.sqrt(square * nu * variance / n)
