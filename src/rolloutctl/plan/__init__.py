"""The plan file: models, reading with places, canonical form and digest, the pure linter."""
