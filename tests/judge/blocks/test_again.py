"""Looks that only judge new cells are equal to looks that judge all."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from judge.blocks.test_properties import profile, same, worlds
from judge.blocks.worlds import arms, inputs
from rolloutctl.judge.blocks import BlockInputs, BlockMemory, again, judge_blocks


def until(world: BlockInputs, cells: int) -> BlockInputs:
    baseline = None if world.baseline is None else world.baseline[:cells]
    return replace(world, canary=world.canary[:cells], baseline=baseline)


@profile(deadline=None, max_examples=60)
@given(worlds(), st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(0, 5))
def test_looks_in_any_order_are_equal_to_judging_all_cells(world, parts, changed):
    memory = BlockMemory()
    for number, part in enumerate(parts):
        if number == changed and len(world.canary):
            corrected = world.canary.copy()
            corrected[int(part * (len(corrected) - 1))] *= 1.5
            world = replace(world, canary=corrected)
        cut = until(world, int(part * len(world.canary)))
        same(memory.judge("", cut), judge_blocks(cut))


def test_only_cells_that_are_new_are_judged():
    world, memory, asked = inputs(*arms(3, minutes=10)), BlockMemory(), []

    def judged(given, since=0):
        asked.append(since)
        return judge_blocks(given, since)

    with patch.object(again, "judge_blocks", judged):
        for end in (30, 35, 35, 40):
            memory.judge("", until(world, end))
    assert asked == [0, 30, 35]
