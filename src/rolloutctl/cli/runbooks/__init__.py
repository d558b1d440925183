"""Runbooks as files: which there are, what one does, what is wrong with one. Nothing here runs a step."""
