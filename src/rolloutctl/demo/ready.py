"""The one line a world prints when it is ready, and where it is: read by the launcher, by tests, by people."""

from pydantic import BaseModel, ConfigDict

from rolloutctl.demo.scenarios import Scenario


class WorldUrls(BaseModel):
    """Where a running world serves what. The tokens live in this process' memory and in the environment only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    """The world's process id."""
    flags_url: str
    """The flag server."""
    admin_token: str
    """For `/api/admin`."""
    client_token: str
    """For `/api/client`."""
    metrics_url: str
    """Prometheus, or what stands in for it."""
    metrics: str
    """Who serves it: `prometheus 2.42.0`, or `embedded`."""
    metrics_pid: int | None
    """Process id of a real Prometheus."""
    metrics_note: str
    """Why it is embedded, where somebody might wonder."""
    targets_url: str
    """The simulated hosts' metrics pages."""
    scrape_interval_s: float
    speed: float
    scenarios: tuple[Scenario, ...]
