"""Plans and a config for many like rollouts, as a team would have them: counters, a histogram, two expressions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w

from bench.names import BASELINE, CANARY, job_name, phase_name, rollout_name

ADMIN, CLIENT = "BENCH_ADMIN_TOKEN", "BENCH_CLIENT_TOKEN"
SOURCE, PROVIDER = "metrics", "flags"
ROUTES = tuple(f"r{number}" for number in range(6))
_WINDOW = "5m"


def plan_text(number: int, criteria: list[dict[str, Any]], *, step: str = "15s") -> str:
    return tomli_w.dumps(
        {
            "format": 1,
            "name": rollout_name(number),
            "owner": "ana",
            "change": {"canary": {"version": CANARY}, "baseline": {"version": BASELINE}},
            "flag": {"provider": PROVIDER, "key": rollout_name(number), "environment": "production", "stickiness": "userId"},
            "metrics": {
                "source": SOURCE,
                "canary": f'version="{CANARY}"',
                "baseline": f'version="{BASELINE}"',
                "requests": f'http_requests_total{{job="{job_name(number)}",$arm}}',
                "exposure": "100%",
                "host": "instance",
                "step": step,
                "max_sample_age": "5m",
            },
            "rollback": {"to": "off", "on_breach": "ask", "watch_after": "10s"},
            "criteria": criteria,
            "phases": [
                {
                    "name": phase_name(number),
                    "owner": "ana",
                    "cohort": {"percent": 5},
                    "bake": "25h",
                    "deadline": "200h",
                    "settle_time": "0s",
                },
                {"name": "everyone", "owner": "ana", "cohort": {"percent": 100}, "bake": "1h", "settle_time": "0s"},
            ],
        }
    )


def four_criteria(number: int) -> list[dict[str, Any]]:
    """What a usual plan has: errors, latency, cost, quality."""
    return [_errors(number, "errors", ""), *_expressions(number)[:3]]


def ten_criteria(number: int) -> list[dict[str, Any]]:
    """Six ratios, one per route, and four expressions."""
    return [*(_errors(number, f"errors-{route}", f',route="{route}"') for route in ROUTES), *_expressions(number)]


def _errors(number: int, name: str, matchers: str) -> dict[str, Any]:
    series = f'http_requests_total{{job="{job_name(number)}"{matchers}'
    return {
        "id": name,
        "type": "ratio",
        "test": "threshold",
        "bad": f'{series},code="500",$arm}}',
        "total": f"{series},$arm}}",
        "max": 0.03,
        "window": _WINDOW,
        "role": "guardrail",
    }


def _expressions(number: int) -> list[dict[str, Any]]:
    inside = f'job="{job_name(number)}",$arm'
    slow = f"histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{{{inside}}}[{_WINDOW}])))"
    cost = f"1000 * sum(rate(llm_cost_dollars_total{{{inside}}}[{_WINDOW}])) / sum(rate(answers_total{{{inside}}}[{_WINDOW}]))"
    return [
        _value("latency", slow, 0.8),
        _value("cost", cost, 3.2),
        _value("quality", f"1 - eval_score{{{inside}}}", 0.5),
        _value("queue", f"sum(queue_length{{{inside}}})", 100),
    ]


def _value(name: str, expression: str, most: float) -> dict[str, Any]:
    return {
        "id": name,
        "type": "value",
        "test": "threshold",
        "expr": expression,
        "max": most,
        "window": _WINDOW,
        "role": "signal",
    }


def write_config(folder: Path, metrics: str, flags: str, interval: str) -> Path:
    """A config.toml with its journal beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    path.write_text(
        tomli_w.dumps(
            {
                "format": 1,
                "journal": {"url": f"sqlite:///{folder}/journal.db"},
                "operator": {"name": "ana"},
                "sources": {SOURCE: {"type": "prometheus", "url": metrics}},
                "providers": {
                    PROVIDER: {
                        "type": "unleash",
                        "url": flags,
                        "auth": {"type": "token", "token": {"env": ADMIN}},
                        "client_auth": {"type": "token", "token": {"env": CLIENT}},
                        "settle_time": "0s",
                    }
                },
                "environments": {"production": {"production": True}},
                "ui": {"interval": interval},
            }
        )
    )
    return path
