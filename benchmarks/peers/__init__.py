"""The two programs people would otherwise take: PyPI's `minimagen` and `imagen-pytorch`.

    python -m benchmarks.peers      fetches them, once

One of them has our name, so every contender, ours too, is a process of its own that a benchmark
talks to in lines of JSON: ``client`` is the benchmark's side, ``worker`` the other. What a
contender can do is in ``contender``, and each kind has a file. Foreign code has one door, ``door``.
"""
