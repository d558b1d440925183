"""Prometheus, and whatever serves its HTTP API, behind `ports.Source`."""
