"""Words on a terminal: one file a command, progress, errors and exit codes."""
