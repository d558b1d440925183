"""From records to the snapshots that views draw."""
