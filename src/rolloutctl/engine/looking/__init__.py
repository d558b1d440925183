"""Asking sources and flag servers, and judging what they say."""
