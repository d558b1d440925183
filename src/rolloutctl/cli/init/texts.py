"""The two files as text: every key with a sentence, every value written by tomli-w. Pure."""

from __future__ import annotations

import re

import tomli_w

from rolloutctl.cli.init.answers import ConfigAnswers, PlanAnswers

SOURCE, PROVIDER = "prometheus", "unleash"
_ABSENT_ZONE = '# timezone = "Europe/Madrid"  # how times are shown; without it, this machine\'s zone\n'
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_METRIC = re.compile(r"([^{\s]+)\s*(?:\{(.*)\})?", re.DOTALL)


def config_text(answers: ConfigAnswers) -> str:
    zone = f"timezone = {_value(answers.timezone)}  # how times are shown, always with the zone\n" if answers.timezone else ""
    bearer = f'auth = {{ type = "bearer", token = {{ env = {_value(answers.prometheus_token)} }} }}  # read when it is used\n'
    client = f'client_auth = {{ type = "token", token = {{ env = {_value(answers.client_token)} }} }}'
    return f"""\
# Settings of rolloutctl. `rolloutctl config show` tells what is in force and where it came from.
# No secret stands here: only where each is read from when it is used.
format = 1  # version of this file format

[operator]
name = {_value(answers.operator)}  # who decides: written into the journal with everything you do
{zone or _ABSENT_ZONE}
[sources.{SOURCE}]  # where evidence comes from; plans say source = "{SOURCE}"
type = "prometheus"
url = {_value(answers.prometheus)}
{bearer if answers.prometheus_token else ""}
[providers.{PROVIDER}]  # the flag server; plans say provider = "{PROVIDER}"
type = "unleash"
url = {_value(answers.unleash)}  # /api/admin is added
auth = {{ type = "token", token = {{ env = {_value(answers.unleash_token)} }} }}  # may change flags
{f"{client}  # then a change is verified by what clients get" if answers.client_token else _ABSENT_CLIENT}
project = {_value(answers.project)}  # the flags' project
settle_time = "15s"  # until clients follow a change: how often your SDKs poll

[environments.{_key(answers.environment)}]  # as it is called at the flag server
production = {"true" if answers.environment.startswith(("prod", "live")) else "false"}  # whether real users are here
"""


_ABSENT_CLIENT = '# client_auth = { type = "token", token = { env = "NAME" } }  # then changes are verified by what clients get'


def plan_text(answers: PlanAnswers) -> str:
    owner = _value(answers.owner)
    bad, total = with_arm(answers.requests, answers.errors), with_arm(answers.requests)
    host = f"host = {_value(answers.host)}  # tells one replica from another: one bad host is named\n" if answers.host else ""
    segment = (
        f"segment = {{ label = {_value(answers.segment)} }}  # each value of this label is judged separately\n"
        if answers.segment
        else ""
    )
    return f"""\
# A rollout, declared before it begins. Change the bounds and times to what you mean, then: rolloutctl check
format = 1  # version of this file format
name = {_value(plan_name(answers.flag))}  # a rollout of this plan is name#1, name#2, …
owner = {owner}  # accountable for it

[change]  # what exactly is released; free keys
canary = {{ {answers.arm} = {_value(answers.canary)} }}
baseline = {{ {answers.arm} = {_value(answers.baseline)} }}

[flag]
provider = "{PROVIDER}"
key = {_value(answers.flag)}
environment = {_value(answers.environment)}
stickiness = "default"  # what decides who is in: such as userId

[metrics]
source = "{SOURCE}"
canary = {_value(_matcher(answers.arm, answers.canary))}  # what $arm stands for
baseline = {_value(_matcher(answers.arm, answers.baseline))}
requests = {_value(total)}  # shows who really gets the canary
exposure = "25%"  # hold when that is off the cohort by more
{host}{segment}step = "15s"  # how often evidence is looked at
max_sample_age = "60s"  # older evidence is stale, which is never a pass

[rollback]
to = "off"  # nobody has the canary any more
on_breach = "ask"  # a countdown that somebody may postpone; "auto": at once
countdown = "60s"

[[criteria]]
id = "errors"
title = "Requests that fail"
type = "ratio"
test = "threshold"
bad = {_value(bad)}
total = {_value(total)}
max = 0.02  # a share of one: 2 %
role = "guardrail"  # a breach rolls back

[[criteria]]
id = "errors-against-baseline"
title = "Failures against the baseline"
type = "ratio"
test = "threshold"
bad = {_value(bad)}
total = {_value(total)}
tolerate = "50%"  # at most half as many again
window = "15m"
breach_after = "5m"
role = "signal"  # a breach holds
{_latency(answers) if answers.latency else ""}
[[phases]]
name = "five"
owner = {owner}
cohort = {{ percent = 5 }}
bake = "1h"  # at least so long

[[phases]]
name = "twenty-five"
owner = {owner}
cohort = {{ percent = 25 }}
bake = "4h"

[[phases]]
name = "everyone"
owner = {owner}
cohort = {{ percent = 100 }}  # no baseline is left: only criteria with max or min are judged
bake = "1d"
"""


def _latency(answers: PlanAnswers) -> str:
    expression = f"histogram_quantile(0.95, sum by (le) (rate({with_arm(answers.latency)}[5m])))"
    return f"""
[[criteria]]
id = "latency"
title = "95 % of answers within"
type = "value"
test = "threshold"
expr = {_value(expression)}
max = 1.0  # in the unit of the histogram
unit = "s"
role = "guardrail"
"""


def plan_name(flag: str) -> str:
    """The flag's key as a plan may be called."""
    name = re.sub(r"[^a-z0-9._-]+", "-", flag.lower()).strip("-._")
    return name[:100] or "rollout"


def with_arm(selector: str, *matchers: str) -> str:
    """The selector with `$arm`, and with further matchers, between its braces."""
    found = _METRIC.fullmatch(selector.strip())
    assert found is not None, "checks.selector has let it through"
    own = (found[2] or "").strip().strip(",")
    return f"{found[1]}{{{','.join(filter(None, (own, *matchers, '$arm')))}}}"


def _matcher(label: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{label}="{escaped}"'


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: str) -> str:
    if '"' in value and "'" not in value:
        # PromQL reads better without a backslash before every quote.
        return f"'{value}'"
    return tomli_w.dumps({"k": value}).removeprefix("k = ").rstrip("\n")
