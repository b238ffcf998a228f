"""Where what a run measures and draws goes: its own files, and trackers that may fail."""
