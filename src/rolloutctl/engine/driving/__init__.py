"""Acting: the driver of a rollout, its effects, and turning off without a journal."""
