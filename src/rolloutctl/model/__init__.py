"""What happened and where we are: events, the fold, verdicts, outcomes. Pure values, no I/O, no clock."""
