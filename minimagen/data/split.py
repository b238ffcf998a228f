"""Which items are trained on and which are kept for validation."""

from minimagen import seeds


def split(count: int, fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Divide ``range(count)`` into training and validation; it follows from the arguments alone.

    Args:
        count: number of items, at least 1.
        fraction: share to train on, in (0, 1].
        seed: the run's seed.

    Returns:
        Indices in rising order. At least one to train on; at least one to validate with, unless
        there is only one item or the fraction is 1.
    """
    most = count if count == 1 or fraction >= 1 else count - 1
    trained = min(max(1, round(count * fraction)), most)
    order: list[int] = seeds.permutation(count, seed, "split").tolist()
    return sorted(order[:trained]), sorted(order[trained:])
