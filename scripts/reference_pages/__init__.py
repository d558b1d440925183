"""What `scripts/reference.py` writes: each module turns one kind of declaration in the code into text. No file is written."""
