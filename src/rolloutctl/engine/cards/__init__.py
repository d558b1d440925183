"""What the journal says of every rollout, kept beside it, so that a first look needs no fold."""
