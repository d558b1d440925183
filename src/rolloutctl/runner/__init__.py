"""Runs a runbook: what comes next (`next.py`, pure), doing it (`runner.py`), proving it, and the record of a rehearsal."""
