"""One of every kind, read off the unions, so that a new kind is tested without a new line here."""

from typing import Any, get_args

from minimagen.diffusion import AnySchedule, Objective, Weighting


def every(union: Any) -> list[Any]:
    """Return one default member for each kind of a discriminated union."""
    return [kind() for kind in get_args(get_args(union)[0])]


SCHEDULES = every(AnySchedule)
SHIFTED = [type(schedule)(shift=-2.0) for schedule in SCHEDULES]
OBJECTIVES = every(Objective)
WEIGHTINGS = every(Weighting)


def name(value: Any) -> str:
    """Name a case after its kind."""
    shift = getattr(value, "shift", 0.0)
    return f"{value.kind}{shift:+}" if shift else value.kind
