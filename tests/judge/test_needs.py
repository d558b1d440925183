"""Which queries are asked."""

from judge.worlds import START, plan_of, ratio, value
from rolloutctl.judge.needs import needs
from rolloutctl.model.samples import Query, QueryKind


def test_counters_are_asked_raw_from_a_window_before_the_phase():
    found = needs(plan_of([ratio(max=0.01, window="10m")]), 0, START, START + 100)
    assert found == tuple(
        Query(QueryKind.RAW, f'{name}{{version="{version}"}}', START - 600, START + 100)
        for version in ("2", "1")
        for name in ("bad", "req")
    )


def test_values_are_asked_on_the_grid_and_dated_by_their_selectors():
    expr = "sum(rate(a{$arm}[5m])) / sum(rate(b{$arm}[5m]))"
    found = needs(plan_of([value(max=1, expr=expr)]), 0, START, START + 100)
    filled = expr.replace("$arm", 'version="2"')
    assert found[:3] == (
        Query(QueryKind.GRID, filled, START, START + 90, 15.0),
        Query(QueryKind.TIMESTAMP, 'a{version="2"}', START, START + 90, 15.0),
        Query(QueryKind.TIMESTAMP, 'b{version="2"}', START, START + 90, 15.0),
    )
    assert len(found) == 6


def test_a_declared_selector_dates_the_value_instead():
    found = needs(plan_of([value(max=1, expr="a{$arm} or vector(0)", fresh="c{$arm}")]), 0, START, START + 100)
    assert [q.text for q in found if q.kind is QueryKind.TIMESTAMP] == ['c{version="2"}', 'c{version="1"}']


def test_the_baseline_is_left_out_where_nothing_needs_it():
    everyone = {"cohort": {"percent": 100}}
    assert all("1" not in q.text for q in needs(plan_of([ratio(max=0.01)], phase=everyone), 0, START, START + 100))
    without = plan_of([ratio(max=0.01)], metrics={"baseline": ""})
    assert len(needs(without, 0, START, START + 100)) == 2


def test_equal_selectors_of_several_criteria_and_exposure_are_one_query():
    criteria = [ratio(max=0.01, window="10m"), ratio(id="other", bad="worse{$arm}", max=0.01)]
    found = needs(plan_of(criteria, metrics={"requests": "req{$arm}"}), 0, START, START + 100)
    assert len(found) == len(set(found)) == 6


def test_what_cannot_be_asked_is_left_out_and_a_phase_in_the_future_asks_nothing():
    assert needs(plan_of([ratio(max=0.01, bad="sum(bad)")]), 0, START, START + 100) == ()
    assert needs(plan_of([ratio(max=0.01)]), 0, START, START - 1) == ()
