"""Widgets that draw what `draw/` lays out."""
