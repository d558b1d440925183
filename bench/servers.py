"""The world that is polled, as a process of its own: `python -m bench.servers FLAGS`. One JSON line when it is ready.

A flag server with so many flags (the demo's, over HTTP), and one metrics page with the hosts of as many services. It ends
when its standard input closes or on SIGTERM. `GET /off` of the metrics page tells when a flag was last turned off.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.names import BASELINE, CANARY, job_name, rollout_name
from bench.plans import ROUTES
from rolloutctl.demo.flag_server import FlagServer, Tokens, new_store
from rolloutctl.demo.http import LoopbackServer, Request, Response, json_response

EDGES = ("0.1", "0.3", "0.8", "2.0", "+Inf")
_TEXT = "text/plain; version=0.0.4"
Sample = tuple[str, str, float]
"""Name, labels, value."""


def samples(services: int, age_s: float) -> Iterator[Sample]:
    """What the hosts of `services` services show after `age_s` seconds: steady traffic, a fifth of a percent of it failing."""
    for number in range(services):
        for version, rate in ((CANARY, 5.0), (BASELINE, 95.0)):
            who = f'job="{job_name(number)}",version="{version}",instance="{job_name(number)}-{version}"'
            count = rate * age_s
            for route in ROUTES:
                requests = f'{who},route="{route}"'
                yield "http_requests_total", f'{requests},code="200"', math.floor(count * 0.998)
                yield "http_requests_total", f'{requests},code="500"', math.floor(count * 0.002)
            for part, edge in zip((0.2, 0.7, 0.98, 0.999, 1.0), EDGES, strict=True):
                yield "http_request_duration_seconds_bucket", f'{who},le="{edge}"', math.floor(count * part)
            yield "llm_cost_dollars_total", who, count * 0.0024
            yield "answers_total", who, math.floor(count)
            yield "eval_score", who, 0.86 + 0.01 * math.sin(age_s / 60 + number)
            yield "queue_length", who, 3 + math.floor(2 * math.sin(age_s / 30 + number))


@dataclass(slots=True)
class _Answers:
    services: int
    flags: FlagServer
    began: float
    off: dict[str, float] = field(default_factory=dict)
    """When each flag was last turned off, by the clock that all processes of a machine share."""

    def metrics(self, request: Request) -> Response:
        if request.path == "/off":
            return json_response(200, self.off)
        lines = [f"{name}{{{labels}}} {value}" for name, labels, value in samples(self.services, time.time() - self.began)]
        return Response(200, "\n".join([*lines, ""]).encode(), _TEXT)

    def admin(self, request: Request) -> Response:
        response = self.flags.answer(request)
        if request.method == "POST" and request.path.endswith("/off") and response.status < 300:
            self.off[request.path.split("/features/")[1].split("/")[0]] = time.monotonic()
        return response


def main() -> None:
    count = int(sys.argv[1])
    store, tokens = new_store(), Tokens.make()
    for number in range(count):
        store.create_flag("default", rollout_name(number), "release", "", "bench")
    answers = _Answers(count, FlagServer(store, tokens), time.time() - 3600)
    with LoopbackServer(answers.admin) as flags, LoopbackServer(answers.metrics) as metrics:
        urls = {"flags": flags.url, "page": metrics.url, "admin": tokens.admin, "client": tokens.client}
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()
        while os.read(0, 4096):
            pass


if __name__ == "__main__":
    main()
