"""`init`: asks, looks at what is there, and writes a first config and a first plan."""
