"""The demo world: a flag server, simulated services with users, and metrics that follow from both.

It runs as one separate process (`python -m rolloutctl.demo.world`) and is real on every wire: HTTP on the
loopback interface only. Nothing in the product imports this package except the command that starts it.
"""
