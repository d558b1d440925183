"""Which series belong to one value of the segment label."""

from __future__ import annotations

from rolloutctl.model.samples import Samples


def of_segment(samples: Samples, label: str | None, segment: str) -> Samples:
    """The series of one segment; series that do not carry the label at all belong to every segment. No label: all."""
    if label is None or not any(series.label(label) for series in samples.series):
        return samples
    return Samples(tuple(series for series in samples.series if series.label(label) == segment), samples.warnings)
