"""What our judge promises, measured on traffic made for it: rollouts of four phases, regressions, awkward scrapes.

Two makers of traffic that share no code (`services`, `queues`), our judge's own entry points (`judging`), and what is counted.
Everything follows from one seed, whatever the number of processes.
"""
