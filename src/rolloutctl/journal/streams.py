"""The queries for the streams of rollouts and of runs, the same for every store."""

from __future__ import annotations


def rollout_streams(events: str) -> str:
    """SQL that gives the streams of rollouts in the table `events`, oldest first."""
    return _streams(events, "rollout")


def run_streams(events: str) -> str:
    """The same for the streams of runs of runbooks."""
    return _streams(events, "run")


def _streams(events: str, kind: str) -> str:
    """Hops from stream to stream through the index: costs as many steps as there are streams, not events.

    `rollout0` is what comes right behind every name that begins with `rollout/`.
    """
    return f"""
WITH RECURSIVE found (stream) AS (
  SELECT min(stream) FROM {events} WHERE stream >= '{kind}/' AND stream < '{kind}0'
  UNION ALL
  SELECT (SELECT min(e.stream) FROM {events} e WHERE e.stream > found.stream AND e.stream < '{kind}0')
  FROM found WHERE found.stream IS NOT NULL
)
SELECT stream FROM found WHERE stream IS NOT NULL
ORDER BY (SELECT min(seq) FROM {events} e WHERE e.stream = found.stream)
"""  # noqa: S608 - the caller's own table
