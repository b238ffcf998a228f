"""How sure a share is: of so many captions right, of so many pictures alike."""

from minimagen.evaluation.bootstrap import Interval

Z = 1.96  # standard deviations of 95 %


def share(right: int, drawn: int, z: float = Z) -> Interval:
    """Return a share and Wilson's interval, which is honest near 0 and 1 too.

    Args:
        right: how many.
        drawn: of how many, at least 1.
        z: half the width of the interval in standard deviations.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    found, scale = right / drawn, 1 + z**2 / drawn
    middle = (found + z**2 / (2 * drawn)) / scale
    reach = z / scale * (found * (1 - found) / drawn + z**2 / (4 * drawn**2)) ** 0.5
    return Interval(found, max(0.0, middle - reach), min(1.0, middle + reach))
