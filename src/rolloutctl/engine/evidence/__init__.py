"""What verdicts rest on, kept in the journal: written at a look, read by a later driver and by `replay`."""
