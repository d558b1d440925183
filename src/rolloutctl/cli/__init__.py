"""Commands: one view of the engine for shells and scripts. stdout is data, stderr is talk, exit codes are `errors.ExitCode`."""
