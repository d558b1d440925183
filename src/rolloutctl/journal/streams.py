"""The query for every rollout's stream, the same for every store."""

from __future__ import annotations


def rollout_streams(events: str) -> str:
    """SQL that gives the streams of rollouts in the table `events`, oldest first.

    Hops from stream to stream through the index: costs as many steps as there are rollouts, not events. `rollout0` is what
    comes right behind every name that begins with `rollout/`.
    """
    return f"""
WITH RECURSIVE found (stream) AS (
  SELECT min(stream) FROM {events} WHERE stream >= 'rollout/' AND stream < 'rollout0'
  UNION ALL
  SELECT (SELECT min(e.stream) FROM {events} e WHERE e.stream > found.stream AND e.stream < 'rollout0')
  FROM found WHERE found.stream IS NOT NULL
)
SELECT stream FROM found WHERE stream IS NOT NULL
ORDER BY (SELECT min(seq) FROM {events} e WHERE e.stream = found.stream)
"""  # noqa: S608 - the caller's own table
