"""One module per concern of the linter."""
