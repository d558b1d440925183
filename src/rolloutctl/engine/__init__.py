"""The loop, commands, recovery, wiring, live checks: the only place that acts, and it journals before and after it acts."""
