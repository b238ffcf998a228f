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


@contextmanager
def learning(title: str, steps: int) -> Iterator[Callable[[int, int, float], None]]:
    """Show how far a training is, and its loss, on standard error.

    Args:
        title: what is trained.
        steps: how many there are.

    Yields:
        A function that is told the steps done, the steps of all, and the loss.
    """
    from tqdm import tqdm

    with tqdm(total=steps, desc=title, unit="step") as bar:

        def told(done: int, total: int, loss: float) -> None:
            bar.update(done - bar.n)
            bar.set_postfix(loss=f"{loss:.3f}")

        yield told
