"""The simulated services' SDK: polls the flag server's client API over HTTP and tells each service who gets the canary.

While the flag server does not answer, the last known cohorts stay, as they do in a real SDK.
"""

from collections.abc import Callable, Sequence

import httpx
from pydantic import ValidationError

from rolloutctl.demo.evaluation import ClientFeature, ClientFeatures, CompiledFlag
from rolloutctl.demo.service import SimulatedService


class FlagPoller:
    """Owns its HTTP client; `poll` may be called by one thread at a time."""

    def __init__(self, services: Sequence[SimulatedService], url: str, token: str, monotonic: Callable[[], float]) -> None:
        self._services = services
        self._monotonic = monotonic
        self._client = httpx.Client(base_url=url, headers={"Authorization": token}, timeout=httpx.Timeout(2.0), trust_env=False)
        self._etag = ""
        self._known: dict[str, ClientFeature | None] = {}

    def poll(self) -> None:
        try:
            answer = self._client.get("/api/client/features", headers={"If-None-Match": self._etag})
        except httpx.HTTPError:
            return
        if answer.status_code != httpx.codes.OK:
            return
        try:
            found = ClientFeatures.model_validate_json(answer.content)
        except ValidationError:
            return
        self._etag = answer.headers.get("etag", "")
        by_name = {feature.name: feature for feature in found.features}
        for service in self._services:
            feature = by_name.get(service.spec.flag)
            if service.spec.flag not in self._known or self._known[service.spec.flag] != feature:
                self._known[service.spec.flag] = feature
                service.set_cohort(_serves(feature), self._monotonic())

    def close(self) -> None:
        self._client.close()


def _serves(feature: ClientFeature | None) -> Callable[[str], bool]:
    return (lambda _: False) if feature is None else CompiledFlag(feature).serves
