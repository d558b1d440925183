"""What the parts of the engine share: adapters, time, the journal's thread, and the record of each rollout."""
