"""What every command prints with `--json`, declared once: the reference is written from it, and tests hold answers to it.

Keys are stable and in the design's words. Times are RFC 3339 in UTC, durations seconds, percents numbers; a NaN is null.
"""
