"""The files a person meets in the demo: one config.toml and one plan per scenario, written with tomli-w.

Durations are those of speed 1 divided by the speed, but never so short that a window holds fewer than four scrapes.
The config names environment variables for the tokens (`ADMIN_TOKEN_ENV`, `CLIENT_TOKEN_ENV`); no token is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomli_w

from rolloutctl.demo.flag_model import PRODUCTION, PROJECT
from rolloutctl.demo.ready import WorldUrls
from rolloutctl.demo.scenarios import SERVICES, Scenario, Service
from rolloutctl.demo.users import AUDIENCE, Channel

ADMIN_TOKEN_ENV: Final = "ROLLOUTCTL_DEMO_ADMIN_TOKEN"
CLIENT_TOKEN_ENV: Final = "ROLLOUTCTL_DEMO_CLIENT_TOKEN"
PROVIDER: Final = "demo"
SOURCE: Final = "prometheus"
_SCRAPES_PER_WINDOW: Final = 5


@dataclass(frozen=True, slots=True)
class DemoFiles:
    config: Path
    plans: Mapping[Scenario, Path]


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations at a speed, given a scrape interval."""

    speed: float
    scrape_s: float

    def span(self, seconds: float, *, at_least: float = 0.0) -> str:
        """Return `seconds` of speed 1 as a duration at this speed."""
        milliseconds = round(1000 * max(seconds / self.speed, at_least))
        return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"

    @property
    def step(self) -> str:
        return self.span(10, at_least=self.scrape_s)

    @property
    def window(self) -> str:
        return self.span(60, at_least=_SCRAPES_PER_WINDOW * self.scrape_s)

    @property
    def breach_after(self) -> str:
        return self.span(40, at_least=3 * self.scrape_s)

    @property
    def max_sample_age(self) -> str:
        return self.span(30, at_least=4 * self.scrape_s)


def environment(world: WorldUrls) -> dict[str, str]:
    """Return the environment variables that the config's secrets are read from."""
    return {ADMIN_TOKEN_ENV: world.admin_token, CLIENT_TOKEN_ENV: world.client_token}


def write_files(folder: Path, world: WorldUrls, speed: float) -> DemoFiles:
    """Write config.toml and one plan per scenario of the world into `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    pace = Pace(speed, world.scrape_interval_s)
    config = folder / "config.toml"
    config.write_text(tomli_w.dumps(config_document(folder, world, pace)), encoding="utf-8")
    plans: dict[Scenario, Path] = {}
    for scenario in world.scenarios:
        service = SERVICES[scenario]
        plans[scenario] = folder / f"{service.flag}.toml"
        plans[scenario].write_text(tomli_w.dumps(plan_document(service, pace), multiline_strings=False), encoding="utf-8")
    return DemoFiles(config, plans)


def config_document(folder: Path, world: WorldUrls, pace: Pace) -> dict[str, Any]:
    return {
        "format": 1,
        "journal": {"url": f"sqlite:///{folder.absolute() / 'journal.db'}"},
        "sources": {SOURCE: {"type": "prometheus", "url": world.metrics_url, "timeout": "5s"}},
        "providers": {
            PROVIDER: {
                "type": "unleash",
                "url": world.flags_url,
                "auth": {"type": "token", "token": {"env": ADMIN_TOKEN_ENV}},
                "client_auth": {"type": "token", "token": {"env": CLIENT_TOKEN_ENV}},
                "project": PROJECT,
                "settle_time": pace.span(4, at_least=1.0),
            }
        },
        "environments": {PRODUCTION: {"production": True}},
        "ui": {"interval": pace.span(5, at_least=pace.scrape_s)},
    }


def plan_document(service: Service, pace: Pace) -> dict[str, Any]:
    return {
        "format": 1,
        "name": service.flag,
        "title": service.title,
        "owner": service.owner,
        "change": {
            "canary": {"version": service.canary_version},
            "baseline": {"version": service.baseline_version},
        },
        "flag": {"provider": PROVIDER, "key": service.flag, "environment": PRODUCTION, "stickiness": "userId"},
        "metrics": _metrics(service, pace),
        "judge": {"min_time": pace.span(90, at_least=_SCRAPES_PER_WINDOW * pace.scrape_s), "grace": 3},
        "rollback": {
            "to": "off",
            "on_breach": "ask",
            "countdown": pace.span(60, at_least=30.0),
            "watch_after": pace.span(180, at_least=10.0),
        },
        "criteria": _criteria(service, pace),
        "phases": _phases(service, pace),
    }


def _metrics(service: Service, pace: Pace) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "source": SOURCE,
        "canary": f'version="{service.canary_version}"',
        "baseline": f'version="{service.baseline_version}"',
        "requests": f'http_requests_total{{job="{service.job}",$arm}}',
        # Employees stay in when the percentage comes on top, so the canary has a little more than its percentage.
        "exposure": "40%",
        "host": "instance",
        "step": pace.step,
        "warmup": pace.span(10, at_least=0.0),
        "max_sample_age": pace.max_sample_age,
    }
    if service.by_channel:
        metrics["segment"] = {"label": "channel", "required": [channel.value for channel in Channel]}
    return metrics


def _criteria(service: Service, pace: Pace) -> list[dict[str, Any]]:
    job, window = f'job="{service.job}"', pace.window
    common = {"test": "threshold", "window": window, "breach_after": pace.breach_after}
    cost = f"1000 * sum(rate(llm_cost_dollars_total{{{job},$arm}}[{window}])) / sum(rate(answers_total{{{job},$arm}}[{window}]))"
    slow = f"histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{{{job},$arm}}[{window}])))"
    criteria: list[dict[str, Any]] = [
        {
            "id": "errors",
            "title": "Requests that fail",
            "type": "ratio",
            **common,
            "bad": f'http_requests_total{{{job},code=~"5..",$arm}}',
            "total": f"http_requests_total{{{job},$arm}}",
            "max": service.max_errors,
            "role": "guardrail",
        },
        {
            "id": "latency",
            "title": "Slowest 5 % of answers",
            "type": "value",
            **common,
            "expr": slow,
            "max": 0.8,
            "unit": "s",
            "role": "guardrail",
        },
        {
            "id": "cost",
            "title": "Cost per 1,000 answers",
            "type": "value",
            **common,
            "expr": cost,
            "max": 3.2,
            "unit": "USD",
            "role": "signal",
        },
        {
            "id": "quality",
            "title": "Evaluation-set score",
            "type": "value",
            **common,
            "expr": f'eval_score{{{job},suite="golden",$arm}}',
            "versus": "baseline",
            "better": "higher",
            "tolerate": "3%",
            "role": "signal",
        },
    ]
    return [criterion for criterion in criteria if criterion["id"] in service.criteria]


def _phases(service: Service, pace: Pace) -> list[dict[str, Any]]:
    cohorts: tuple[tuple[str, dict[str, Any], float], ...] = (
        ("internal", {"audiences": [AUDIENCE]}, 240),
        ("five", {"percent": 5}, 360),
        ("thirty", {"percent": 30}, 360),
        ("everyone", {"percent": 100}, 480),
    )
    return [
        {
            "name": name,
            "owner": service.owner,
            "cohort": cohort,
            "bake": pace.span(bake),
            "deadline": pace.span(4 * bake, at_least=60.0),
            # The good canary is left to people; the others step to five percent by themselves, where something happens.
            "advance": "auto" if name == "internal" and service.scenario is not Scenario.GOOD else "manual",
        }
        for name, cohort, bake in cohorts
    ]
