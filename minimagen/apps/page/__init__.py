"""The web page: four tabs over the studio, its history and its runs; no logic of their own.

A tab is a file: ``build_..`` lays it out, ``wire_..`` says what its buttons do. Everything is asked
of ``studio``, ``history`` and ``runs``, as the REST interface does. gradio's only door.
"""
