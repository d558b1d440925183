"""`init`: from questions and what is found to two files that can be used at once.

JSON: {"config": path, "plan": path, "found": {"prometheus": url or null, "unleash": url or null}, "set": [variable],
"next": [command]}; `set` are variables that the config reads tokens from and that are not set now.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from rolloutctl.cli.init import checks, guessing, here
from rolloutctl.cli.init.answers import ConfigAnswers, Options, PlanAnswers
from rolloutctl.cli.init.asking import Asker
from rolloutctl.cli.init.texts import config_text, plan_name, plan_text
from rolloutctl.cli.init.writing import check, refuse_existing, write
from rolloutctl.cli.out import put, put_json, say, say_command
from rolloutctl.config import FromEnv
from rolloutctl.engine.config.secrets import read_secret
from rolloutctl.engine.config.settings import Surroundings
from rolloutctl.engine.once.detecting import PROMETHEUS_PORTS, UNLEASH_PORTS, Names, Servers, labels_of, look_here, names_at
from rolloutctl.errors import ExitCode, InvalidInput, RolloutctlError

_PORTS = ", ".join(f"127.0.0.1:{port}" for port in (*PROMETHEUS_PORTS, *UNLEASH_PORTS))


def init(folder: Path | None, explicit: Path | None, options: Options, *, yes: bool, detect: bool, as_json: bool) -> ExitCode:
    """Raises InvalidInput where something is missing or there already; then nothing was written."""
    if not yes and not sys.stdin.isatty():
        raise InvalidInput(
            "there is nobody to ask: this is no terminal.", remedy="Say --yes, with an option for every answer that is not usual."
        )
    surroundings = Surroundings.here()
    config_path = explicit or (folder / "rolloutctl.toml" if folder else surroundings.config_home / "config.toml")
    refuse_existing(config_path)
    asker = Asker(interactive=not yes)
    if not yes:
        say("Enter takes what stands in [brackets], - leaves something out. Nothing is written before the end.")
        say(f"The config will be {config_path}.\n")
    tokens = here.tokens(surroundings.environ)
    found = _look(asker, options) if detect else Servers()
    config = _config(asker, options, found, tokens, surroundings.environ)
    flag = asker.one("--flag", "Key of the feature flag to roll out", options.flag, "", checks.flag)
    plan_path = (folder or Path()) / f"{plan_name(flag)}.toml"
    refuse_existing(plan_path)
    plan = _plan(asker, options, config, flag, detect=detect)
    texts = config_text(config), plan_text(plan)
    check(*texts)
    write({config_path: (texts[0], 0o600), plan_path: (texts[1], 0o644)})
    _tell(config_path, plan_path, config, found, surroundings, as_json=as_json, is_usual=not explicit and folder is None)
    return ExitCode.OK


def _look(asker: Asker, options: Options) -> Servers:
    """What answers on this machine; not looked for what is known already."""
    if options.prometheus is not None and options.unleash is not None:
        return Servers()
    if not asker.yes(f"Look for Prometheus and Unleash on this machine ({_PORTS})?"):
        return Servers()
    say(f"Looking on this machine: {_PORTS} …")
    found = look_here()
    for name, url in (("Prometheus", found.prometheus), ("Unleash", found.unleash)):
        say(f"  {name}: {url or 'not found'}")
    return found


def _config(asker: Asker, options: Options, found: Servers, tokens: here.Tokens, environ: Mapping[str, str]) -> ConfigAnswers:
    operator = asker.one(
        "--operator", "Your name, as the journal shall have it", options.operator, here.operator(), checks.person
    )
    timezone = asker.one(
        "--timezone", "Time zone to show times in", options.timezone, here.timezone(environ), checks.zone, optional=True
    )
    prometheus = asker.one(
        "--prometheus", "URL of Prometheus", options.prometheus, found.prometheus or "http://127.0.0.1:9090", checks.url
    )
    distant = urlsplit(prometheus).hostname not in {"127.0.0.1", "localhost", "::1"}
    prometheus_token = asker.one(
        "--prometheus-token",
        "Environment variable with its bearer token",
        options.prometheus_token,
        tokens.prometheus if distant else "",
        checks.variable,
        optional=True,
    )
    return ConfigAnswers(
        operator=operator,
        timezone=timezone,
        prometheus=prometheus,
        prometheus_token=prometheus_token,
        unleash=asker.one("--unleash", "URL of Unleash", options.unleash, found.unleash or "http://127.0.0.1:4242", checks.url),
        unleash_token=asker.one(
            "--unleash-token",
            "Environment variable with its admin or personal token",
            options.unleash_token,
            tokens.admin or "UNLEASH_TOKEN",
            checks.variable,
        ),
        client_token=asker.one(
            "--client-token",
            "Environment variable with a client token, to see what clients get",
            options.client_token,
            tokens.client,
            checks.variable,
            optional=True,
        ),
        project=asker.one("--project", "Unleash project", options.project, "default", checks.printable),
        environment=asker.one("--environment", "Environment in Unleash", options.environment, "production", checks.name),
    )


def _plan(asker: Asker, options: Options, config: ConfigAnswers, flag: str, *, detect: bool) -> PlanAnswers:
    token = _token(config.prometheus_token)
    names = _names(config.prometheus, token) if detect else None
    counters, buckets = (names.counters, names.buckets) if names else ((), ())
    asker.hint("counters", counters)
    usual = guessing.requests(counters) or ("" if counters and asker.interactive else "http_requests_total")
    requests = asker.one("--requests", "Counter of requests", options.requests, usual, checks.selector)
    labels = labels_of(config.prometheus, token, requests) if names else {}
    asker.hint("labels", tuple(labels))
    errors = asker.one(
        "--errors",
        "Matcher of requests that failed",
        options.errors,
        guessing.errors(labels) or ("" if labels and asker.interactive else guessing.FALLBACK_ERRORS),
        checks.matcher,
    )
    arm = asker.one(
        "--arm", "Label that tells canary from baseline", options.arm, guessing.arm(labels) or "version", checks.label
    )
    asker.hint(f"values of {arm}", labels.get(arm, ()))
    newest, older = guessing.arms(labels.get(arm, ()))
    canary = asker.one("--canary", f"{arm} of the canary", options.canary, newest or "canary", checks.printable)
    baseline = asker.one(
        "--baseline",
        f"{arm} of the baseline",
        options.baseline,
        older if older and older != canary else "baseline",
        lambda text: _other_than(canary, checks.printable(text)),
    )
    host = asker.one("--host", "Label of a replica", options.host, guessing.host(labels), checks.label, optional=True)
    segment = asker.one(
        "--segment", "Label to judge each value of by itself, such as a channel", options.segment, "", checks.label, optional=True
    )
    asker.hint("histograms", buckets)
    latency = asker.one(
        "--latency",
        "Histogram of seconds, its name ending in _bucket",
        options.latency,
        guessing.latency(buckets, requests.partition("{")[0]),
        checks.selector,
        optional=True,
    )
    return PlanAnswers(
        owner=config.operator,
        flag=flag,
        environment=config.environment,
        requests=requests,
        errors=errors,
        latency=latency,
        arm=arm,
        canary=canary,
        baseline=baseline,
        host=host,
        segment=segment,
    )


def _other_than(canary: str, baseline: str) -> str:
    if baseline == canary:
        raise ValueError("canary and baseline must differ")
    return baseline


def _names(url: str, token: str | None) -> Names | None:
    say(f"Reading metric names from {url} …")
    found = names_at(url, token)
    if found is None:
        say("  it does not tell them; the questions go on without.")
    return found


def _token(variable: str) -> str | None:
    if not variable:
        return None
    try:
        return read_secret(FromEnv(env=variable))
    except RolloutctlError as error:
        say(f"  {error}")
        return None


def _tell(
    config_path: Path,
    plan_path: Path,
    config: ConfigAnswers,
    found: Servers,
    surroundings: Surroundings,
    *,
    as_json: bool,
    is_usual: bool,
) -> None:
    wanted = (config.unleash_token, config.client_token, config.prometheus_token)
    unset = [name for name in wanted if name and not surroundings.environ.get(name)]
    program = "rolloutctl" if is_usual else f"rolloutctl --config {shlex.quote(os.fspath(config_path))}"
    plan = shlex.quote(os.fspath(plan_path))
    following = [f"{program} check {plan}", f"{program} check --live {plan}", f"{program} start {plan}"]
    if as_json:
        servers = {"prometheus": found.prometheus, "unleash": found.unleash}
        put_json({"config": str(config_path), "plan": str(plan_path), "found": servers, "set": unset, "next": following})
        return
    put(f"{config_path}\n{plan_path}")
    say("\nBoth are written; read the plan and change its bounds and times to what you mean.")
    if unset:
        say("Before the flag server is asked, set:")
        for name in unset:
            say_command(f"export {name}=…")
    say("Then:")
    for line in following:
        say_command(line)
