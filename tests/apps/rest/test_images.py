"""The routes that OpenAI's clients use, through a real socket; and with the client itself."""

import base64
import io
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import openai
import pytest
from PIL import Image

from minimagen.apps.studio import Studio
from tests.apps.conftest import (
    LONGEST_S,
    Served,
    mask_file,
    picture_file,
    png,
    serving,
    until,
)

ASKED = {"prompt": "a red circle", "steps": 2}
TOKEN = "a token of enough letters"


@pytest.fixture
def own_client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", timeout=LONGEST_S) as client:
        yield client


def picture(b64: str | None) -> np.ndarray:
    assert b64 is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(b64))))


def test_openai_s_client_generates(own_client: openai.OpenAI) -> None:
    answer = own_client.images.generate(
        prompt="a red circle", n=2, size="16x16", model="training_tiny", extra_body={"seed": 7}
    )
    assert answer.data is not None
    first, second = (picture(one.b64_json) for one in answer.data)
    assert first.shape == (16, 16, 3)
    assert not np.array_equal(first, second)
    again = own_client.images.generate(prompt="a red circle", size="16x16", extra_body={"seed": 7})
    assert again.data is not None
    assert np.abs(picture(again.data[0].b64_json).astype(int) - first).max() <= 1


def test_openai_s_client_edits_with_a_mask_of_transparency(own_client: openai.OpenAI) -> None:
    own = picture_file(32)
    mask = Image.new("RGBA", (32, 32), "black")
    mask.paste((0, 0, 0, 0), (16, 0, 32, 32))
    answer = own_client.images.edit(
        image=("own.png", own), mask=("mask.png", png(mask)), prompt="a blue square"
    )
    assert answer.data is not None
    drawn, known = picture(answer.data[0].b64_json), np.asarray(Image.open(io.BytesIO(own)))
    assert np.array_equal(drawn[:, :16], known[:, :16])
    assert not np.array_equal(drawn[:, 16:], known[:, 16:])


def test_openai_s_client_edits_a_list_of_one_without_a_mask(own_client: openai.OpenAI) -> None:
    answer = own_client.images.edit(image=[("own.png", picture_file())], prompt="a blue square")
    assert answer.data is not None
    assert picture(answer.data[0].b64_json).shape == (32, 32, 3)


def test_openai_s_client_lists_what_is_on_offer_and_hears_what_is_wrong(
    own_client: openai.OpenAI,
) -> None:
    assert [model.id for model in own_client.models.list()] == ["training_tiny"]
    assert own_client.models.retrieve("training_tiny").owned_by == "minimagen"
    with pytest.raises(openai.NotFoundError, match="choose one of training_tiny"):
        own_client.images.generate(prompt="a red circle", model="dall-e-3")
    with pytest.raises(openai.UnprocessableEntityError, match="choose auto or one of 16x16, 32x32"):
        own_client.images.generate(prompt="a red circle", size="1024x1024")


def test_a_hole_in_the_picture_itself_is_painted(client: httpx.Client) -> None:
    sent = {"image": ("own.png", picture_file(32, "RGBA"))}
    answer = client.post("/v1/images/edits", files=sent, data={"prompt": "red"})
    drawn = picture(answer.json()["data"][0]["b64_json"])
    assert drawn[16, 16].tolist() == [255, 0, 0]
    assert drawn[0, 0].tolist() != [255, 255, 255]


def test_a_link_leads_to_the_picture(client: httpx.Client) -> None:
    [one] = client.post("/v1/images/generations", json=ASKED | {"response_format": "url"}).json()[
        "data"
    ]
    answer = client.get(one["url"])
    assert answer.headers["content-type"] == "image/png"
    assert "b64_json" not in one
    fields = Image.open(io.BytesIO(answer.content)).info
    assert fields["caption"] == "a red circle"
    assert fields["steps"] == "[2, 2]"


def test_behind_a_token_a_link_is_good_for_that_picture_alone(studio: Studio) -> None:
    with serving(studio, token=TOKEN) as served, served.client() as client:
        bearer = {"authorization": f"Bearer {TOKEN}"}
        answer = client.post(
            "/v1/images/generations",
            json=ASKED | {"n": 2, "response_format": "url"},
            headers=bearer,
        )
        one, other = (httpx.URL(one["url"]) for one in answer.json()["data"])
        assert client.get(one).status_code == 200
        assert client.get(one.copy_with(query=None)).status_code == 401
        assert client.get(other.copy_with(query=one.query)).status_code == 401
        late = str(one).replace("expires=1", "expires=2")
        assert client.get(late).status_code == 401


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "no prompt": ({"prompt": None}, "prompt: "),
    "too many": ({"n": 1_000_000}, "n: input should be less than or equal to 10"),
    "none": ({"n": 0}, "n: input should be greater"),
    "a long caption": ({"prompt": "x" * 100_000}, "prompt: string should have at most 4000"),
    "an unknown field": ({"guidence": 3}, "guidence: is not known; leave it out"),
    "no size": ({"size": "../../etc/passwd"}, "size: "),
    "no sampler": ({"sampler": "magic"}, "no sampler of this name"),
    "a stream": ({"stream": True}, "stream: "),
    "steps": ({"steps": 10**9}, "steps: "),
    "a seed": ({"seed": -1}, "seed: "),
    "text for a number": ({"guidance_scale": "much"}, "guidance_scale: "),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_what_is_impossible_is_one_sentence_with_status_422(
    client: httpx.Client, changes: dict[str, object], message: str
) -> None:
    answer = client.post("/v1/images/generations", json=ASKED | changes)
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]
    assert len(answer.json()["error"]["message"]) < 200


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(client: httpx.Client, number: str) -> None:
    body = f'{{"prompt": "red", "guidance_scale": {number}}}'
    answer = client.post(
        "/v1/images/generations", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert "guidance_scale" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(client: httpx.Client, body: bytes) -> None:
    for path in ("/v1/images/generations", "/v1/jobs"):
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422)
        assert answer.json()["error"]["message"]


PICTURES: dict[str, tuple[bytes, str]] = {
    "text": (b"no picture", "not an image of a known kind"),
    "nothing": (b"", "file is empty"),
    "a truncated one": (picture_file()[:-40], "damaged or truncated"),
    "a huge one": (png(Image.new("L", (5000, 4000))), "20000000 pixels|5000 x 4000 pixels"),
    "a long file": (bytes(11_000_000), "too large; send at most 10 MB"),
}


@pytest.mark.parametrize(("content", "message"), PICTURES.values(), ids=PICTURES)
def test_a_picture_that_cannot_be_used_is_refused(
    client: httpx.Client, content: bytes, message: str
) -> None:
    answer = client.post(
        "/v1/images/edits", files={"image": ("x.png", content)}, data={"prompt": "red"}
    )
    assert answer.status_code == 422
    assert any(part in answer.json()["error"]["message"] for part in message.split("|"))


@pytest.mark.parametrize("path", ["/etc/passwd", "file:///etc/passwd", "http://localhost/x.png"])
def test_a_path_is_never_opened(client: httpx.Client, path: str) -> None:
    form = client.post("/v1/images/edits", data={"prompt": "red", "image": path})
    assert form.status_code == 422
    edit = {"kind": "image_to_image", "picture": path}
    job = client.post("/v1/jobs", json={"captions": ["red"], "edit": edit})
    assert job.status_code == 422
    assert "paths and URLs are not opened" in job.json()["error"]["message"]
    for name in (path, "..%2F..%2Fetc%2Fpasswd", "20260101_000000_000000_00000000"):
        assert client.get(f"/v1/files/{name}/0.png").status_code == 404


def test_masks_must_fit(client: httpx.Client) -> None:
    for mask, message in (
        (mask_file(20), "the mask is 20 x 20 pixels and its picture 40 x 40"),
        (png(Image.new("L", (40, 40))), "the mask covers nothing"),
    ):
        answer = client.post(
            "/v1/images/edits",
            files={"image": ("x.png", picture_file()), "mask": ("m.png", mask)},
            data={"prompt": "red"},
        )
        assert answer.status_code == 422
        assert message in answer.json()["error"]["message"]


def test_a_client_that_leaves_frees_the_queue(served: Served) -> None:
    """Both the one that is drawn and those that wait."""
    long = ASKED | {"steps": 250, "n": 10}
    for _ in range(2):
        with served.client() as client, pytest.raises(httpx.ReadTimeout):
            client.post("/v1/images/generations", json=long, timeout=1.0)
    until(lambda: served.studio.waiting == 0)
    assert {job.state for job in served.studio.jobs()} == {"cancelled"}
    with served.client() as client:
        assert client.post("/v1/images/generations", json=ASKED).status_code == 200


def test_a_full_queue_is_503_and_too_many_of_one_client_429(
    make_studio: Callable[..., Studio],
) -> None:
    long = {"captions": ["red"], "steps": 250, "images_per_caption": 10}
    for bounds, status in (({"queue_size": 1}, 503), ({"per_client": 2}, 429)):
        with serving(make_studio(**bounds)) as served, served.client() as client:
            jobs = [client.post("/v1/jobs", json=long).json()["id"]]
            until(lambda job=jobs[0]: served.studio.job(job).state == "drawing")  # type: ignore[misc]
            jobs.append(client.post("/v1/jobs", json=long).json()["id"])
            answer = client.post("/v1/images/generations", json=ASKED)
            assert answer.status_code == status
            assert answer.headers["retry-after"] == "5"
            assert client.get("/ready").status_code == (503 if status == 503 else 200)
            for job in jobs:
                client.delete(f"/v1/jobs/{job}")
            assert client.get("/ready").status_code == 200
