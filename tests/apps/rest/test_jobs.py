"""Jobs that nobody waits for, supervision, and whatever schemathesis can think of."""

import io
import json
from collections import Counter
from contextlib import suppress

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode

from minimagen.apps.requests import DrawRequest
from minimagen.apps.rest.jobs import EXAMPLE
from tests.apps.conftest import Served, until

SOON_S = 5.0
LONG = {"captions": ["a red circle"], "steps": 250, "images_per_caption": 4}


def test_a_job_is_taken_followed_and_fetched(client: httpx.Client) -> None:
    answer = client.post("/v1/jobs", json={"captions": ["red", "blue"], "seed": 7, "steps": 8})
    assert answer.status_code == 202
    job = answer.json()["id"]
    with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
        lines = [line for line in stream.iter_lines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert events[-1]["state"] == "done"
    assert events[-1]["progress"]["pictures"] == 2
    pictures = client.get(f"/v1/jobs/{job}").json()["pictures"]
    assert [(p["caption"], p["seed"], p["number"]) for p in pictures] == [
        ("red", 7, 0),
        ("blue", 7, 1),
    ]
    shown = Image.open(io.BytesIO(client.get(pictures[1]["url"]).content))
    assert shown.size == (32, 32)
    assert [one["id"] for one in client.get("/v1/jobs").json()["data"]] == [job]


def test_a_job_shows_a_preview_and_can_be_stopped(served: Served, client: httpx.Client) -> None:
    job = client.post("/v1/jobs", json=LONG).json()["id"]
    until(lambda: served.studio.job(job).progress.preview is not None)
    preview = Image.open(io.BytesIO(client.get(f"/v1/jobs/{job}/preview").content))
    assert preview.size == (4 * 16, 16)
    assert client.delete(f"/v1/jobs/{job}").json()["state"] == "cancelled"
    gone = client.get(f"/v1/jobs/{job}/preview")
    assert gone.status_code == 404
    assert "nothing to see" in gone.json()["error"]["message"]
    until(lambda: served.studio.waiting == 0)


@pytest.mark.parametrize("job", ["x", "..%2F..", "0" * 5000])
def test_a_job_that_is_not_there_is_404(client: httpx.Client, job: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/preview"), ("GET", "/events")):
        answer = client.request(method, f"/v1/jobs/{job}{path}")
        assert answer.status_code == 404
        assert answer.json()["error"]["message"]


def test_what_happened_is_counted(client: httpx.Client) -> None:
    client.post("/v1/images/generations", json={"prompt": "red", "n": 3})
    client.post("/v1/images/generations", json={})
    lines = client.get("/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['minimagen_jobs_total{end="done"}'] == "1"
    assert values["minimagen_pictures_total"] == "3"
    assert values['minimagen_answers_total{status="200"}'] == "1"
    assert values['minimagen_answers_total{status="422"}'] == "1"
    assert float(values["minimagen_drawing_seconds_total"]) > 0


def test_the_examples_of_the_description_can_be_drawn(client: httpx.Client) -> None:
    description = client.get("/openapi.json").json()
    DrawRequest.model_validate(EXAMPLE | {"steps": [1, 1]})
    generate = description["paths"]["/v1/images/generations"]["post"]
    examples = generate["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        answer = client.post("/v1/images/generations", json=example["value"] | {"steps": 1})
        assert answer.status_code == 200
    assert "$ref" not in json.dumps(description["paths"]["/v1/jobs"]["post"]["requestBody"])


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_nothing_that_fits_or_breaks_the_description_is_a_server_error(
    served: Served, client: httpx.Client, mode: GenerationMode
) -> None:
    """All operations, with cases drawn by schemathesis; whatever takes long is stopped."""
    description = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    description.config.update(base_url=served.url)
    tried: Counter[str] = Counter()

    def attack(case: schemathesis.Case) -> None:
        try:
            status = case.call(timeout=SOON_S).status_code
        except requests.ReadTimeout:  # which takes the job out of the queue
            tried["left"] += 1
        else:
            tried[str(status)] += 1
            assert status < 500
        for job in served.studio.jobs()[:1]:
            served.studio.cancel(job.id)

    for found in description.get_all_operations():
        cases = found.ok().as_strategy(generation_mode=mode)
        with suppress(Unsatisfiable):  # some operations cannot be broken
            many(given(case=cases)(lambda case: attack(case)))()
    print(mode.name, dict(tried))
    assert tried["200"] + tried["202"] + tried["422"] > 100


many = settings(max_examples=40, suppress_health_check=list(HealthCheck), database=None)
