"""Exact random counts from the standard library's generator: Poisson, binomial, multinomial.

Large counts are split by order statistics until they are small, so a draw costs O(log n) and no approximation.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import Final

_SMALL: Final = 12


def poisson(rng: Random, mean: float) -> int:
    """Draw a Poisson count; `mean` is at least 0."""
    count = 0
    while mean > _SMALL:
        # The m-th arrival of a unit process is gamma distributed: either it lies before `mean`, or after.
        block = int(mean * 7 / 8)
        arrival = rng.gammavariate(block, 1.0)
        if arrival >= mean:
            return count + binomial(rng, block - 1, mean / arrival)
        count += block
        mean -= arrival
    limit, product = math.exp(-mean), rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def binomial(rng: Random, trials: int, chance: float) -> int:
    """Draw the number of successes in `trials`; a `chance` outside 0 to 1 counts as the nearer end."""
    if chance <= 0.0:
        return 0
    if chance >= 1.0:
        return trials
    count = 0
    while trials > _SMALL and trials * min(chance, 1.0 - chance) > _SMALL:
        # The median of `trials` uniforms is beta distributed: it tells which half of them is settled.
        middle = trials // 2 + 1
        split = rng.betavariate(middle, trials + 1 - middle)
        if split <= chance:
            count += middle
            trials -= middle
            chance = (chance - split) / (1.0 - split)
        else:
            trials = middle - 1
            chance /= split
    if chance > 0.5:
        return count + trials - _rare(rng, trials, 1.0 - chance)
    return count + _rare(rng, trials, chance)


def multinomial(rng: Random, trials: int, chances: Sequence[float]) -> list[int]:
    """Spread `trials` over cells whose chances sum to 1."""
    counts: list[int] = []
    rest = 1.0
    for chance in chances:
        count = binomial(rng, trials, chance / rest) if trials and rest > 0.0 else 0
        counts.append(count)
        trials -= count
        rest -= chance
    counts[-1] += trials
    return counts


def _rare(rng: Random, trials: int, chance: float) -> int:
    """Jump from success to success: the gaps are geometric."""
    if trials == 0 or chance <= 0.0:
        return 0
    scale = math.log1p(-chance)
    if scale == 0.0:
        return 0
    count, position = 0, 0
    while True:
        jump = math.log(1.0 - rng.random()) / scale
        if jump >= trials - position:
            return count
        position += int(jump) + 1
        count += 1
