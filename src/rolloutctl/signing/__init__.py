"""Signatures with SSH keys, behind the port `Signer`."""
