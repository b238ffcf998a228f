"""Command lines: flags, the files they change, and how errors leave. Importing it needs no torch."""
