"""The journal in PostgreSQL: the same events and the same chain, shared by operators and drivers on many machines."""
