"""What needs an engine's adapters and no loop: sealing, live facts for the linter, finding servers, backtests."""
