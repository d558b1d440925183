"""Runs of runbooks: created in the journal under a lease, carried through, read back from it."""
