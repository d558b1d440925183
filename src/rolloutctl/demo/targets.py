"""What a metrics server scrapes: one page per simulated host, and the scrape configuration that names them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rolloutctl.demo.http import Request, Response, match
from rolloutctl.demo.service import SimulatedService, identities

_PAGE: Final = "/metrics/{job}/{instance}"
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Targets:
    def __init__(self, services: Sequence[SimulatedService], monotonic: Callable[[], float]) -> None:
        self._services: Mapping[str, SimulatedService] = {service.spec.job: service for service in services}
        self._monotonic = monotonic

    def answer(self, request: Request) -> Response:
        params = match(_PAGE, request.path)
        service = self._services.get(params["job"]) if params is not None else None
        if params is None or service is None or request.method != "GET":
            return Response(404, b"no such page\n", _TEXT)
        text = service.text(params["instance"], self._monotonic())
        return Response(404, b"no such host\n", _TEXT) if text is None else Response(200, text.encode(), _TEXT)


def scrape_config(services: Sequence[SimulatedService], address: str, interval_s: float) -> str:
    """Return a Prometheus configuration (YAML, written as the JSON subset of it) that scrapes every host."""
    interval = f"{round(interval_s * 1000)}ms"
    jobs = [
        {
            "job_name": service.spec.job,
            "static_configs": [
                {
                    "targets": [address],
                    "labels": {
                        **{name: value for name, value in identity.labels().items() if name != "job"},
                        "__metrics_path__": f"/metrics/{identity.job}/{identity.instance}",
                    },
                }
                for identity in identities(service.spec)
            ],
        }
        for service in services
    ]
    document = {"global": {"scrape_interval": interval, "scrape_timeout": interval}, "scrape_configs": jobs}
    return json.dumps(document, indent=1)
