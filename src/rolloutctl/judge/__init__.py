"""From samples to verdicts: pure, so that the same input gives the same verdict on every machine, at any time."""
