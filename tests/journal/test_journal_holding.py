from datetime import UTC, datetime

import pytest

from rolloutctl.errors import LeaseLost
from rolloutctl.journal.holding import Claim, Held, check_lasts, claim, standing
from rolloutctl.ports import Lease


def held(holder: str = "ana", *, epoch: int = 3, expires_in_s: float = 10.0, released: bool = False) -> Held:
    return Held(Lease("rollout/a#1", holder, epoch, expires_in_s, datetime(2026, 1, 5, tzinfo=UTC)), released=released)


@pytest.mark.parametrize(
    ("row", "force", "got"),
    [
        pytest.param(None, False, Claim(None), id="nobody ever held it"),
        pytest.param(held("ben"), False, Claim(3), id="one's own is renewed"),
        pytest.param(held("ben", expires_in_s=-1), False, Claim(3), id="one's own that expired is renewed too"),
        pytest.param(held("ben", released=True), False, Claim(None), id="one's own that was given back begins anew"),
        pytest.param(held(), False, None, id="somebody else drives"),
        pytest.param(held(), True, Claim(None, "ana"), id="a rollback takes it over"),
        pytest.param(held(expires_in_s=0), False, Claim(None), id="somebody else's that expired is free"),
        pytest.param(held(released=True), True, Claim(None), id="nothing is taken over from who gave it back"),
    ],
)
def test_who_gets_the_lease(row: Held | None, force: bool, got: Claim | None) -> None:
    assert claim(row, "ben", force=force) == got


def test_a_lease_stands_while_holder_and_epoch_are_those_of_the_row() -> None:
    row = held(expires_in_s=-5)
    assert standing(row, row.lease) is row


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (None, "nobody holds it"),
        (held(released=True), "it was released at epoch 3"),
        (held(epoch=4), "ana holds it with epoch 4"),
        (held("ben", epoch=4), "ben holds it with epoch 4"),
    ],
)
def test_whoever_lost_it_hears_to_whom(row: Held | None, said: str) -> None:
    with pytest.raises(LeaseLost, match=said):
        standing(row, held().lease)


@pytest.mark.parametrize("ttl_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_lease_lasts_a_positive_time(ttl_s: float) -> None:
    with pytest.raises(ValueError, match="cannot last"):
        check_lasts(ttl_s)
