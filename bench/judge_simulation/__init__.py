"""Our judge and the other rules of `bench.judge_rules` on the same simulated traffic: who alarms without cause, who is how slow.

Every rule sees the same numbers. Everything follows from one seed, whatever the number of processes.
"""
