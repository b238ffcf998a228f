"""Command lines: flags, the files they change, how errors leave. Importing it needs no torch."""
