"""The linter's rules, one module per part of the plan; each takes the plan (and facts) and yields findings."""
