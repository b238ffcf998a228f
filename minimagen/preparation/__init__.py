"""Data made ready once, before any training: checked, without duplicates, resized, in shards."""
