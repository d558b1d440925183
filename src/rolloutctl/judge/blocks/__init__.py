"""Test B: an arm's value against another arm's, or against a bound, block by block of about a minute.

Pure functions on arrays: no clock, no network, no state. `judge_blocks` gives for every cell what was known by the end of
that cell and nothing later, so a look at an earlier time is a prefix, and a restart recomputes the same.
"""

from rolloutctl.judge.blocks.again import BlockMemory
from rolloutctl.judge.blocks.inputs import Better, BlockInputs, BlockTrack, Scale, Settings
from rolloutctl.judge.blocks.track import judge_blocks

__all__ = ["Better", "BlockInputs", "BlockMemory", "BlockTrack", "Scale", "Settings", "judge_blocks"]
