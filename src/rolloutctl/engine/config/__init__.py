"""Which config files there are, what they say together, and where secrets are read from."""
