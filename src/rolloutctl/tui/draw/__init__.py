"""Text layout as pure functions: snapshots in, lines of inked spans out. No widgets, no clock, no terminal."""
