"""Captions become token embeddings here: encoders, their cache, and the bundled t5-tiny.

Nothing here knows null text, networks or data sets: an empty caption is a mask that is False
everywhere. Importing this package imports neither torch nor transformers.
"""
