"""Runbooks for tests: one that takes the whole way, and pieces to build others of."""

from __future__ import annotations

HEAD = """\
format = 1
id = "kill"
title = "Turn it off"
owner = "ana"
[objective]
time_to_rollback = "5m"
{stop}
[defaults]
ask_timeout = "1s"
timeout = "2s"
"""
FLAG_OFF = """
[[steps]]
id = "flag-off"
type = "flag"
set = { off = true }
confirm = "type:${flag}"
"""
PURGE = """
[[steps]]
id = "purge"
type = "http"
adapter = "cache"
effect = "idempotent"
request = { method = "PUT", path = "/generation/${flag}", json = { generation = "stable" } }
expect = { json = [{ path = "generation", equals = "stable" }] }
  [steps.readback]
  request = { path = "/generation/${flag}" }
  expect = { json = [{ path = "generation", equals = "stable" }] }
  [steps.undo]
  request = { method = "PUT", path = "/generation/${flag}", json = { generation = "canary" } }
"""
PAGE_ONCE = """
[[steps]]
id = "page"
type = "http"
adapter = "cache"
effect = "once"
on_unknown = "stop"
request = { method = "POST", path = "/page", json = { flag = "${flag}" } }
expect = { status = [202] }
"""
SILENCE = """
[[steps]]
id = "quiet"
type = "alert"
action = "silence"
alert = "Burn"
lasts = "30m"
comment = "rollback"
"""
RECOVERED = """
[[steps]]
id = "recovered"
type = "check"
promql = 'sum(rate(errors_total{flag="${flag}"}[1m]))'
guard = { promql = 'sum(guard_total)', op = ">=", value = "200" }
pass = { op = "<", value = "0.01" }
every = "100ms"
within = "5s"
sets = "recovered"
"""
TELL = """
[[after.recovered]]
id = "tell"
type = "notify"
channel = "release"
text = "${flag} is off, ${run.result} in ${run.time_to_rollback}; journal ${run.journal_seq} ${run.journal_head}"
critical = false
"""
ESCALATE = """
[[after.not_recovered]]
id = "escalate"
type = "notify"
channel = "release"
text = "not recovered: ${run.result}"
critical = false
"""


def book(*parts: str) -> str:
    """`stop` is what the parts allow."""
    recovers = any('sets = "recovered"' in part for part in parts)
    return HEAD.format(stop="" if recovers else 'stop = "last_critical"') + "".join(parts)


WHOLE = book(FLAG_OFF, PURGE, SILENCE, PAGE_ONCE, RECOVERED, TELL, ESCALATE)
