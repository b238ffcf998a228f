"""Measurements that the docs quote, a command each; run them from the repository's root."""
