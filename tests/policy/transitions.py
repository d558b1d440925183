"""Every way a rollout's status and a phase's step may change. The harness refuses any other; `test_transitions.py` walks each."""

from rolloutctl.model.state import RolloutState, Status, Step

STATUS = frozenset(
    {
        (Status.SEALED, Status.ACTIVE),
        (Status.SEALED, Status.ABORTED),
        (Status.SEALED, Status.ROLLING_BACK),
        (Status.ACTIVE, Status.STABILISING),
        (Status.ACTIVE, Status.DONE),
        (Status.ACTIVE, Status.ROLLING_BACK),
        (Status.ACTIVE, Status.ABORTED),
        (Status.STABILISING, Status.ACTIVE),
        (Status.STABILISING, Status.DONE),
        (Status.STABILISING, Status.ROLLING_BACK),
        (Status.STABILISING, Status.ABORTED),
        (Status.ROLLING_BACK, Status.ROLLED_BACK),
        (Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN),
        (Status.ROLLBACK_UNKNOWN, Status.ROLLED_BACK),
        (Status.DONE, Status.ROLLING_BACK),
        (Status.ABORTED, Status.ROLLING_BACK),
    }
)

STEP = frozenset(
    {
        (Step.WAITING, Step.APPLYING),
        (Step.APPLYING, Step.SETTLING),
        (Step.APPLYING, Step.WAITING),
        (Step.APPLYING, Step.BAKING),
        (Step.APPLYING, Step.READY),
        (Step.SETTLING, Step.BAKING),
        (Step.SETTLING, Step.APPLYING),
        (Step.BAKING, Step.READY),
        (Step.BAKING, Step.APPLYING),
        (Step.READY, Step.WAITING),
        (Step.READY, Step.APPLYING),
        (Step.READY, Step.BAKING),
    }
)


def check_move(before: RolloutState, after: RolloutState) -> None:
    """Raises AssertionError where the page knows no such transition."""
    if before.status is not after.status:
        assert (before.status, after.status) in STATUS, f"{before.status} → {after.status} is no transition of a rollout"
    if before.step is not after.step:
        assert (before.step, after.step) in STEP, f"{before.step} → {after.step} is no transition of a phase"
