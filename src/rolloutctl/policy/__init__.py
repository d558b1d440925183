"""`decide(plan, state, facts) -> decision`: the rules of the product in one place. Pure: no I/O, no clock."""
