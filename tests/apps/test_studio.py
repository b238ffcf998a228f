"""Jobs on a real cascade: what is drawn, in which order, and how a job ends."""

import io
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minimagen import Imagen
from minimagen.__main__ import main
from minimagen.apps.history import History, UnknownEntryError
from minimagen.apps.jobs import (
    ClientBusyError,
    ClosedError,
    Job,
    QueueFullError,
    UnknownJobError,
)
from minimagen.apps.requests import DrawRequest, Upscale
from minimagen.apps.runs import UnknownRunError
from minimagen.apps.studio import REMEMBERED, Studio
from minimagen.errors import UsageError
from minimagen.looking.overlays import CELL
from tests.apps.conftest import LONGEST_S, mask_file, picture_file, until

ONE = DrawRequest(captions=("a red circle",))
LONG = DrawRequest(captions=("a red circle",), steps=250, images_per_caption=4)


def finished(studio: Studio, request: DrawRequest) -> Job:
    job = studio.wait(studio.submit(request).id, LONGEST_S)
    assert job.state == "done", job.error
    return job


def pixels(job: Job) -> np.ndarray:
    assert job.entry is not None
    return np.stack([np.asarray(Image.open(shot.path)) for shot in job.entry.shots])


def test_pictures_are_those_that_python_draws_with_the_same_seed_and_batch_size(
    studio: Studio, run: Path
) -> None:
    request = DrawRequest(
        captions=("a red circle", "a blue square"),
        negative="noise",
        images_per_caption=3,
        seed=5,
        guidance_scale=(2.0, 1.5),
        steps=3,
    )
    own = Imagen.load(run, "cpu").generate(
        [caption for caption, _ in request.rows()],
        negative_captions="noise",
        seed=5,
        guidance_scale=[2.0, 1.5],
        steps=3,
        batch_size=studio.batch_size,
    )
    assert np.array_equal(pixels(finished(studio, request)), np.stack([np.array(p) for p in own]))


def test_one_of_many_pictures_can_be_drawn_again_alone(studio: Studio) -> None:
    several = pixels(finished(studio, ONE.model_copy(update={"images_per_caption": 3})))
    [alone] = pixels(finished(studio, ONE.model_copy(update={"first_number": 2})))
    assert np.abs(several[2].astype(int) - alone).max() <= 1


def test_requests_that_are_drawn_alike_share_a_batch(studio: Studio) -> None:
    """Those behind a long job come at once; each gets its own pictures, in the order it asked."""
    first = studio.submit(LONG)
    others = [studio.submit(ONE.model_copy(update={"seed": seed})) for seed in (7, 8)]
    different = studio.submit(ONE.model_copy(update={"steps": 3}))
    until(lambda: studio.job(first.id).progress.step > 0)
    studio.cancel(first.id)
    over = [studio.wait(job.id, LONGEST_S) for job in (*others, different)]
    assert [job.state for job in over] == ["done"] * 3
    began = [job.ended - job.entry.seconds for job in over if job.ended and job.entry]
    assert began[1] < over[0].ended  # type: ignore[operator]
    for job, seed in zip(over, (7, 8), strict=False):
        [alone] = pixels(finished(studio, ONE.model_copy(update={"seed": seed})))
        assert np.abs(pixels(job)[0].astype(int) - alone).max() <= 1


def test_progress_goes_up_and_shows_pictures_of_growing_size(studio: Studio) -> None:
    job = studio.submit(ONE.model_copy(update={"steps": 40}))
    seen = list(studio.watch(job.id))
    places = [(p.stage, p.step) for p in seen if p.of]
    assert places == sorted(places)
    assert {p.stage for p in seen if p.of} == {0, 1}
    assert {p.of_pictures for p in seen} == {1}
    assert seen[-1].pictures == 1
    previews = [p.preview.size for p in seen if p.preview is not None]
    assert {(16, 16), (32, 32)} <= set(previews)
    assert all(p.eta_s is not None and p.eta_s >= 0 for p in seen if p.stage or p.step > 1)


def test_a_job_is_cancelled_in_the_middle_of_its_walk(studio: Studio) -> None:
    job = studio.submit(LONG)
    until(lambda: studio.job(job.id).progress.step > 1)
    assert studio.cancel(job.id).state == "cancelled"
    step = studio.job(job.id).progress.step
    assert finished(studio, ONE).state == "done"
    assert studio.job(job.id).progress.step == step < 250
    assert studio.job(job.id).entry is None
    assert studio.cancel(job.id).state == "cancelled"


def test_a_cancelled_job_does_not_cost_those_in_its_batch_their_pictures(
    make_studio: Callable[..., Studio],
) -> None:
    studio = make_studio(batch_size=8)
    first = studio.submit(LONG)
    until(lambda: studio.job(first.id).progress.step > 0)
    long = ONE.model_copy(update={"steps": 100})
    left, kept = studio.submit(long), studio.submit(long)
    studio.cancel(first.id)
    until(lambda: studio.job(kept.id).progress.step > 1)
    studio.cancel(left.id)
    assert studio.wait(kept.id, LONGEST_S).state == "done"


def test_the_queue_is_bounded_and_so_is_one_client_s_part_of_it(
    make_studio: Callable[..., Studio],
) -> None:
    studio = make_studio(queue_size=2, per_client=2)
    running = studio.submit(LONG, "somebody")
    until(lambda: studio.job(running.id).state == "drawing")
    waiting = studio.submit(LONG, "somebody")
    with pytest.raises(ClientBusyError, match="2 jobs of yours"):
        studio.submit(ONE, "somebody")
    other = studio.submit(ONE, "another")
    assert [studio.job(job.id).progress.waiting for job in (running, waiting, other)] == [0, 1, 2]
    with pytest.raises(QueueFullError, match="2 jobs wait already"):
        studio.submit(ONE, "third")
    for job in (running, waiting):
        studio.cancel(job.id)
    assert studio.wait(other.id, LONGEST_S).state == "done"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"run": "other"}, UnknownRunError, "choose one of training_tiny"),
        ({"size": 64}, UsageError, "no fitted stage has this size; choose one of 16, 32"),
        ({"sampler": "magic"}, UsageError, "no sampler of this name"),
        ({"steps": (1, 2, 3)}, UsageError, "steps"),
        ({"negative": "blue"}, UsageError, "guidance"),
        ({"captions": ("(red:99)",), "weighted": True}, UsageError, "99"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_it_waits(
    studio: Studio, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        studio.submit(ONE.model_copy(update=changes))
    assert studio.waiting == 0


@pytest.mark.parametrize("kind", ["image_to_image", "inpaint", "outpaint", "upscale", "vary"])
def test_every_edit_draws_something_else_than_none(studio: Studio, kind: str) -> None:
    fields = {
        "inpaint": {"picture": picture_file(), "mask": mask_file()},
        "vary": {"seed": 9, "amount": 0.5},
    }.get(kind, {"picture": picture_file()})
    request = DrawRequest.model_validate(
        {"captions": ["a red circle"], "images_per_caption": 2, "edit": {"kind": kind, **fields}}
    )
    drawn = pixels(finished(studio, request))
    side = 80 if kind == "upscale" else 32
    assert drawn.shape == (2, side, side, 3)
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], pixels(finished(studio, ONE))[0])


def test_an_enlarged_picture_is_the_command_line_s_and_keeps_its_ratio(
    studio: Studio, run: Path, tmp_path: Path
) -> None:
    own = Image.effect_mandelbrot((24, 18), (-2, -1, 1, 1), 50).convert("RGB")
    own.save(tmp_path / "own.png")
    request = DrawRequest(captions=("a red circle",), seed=5, steps=2, edit=Upscale(picture=own))
    [drawn] = pixels(finished(studio, request))
    flags = ["-d", str(run), "-c", "a red circle", "-sd", "5", "-ns", "2", "-o", str(tmp_path)]
    assert main(["upscale", str(tmp_path / "own.png"), *flags]) == 0
    [made] = tmp_path.glob("generated_images_*/generated_images/image_0.png")
    assert drawn.shape == (36, 48, 3)
    assert np.array_equal(drawn, np.asarray(Image.open(made)))


@pytest.mark.parametrize(
    ("sides", "changes", "message"),
    [
        ((15, 40), {}, "15 x 40 pixels; give one of at least 16"),
        ((40, 40), {"size": 16}, "the first stage enlarges nothing"),
        ((40, 40), {"negative": "blue", "guidance_scale": 2.0}, "no negative caption"),
    ],
)
def test_what_cannot_be_enlarged_is_refused_before_it_waits(
    studio: Studio, sides: tuple[int, int], changes: dict[str, object], message: str
) -> None:
    edit = Upscale(picture=Image.new("RGB", sides))
    request = DrawRequest(captions=("a",), edit=edit).model_copy(update=changes)
    with pytest.raises(UsageError, match=message):
        studio.submit(request)


def test_what_a_mask_leaves_out_comes_back_byte_for_byte(studio: Studio) -> None:
    own = picture_file(32)
    edit = {"kind": "inpaint", "picture": own, "mask": mask_file(32)}
    [drawn] = pixels(finished(studio, ONE.model_validate({"captions": ["red"], "edit": edit})))
    left = np.asarray(Image.open(io.BytesIO(own)))[:, :16]
    assert np.array_equal(drawn[:, :16], left)


def test_variations_are_neighbours_of_one_picture(studio: Studio) -> None:
    """The nearer, the smaller the amount; with none they are all the picture itself."""
    [own] = pixels(finished(studio, ONE)).astype(int)
    edit = {"kind": "vary", "seed": 3}
    far = []
    for amount in (0.0, 0.2, 0.9):
        request = DrawRequest.model_validate(
            {"captions": ONE.captions, "images_per_caption": 2, "edit": {**edit, "amount": amount}}
        )
        drawn = pixels(finished(studio, request)).astype(int)
        far.append(np.abs(drawn - own).mean())
    assert far[0] < 1
    assert far[0] < far[1] < far[2]


def test_a_disk_that_is_full_fails_the_job_and_the_next_one_is_drawn(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = History.add

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(History, "add", full)
    job = studio.wait(studio.submit(ONE).id, LONGEST_S)
    assert job.state == "failed"
    assert "No space left on device" in str(job.error)
    assert not job.is_users_fault
    monkeypatch.setattr(History, "add", add)
    finished(studio, ONE)


def test_what_the_words_of_a_picture_did_is_kept_beside_it(studio: Studio) -> None:
    """Of the second of two: one map a word and one a token, none of them flat."""
    first = ONE.model_copy(update={"images_per_caption": 2, "steps": (9, 2), "seed": 5})
    entry = finished(studio, first).entry
    assert entry is not None
    shot = entry.shots[1]
    assert studio.history.looks(shot) == {}
    looked = studio.wait(studio.look(entry.id, 1).id, LONGEST_S)
    assert (looked.state, looked.entry) == ("done", entry)
    sheets = studio.history.looks(shot)
    assert list(sheets) == ["words", "tokens"]
    for path in sheets.values():
        sheet = Image.open(path)
        assert sheet.width >= 4 * CELL  # the picture and three words
        assert sheet.height >= CELL
        assert np.asarray(sheet).std() > 10
    assert studio.history.looks(entry.shots[0]) == {}


def test_looking_waits_its_turn_and_is_cancelled_like_any_job(
    make_studio: Callable[..., Studio],
) -> None:
    studio = make_studio(queue_size=1)
    entry = finished(studio, ONE.model_copy(update={"steps": (250, 1)})).entry
    assert entry is not None
    running = studio.submit(LONG)
    until(lambda: studio.job(running.id).state == "drawing")
    looking = studio.look(entry.id, 0)
    assert looking.progress.waiting == 1
    with pytest.raises(QueueFullError, match="1 jobs wait already"):
        studio.look(entry.id, 0)
    studio.cancel(running.id)
    until(lambda: studio.job(looking.id).progress.step > 1)
    studio.cancel(looking.id)
    assert finished(studio, ONE).state == "done"
    assert studio.job(looking.id).state == "cancelled"
    assert studio.history.looks(entry.shots[0]) == {}


def test_only_what_came_from_a_caption_alone_is_looked_at(studio: Studio) -> None:
    edit = {"kind": "image_to_image", "picture": picture_file()}
    small = {"steps": 1, "size": 16}
    entries = [
        finished(studio, DrawRequest.model_validate({"captions": ["a"], "edit": edit, **small})),
        finished(studio, DrawRequest.model_validate({"captions": [" "], **small})),
    ]
    for job, said in zip(entries, ("from a caption alone", "no caption"), strict=True):
        with pytest.raises(UsageError, match=said):
            studio.look(job.id, 0)
    with pytest.raises(UnknownEntryError):
        studio.look(entries[0].id, 1)


def test_closing_finishes_what_is_there_and_takes_no_more(
    make_studio: Callable[..., Studio],
) -> None:
    studio = make_studio()
    jobs = [studio.submit(ONE) for _ in range(3)]
    closing = threading.Thread(target=studio.close, args=(LONGEST_S,))
    closing.start()
    until(lambda: studio._is_closed)
    with pytest.raises(ClosedError, match="about to end"):
        studio.submit(ONE)
    closing.join(LONGEST_S)
    assert [studio.job(job.id).state for job in jobs] == ["done"] * 3
    assert not studio.is_alive


def test_without_patience_it_cancels_what_is_there(make_studio: Callable[..., Studio]) -> None:
    studio = make_studio()
    job = studio.submit(LONG)
    studio.close()
    assert studio.job(job.id).state == "cancelled"


def test_jobs_that_are_over_keep_no_pictures_and_are_forgotten_in_the_end(studio: Studio) -> None:
    request = ONE.model_copy(update={"steps": 1, "size": 16})
    first = finished(studio, request)
    assert first.request is None
    assert first.progress.preview is None
    for _ in range(REMEMBERED):
        studio.cancel(studio.submit(request).id)
    assert len(studio._over) == REMEMBERED
    assert studio.job(first.id).entry == first.entry  # the history knows what was drawn
    stopped = studio.submit(request).id
    studio.cancel(stopped)
    for _ in range(REMEMBERED):
        studio.cancel(studio.submit(request).id)
    with pytest.raises(UnknownJobError):
        studio.job(stopped)


def test_after_a_restart_finished_jobs_are_known_by_their_ids(
    make_studio: Callable[..., Studio],
) -> None:
    before = make_studio()
    done, stopped = finished(before, ONE), before.cancel(before.submit(LONG).id)
    before.close()
    after = make_studio()
    assert [job.id for job in after.jobs()] == [done.id]
    again = after.job(done.id)
    assert (again.state, again.entry, again.progress.pictures) == ("done", done.entry, 1)
    assert after.wait(done.id, 0).is_over
    with pytest.raises(UnknownJobError):
        after.job(stopped.id)
