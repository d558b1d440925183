"""Runbooks as text for tests: one with every type of step, and edits of it."""

import tomllib
from decimal import Decimal
from pathlib import Path

import tomli_w

from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.read import read_runbook

SHIPPED = sorted((Path(__file__).parents[2] / "runbooks").glob("*.toml"))

WELL = """\
format = 1
id    = "checkout-flag-kill"
title = "Turn the new checkout off and prove recovery"
owner = "team-checkout"
when  = "CheckoutErrorBudgetBurn fires while the flag is above 0 %"
[objective]
time_to_rollback = "5m"
start = "run_started"
stop  = "recovered"
[rehearsal]
policy  = "block"
max_age = "30d"
within_objective = true
[params.flag]
type = "string"
required = true
pattern = "[a-z0-9_-]{1,64}"
[params.generation]
title = "Which model"
default = "stable"
choices = ["stable", "canary"]
[defaults]
timeout = "5s"
max_body = "16KiB"
[[preflight]]
id = "metrics-alive"
type = "check"
promql = 'sum(rate(http_requests_total{service="checkout"}[5m]))'
pass = { op = ">", value = "0" }
within = "15s"
[[steps]]
id = "flag-off"
title = "Turn ${flag} off for everyone"
type = "flag"
set = { off = true }
confirm = "type:${flag}"
[[steps]]
id = "purge-cache"
type = "http"
adapter = "cache"
effect = "idempotent"
request = { method = "PUT", path = "/generation/${flag}", query = { why = "${incident}" }, headers = { X-Team = "checkout" }, json = { generation = "${generation}", weight = 0.5, parts = [1, true] } }
expect = { status = [200], json = [{ path = "generation", equals = "${generation}" }, { path = "items[0].name", exists = true }] }
retry = { attempts = 4, backoff = "500ms", max_backoff = "4s", on = ["connect", "timeout", "429", "5xx"] }
on_failure = "ask"
timeout = "2s"
  [steps.readback]
  request = { method = "GET", path = "/generation/ranker" }
  expect = { json = [{ path = "generation", equals = "stable" }] }
  [steps.undo]
  request = { method = "PUT", path = "/generation/ranker", json = { generation = "canary" } }
[[steps]]
id = "quiet"
type = "alert"
action = "silence"
alert = "CheckoutErrorBudgetBurn"
labels = { service = "checkout" }
lasts = "30m"
comment = "Rollback of ${flag}"
group = "together"
[[steps]]
id = "breathe"
type = "wait"
for = "10s"
group = "together"
[[steps]]
id = "errors-recovered"
type = "check"
promql = 'sum(rate(http_requests_total{service="checkout",flag="${flag}",code=~"5.."}[1m]))'
guard = { promql = 'sum(increase(http_requests_total{service="checkout"}[1m]))', op = ">=", value = "200" }
pass = { op = "<", value = "0.01" }
hold = "2m"
every = "10s"
within = "10m"
max_sample_age = "60s"
sets = "recovered"
[[after.recovered]]
id = "tell-people"
type = "notify"
channel = "release"
text = "${flag} is off; recovered in ${run.time_to_rollback}. Journal ${run.journal_seq} ${run.journal_head}"
critical = false
[[after.recovered]]
id = "loud-again"
type = "alert"
action = "expire"
silence = "quiet"
[[after.not_recovered]]
id = "escalate"
type = "manual"
title = "The flag is off and checkout has not recovered"
instructions = "Page the payments on-call. If a model was also released, run checkout-model-revert."
proof = { prompt = "Whom did you page?", kind = "text", min_length = 3 }
within = "15m"
"""


def well() -> Runbook:
    return read_runbook(WELL, "well.toml")


def edited(*replacements: tuple[str, str]) -> str:
    text = WELL
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def data() -> dict:
    return tomllib.loads(WELL, parse_float=Decimal)


def written(document: dict) -> str:
    return tomli_w.dumps(document)
