"""What a driver tells Prometheus, from one snapshot of its engine. Pure.

One sample for every rollout that has not ended; those that have are counted by status only, so that the number of series does
not grow with the journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from rolloutctl.cli.watched.exposition import Family, Sample, Type
from rolloutctl.engine.view.snapshot import Driving, FleetSnapshot, PartHealth, RolloutSnapshot
from rolloutctl.model.state import Status
from rolloutctl.model.verdict import PhaseState


def figures(fleet: FleetSnapshot, events: Mapping[str, int], version: str, now: datetime) -> tuple[Family, ...]:
    """`events`: how many events of each kind this process has seen journalled since it began."""
    going = [rollout for rollout in fleet.rollouts if not rollout.state.status.final]
    statuses = Counter(rollout.state.status for rollout in fleet.rollouts)
    driving = Counter(rollout.driver.driving for rollout in fleet.rollouts)
    errors = sum(len(rollout.errors) for rollout in fleet.rollouts)
    return (
        _gauge("info", "The version that runs.", [Sample(1, {"version": version})]),
        _gauge("rollouts", "Rollouts in the journal, by status.", (Sample(statuses[each], {"status": each}) for each in Status)),
        _gauge(
            "rollouts_driven",
            "Rollouts that need a driver, by who drives them: this process (here), another one, or nobody (unattended).",
            (Sample(driving[each], {"driving": each}) for each in Driving if each is not Driving.NOT_NEEDED),
        ),
        _gauge("leases_held", "Leases that this process holds.", [Sample(driving[Driving.HERE])]),
        _gauge(
            "rollout_verdict",
            "1 for the verdict of the phase that bakes, 0 for the other three; no sample: not judged yet.",
            (each for rollout in going for each in _verdict(rollout)),
        ),
        _gauge("rollout_held", "1 while the rollout is held, by whom.", (each for rollout in going for each in _holds(rollout))),
        _gauge(
            "rollout_countdown_seconds",
            "Seconds until a countdown rolls back, by this machine's clock; negative: it has run out.",
            (each for rollout in going for each in _countdown(rollout, now)),
        ),
        _gauge(
            "rollout_criteria",
            "Criteria of the phase, by verdict.",
            (each for rollout in going for each in _criteria(rollout)),
        ),
        _gauge("errors", "What is wrong with rollouts just now, as `status` and the screens say it.", [Sample(errors)]),
        _gauge("part_up", "1: the newest look at a source, a provider or the journal worked.", _parts(fleet.parts)),
        _gauge("part_age_seconds", "Since a source, a provider or the journal was last looked at.", _ages(fleet.parts, now)),
        _gauge("clock_skew_seconds", "This machine's clock minus the source's.", [Sample(fleet.skew_s)]),
        _gauge("journal_head", "Number of the newest event that this process has seen.", [Sample(fleet.journal_seq)]),
        _gauge("snapshot_age_seconds", "Since the engine last told what it sees.", [Sample((now - fleet.at).total_seconds())]),
        Family(
            "rolloutctl_events_total",
            Type.COUNTER,
            "Events journalled by anybody since this process began, by kind.",
            tuple(Sample(count, {"kind": kind}) for kind, count in sorted(events.items())),
        ),
    )


def _gauge(name: str, about: str, samples: Iterable[Sample]) -> Family:
    return Family(f"rolloutctl_{name}", Type.GAUGE, about, tuple(samples))


def _verdict(rollout: RolloutSnapshot) -> Iterable[Sample]:
    if rollout.phase_verdict is not None:
        for state in PhaseState:
            is_so = rollout.phase_verdict.state is state
            yield Sample(1 if is_so else 0, {"rollout": rollout.id, "verdict": state})


def _holds(rollout: RolloutSnapshot) -> Iterable[Sample]:
    for by in sorted({hold.by for hold in rollout.state.holds}):
        yield Sample(1, {"rollout": rollout.id, "by": by})


def _countdown(rollout: RolloutSnapshot, now: datetime) -> Iterable[Sample]:
    countdown = rollout.state.countdown
    if countdown is not None:
        yield Sample((countdown.fires_at - now).total_seconds(), {"rollout": rollout.id})


def _criteria(rollout: RolloutSnapshot) -> Iterable[Sample]:
    for state, count in sorted(Counter(verdict.state for verdict in rollout.verdicts).items()):
        yield Sample(count, {"rollout": rollout.id, "verdict": state})


def _parts(parts: Iterable[PartHealth]) -> Iterable[Sample]:
    for part in parts:
        if part.health is not None:
            yield Sample(1 if part.health.ok else 0, {"kind": part.kind, "name": part.name})


def _ages(parts: Iterable[PartHealth], now: datetime) -> Iterable[Sample]:
    for part in parts:
        if part.at is not None:
            yield Sample(max(0.0, (now - part.at).total_seconds()), {"kind": part.kind, "name": part.name})
