"""Commands that begin something: a first config, a plan, a rollout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rolloutctl.cli.options import Json, globals_of


def _answer(option: str, about: str, metavar: str) -> Any:
    return typer.Option(option, help=about, metavar=metavar, show_default=False)


def init(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Write both files here; default: the usual config, the plan beside you.", metavar="DIR", show_default=False
        ),
    ] = None,
    flag: Annotated[str | None, _answer("--flag", "Key of the feature flag to roll out.", "KEY")] = None,
    prometheus: Annotated[str | None, _answer("--prometheus", "URL of Prometheus.", "URL")] = None,
    prometheus_token: Annotated[
        str | None, _answer("--prometheus-token", "Environment variable with its bearer token.", "NAME")
    ] = None,
    unleash: Annotated[str | None, _answer("--unleash", "URL of Unleash.", "URL")] = None,
    unleash_token: Annotated[str | None, _answer("--unleash-token", "Environment variable with its admin token.", "NAME")] = None,
    client_token: Annotated[str | None, _answer("--client-token", "Environment variable with a client token.", "NAME")] = None,
    project: Annotated[str | None, _answer("--project", "Unleash project of the flag.", "NAME")] = None,
    environment: Annotated[str | None, _answer("--environment", "Environment at Unleash.", "NAME")] = None,
    operator: Annotated[str | None, _answer("--operator", "Your name, as the journal has it.", "NAME")] = None,
    timezone: Annotated[str | None, _answer("--timezone", "Zone that times are shown in.", "ZONE")] = None,
    requests: Annotated[str | None, _answer("--requests", "Counter of requests.", "METRIC")] = None,
    errors: Annotated[str | None, _answer("--errors", "Matcher of those that failed.", "MATCHER")] = None,
    latency: Annotated[str | None, _answer("--latency", "Histogram of seconds.", "METRIC")] = None,
    arm: Annotated[str | None, _answer("--arm", "Label that tells canary from baseline.", "LABEL")] = None,
    canary: Annotated[str | None, _answer("--canary", "Its value for the canary.", "VALUE")] = None,
    baseline: Annotated[str | None, _answer("--baseline", "Its value for the baseline.", "VALUE")] = None,
    host: Annotated[str | None, _answer("--host", "Label of a replica.", "LABEL")] = None,
    segment: Annotated[str | None, _answer("--segment", "Label to judge by separately.", "LABEL")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take options and what is found.")] = False,
    detect: Annotated[bool, typer.Option("--detect/--no-detect", help="Look for servers here and read metric names.")] = True,
    json: Json = False,
) -> int:
    """Write a config and a plan, by asking. Neither is ever overwritten; no secret is written, only where it is read from.

    With --detect it asks 127.0.0.1 for Prometheus and Unleash, and the Prometheus that you name for its metrics, nobody
    else; `-` as an answer leaves something out. With --config PATH the config is written there.

    Exit code: 0 both are written, 1 they cannot be, 2 an answer is missing or wrong, or a file is there already.
    """
    from rolloutctl.cli.init.answers import Options
    from rolloutctl.cli.init.running import init as begun

    options = Options(
        operator=operator,
        timezone=timezone,
        prometheus=prometheus,
        prometheus_token=prometheus_token,
        unleash=unleash,
        unleash_token=unleash_token,
        client_token=client_token,
        project=project,
        environment=environment,
        flag=flag,
        requests=requests,
        errors=errors,
        latency=latency,
        arm=arm,
        canary=canary,
        baseline=baseline,
        host=host,
        segment=segment,
    )
    return begun(folder, globals_of(ctx).config, options, yes=yes, detect=detect, as_json=json)


def check(
    ctx: typer.Context,
    plans: Annotated[list[Path], typer.Argument(help="Plan files.", metavar="PLAN", show_default=False)],
    live: Annotated[bool, typer.Option("--live", help="Ask the source and the provider too.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as findings for the exit code.")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Answer in SARIF 2.1.0, for code review.")] = False,
    json: Json = False,
) -> int:
    """Read plans and say what they would not do as their author believes, with what to do about it.

    Exit code: 0 clean, 1 findings (errors; with --strict warnings too), 2 a plan cannot be read.
    """
    from rolloutctl.cli.checking import check as checked

    return checked(globals_of(ctx), tuple(plans), live=live, strict=strict, sarif=sarif, as_json=json)


def start(
    ctx: typer.Context,
    plan: Annotated[Path, typer.Argument(help="The plan file.", metavar="PLAN", show_default=False)],
    adopt: Annotated[bool, typer.Option("--adopt", help="The flag may be on: take the state it has as the snapshot.")] = False,
    drive: Annotated[bool, typer.Option("--drive/--no-drive", help="Stay and drive it.")] = False,
    json: Json = False,
) -> int:
    """Seal a plan and make a rollout of it. Nothing is exposed yet: `advance` enters the first phase.

    Prints the rollout's id. A plan with lint errors is refused (1); exit code 7 when the flag server is not reachable.
    """
    from rolloutctl.cli.starting import start as started

    return started(globals_of(ctx), plan, adopt=adopt, drive=drive, as_json=json)
