"""Running runbooks from the command line: at a terminal with a person, or without anybody."""
