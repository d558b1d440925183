"""The screen: reads the engine's snapshots, sends it commands, and never speaks to a server or the journal itself."""
