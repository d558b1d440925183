"""Small models of how other tools judge an error ratio, on the same cells as ours, and traffic to try them on.

Each rule is a pure function `breaches(arms) -> (cells,) bool`: whether it would have rolled back by the end of each cell.
Settings are the favourable ones for an error ratio; each module names the source of its rule. Rules that need more than
counts (latency, several metrics, weights) are modelled for one ratio alone.
"""
