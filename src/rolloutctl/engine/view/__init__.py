"""What views see of the engine and say to it: snapshots, commands, and how a screen leaves."""
