"""Real servers for tests: Prometheus, PostgreSQL, Unleash, and a proxy that injects faults.

Every server listens on 127.0.0.1 on a free port, keeps its files in a folder of its own, is ended by its own process
id, and does not outlive the test run. Nothing here knows pytest, so scripts and benchmarks may use it too.
"""
