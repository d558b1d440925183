"""The runbook file: models, digests, placeholders, reading."""
