"""Benchmarks: every speed beside its anchor, measured in the same run. `python -m bench [NAME…] [--quick]`.

Nothing here is imported by the program or by its tests. A benchmark is a module of `bench.measures` with a `BENCHMARK`.
"""
