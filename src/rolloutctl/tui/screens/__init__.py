"""Screens: each draws itself from the newest snapshot whenever one comes and once a second."""
