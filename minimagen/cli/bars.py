"""A bar for each thing that takes a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counted(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far something is, on standard error.

    Args:
        title: what it is.
        total: how many there are.

    Yields:
        A function that is told how many more are done.
    """
    from tqdm import tqdm

    with tqdm(desc=title, total=total, leave=False) as bar:

        def told(more: int) -> None:
            bar.update(more)

        yield told
