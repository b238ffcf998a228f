"""``/metrics`` in the text format of Prometheus, version 0.0.4."""

from collections.abc import Iterator, Mapping

from minimagen.apps.guard import Guard
from minimagen.apps.studio import Studio

CONTENT = "text/plain; version=0.0.4; charset=utf-8"
ENDS = ("done", "failed", "cancelled")


def measures(studio: Studio, guard: Guard) -> str:
    """Return what was counted since the server was started, and how it is now."""
    counts = studio.counts
    jobs = {f'{{end="{end}"}}': float(counts[end]) for end in ENDS}
    answers = {f'{{status="{status}"}}': float(n) for status, n in sorted(guard.answered.items())}
    lines = [
        *_metric("minimagen_jobs_total", "counter", "Jobs that are over, by how they ended.", jobs),
        *_metric("minimagen_jobs_waiting", "gauge", "Jobs that wait or are drawn.", studio.waiting),
        *_metric("minimagen_queue_size", "gauge", "Jobs that may wait.", studio.queue_size),
        *_metric("minimagen_batch_size", "gauge", "Pictures drawn at a time.", studio.batch_size),
        *_metric("minimagen_pictures_total", "counter", "Pictures drawn.", counts["pictures"]),
        *_metric(
            "minimagen_drawing_seconds_total",
            "counter",
            "Seconds from a job's first batch to its last.",
            counts["milliseconds"] / 1000,
        ),
        *_metric("minimagen_answers_total", "counter", "Answers, by their status.", answers),
    ]
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, about: str, values: float | Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items() if isinstance(values, Mapping) else [("", values)]:
        yield f"{name}{labels} {value:g}"
