"""rolloutctl: rollout operations in a terminal."""

VERSION = "0.1.0"
"""As the package's metadata has it, at hand without reading that."""
