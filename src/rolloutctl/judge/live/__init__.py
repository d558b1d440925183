"""Looks that go on from the look before them: equal to judging from the phase's start, and hardly dearer in an old phase.

What is remembered is only speed. Whoever remembers nothing, or something that no longer fits the samples, judges anew and
gets the same verdicts.
"""
