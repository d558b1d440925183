"""Test A: error ratios of two arms, compared by conditional rate-ratio e-processes. Pure functions on arrays."""
