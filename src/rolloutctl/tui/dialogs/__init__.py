"""Dialogs: exact effect first, Cancel has the focus, confirmed with another key than the one that opened them."""
