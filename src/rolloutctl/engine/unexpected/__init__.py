"""What nobody expected: into a private file, as a sentence to the user."""
