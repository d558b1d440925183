"""`hard_max` and `hard_min`: two different scrapes in a row beyond them are a breach at once, in the warm-up too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolloutctl.judge.answers import usable
from rolloutctl.judge.bounds import is_over, is_under
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.gauges import Points, dated, points
from rolloutctl.judge.grid import Grid
from rolloutctl.judge.needs import Gauge
from rolloutctl.judge.segments import of_segment
from rolloutctl.judge.sightings import NEVER
from rolloutctl.judge.threshold import HardBreach
from rolloutctl.judge.words import show_of, span
from rolloutctl.model.samples import Answer, Query
from rolloutctl.plan.model import ValueCriterion


def hard_breach(
    criterion: ValueCriterion, frame: Frame, gauge: Gauge, answers: Mapping[Query, Answer], grid: Grid, size: int, segment: str
) -> HardBreach | None:
    """The first time at which it was one; `size` is the number of points of the value's grid."""
    if criterion.hard_max is None and criterion.hard_min is None:
        return None
    label = frame.segment if segment else None
    apart = frozenset({"__name__", frame.host or "", frame.segment or ""})
    values = points(of_segment(usable(answers, gauge.value), label, segment), frame.start, frame.step, size, apart)
    if values is None:
        return None
    by_selector = {query.text: of_segment(usable(answers, query), label, segment) for query in gauge.dated_by}
    return beyond_hard(criterion, frame, values, dated(by_selector, grid, frame.step, size, frame.host).real, size)


def beyond_hard(criterion: ValueCriterion, frame: Frame, values: Points, real: Sequence[float], size: int) -> HardBreach | None:
    """The second of two different scrapes in a row beyond a hard bound; `real` are the times of scrapes, by point."""
    upper = None if criterion.hard_max is None else float(criterion.hard_max)
    lower = None if criterion.hard_min is None else float(criterion.hard_min)
    show = show_of(criterion)
    newest, beyond = frame.start, 0
    for point in range(1, size):
        value, scraped = values.mean(point), real[point]
        if scraped <= newest or scraped == NEVER or value is None:
            continue
        newest = scraped
        over = is_over(value, upper)
        beyond = beyond + 1 if over or is_under(value, lower) else 0
        bound = upper if over else lower
        if beyond == 2 and bound is not None:
            at = frame.start + point * frame.step
            why = (
                f"two samples in a row {'over' if over else 'under'} the hard bound of {show(bound)}, the second {show(value)}, "
                f"{span(at - frame.start)} into the phase."
            )
            return HardBreach(at, why)
    return None
