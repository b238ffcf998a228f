"""The two programs people would otherwise take, beside this project: PyPI's `minimagen` and
`imagen-pytorch`.

    python -m benchmarks.peers      fetches them, once

One of them has our name, so every contender, ours too, is a process of its own that a benchmark
talks to in lines of JSON. What a contender can do is in ``contender``, what is said in ``worker`` and
``client``. Foreign code is touched in ``door`` alone.
"""
