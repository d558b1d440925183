"""What a shell sees: arguments, options and help of every command. The work is done in `rolloutctl.cli`, loaded when it runs."""
