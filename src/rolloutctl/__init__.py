"""rolloutctl: rollout operations in a terminal."""
