"""What ``inference.py`` draws: asked for in a record, divided into batches, kept in a directory."""
