"""``python -m minimagen plot`` on metrics files in every state, and what the curves are."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minimagen.__main__ import main
from minimagen.cli.flags import parse_flags
from minimagen.cli.plot import FLAGS
from minimagen.cli.shared import named
from minimagen.errors import UsageError
from minimagen.training.directory import TrainingDirectory
from minimagen.training.records.curves import read_curves
from minimagen.training.records.plot import PANELS, draw_run
from minimagen.training.records.run_picture import RARELY, RunPicture

LINE = {
    "stage": 0,
    "step": 5,
    "loss": 0.5,
    "grad_norm": 1.0,
    "lr": 1e-3,
    "images_per_s": 10.0,
    "waiting": 0.1,
    "loss_bins": [0.8, 0.6, 0.4, 0.2],
    "log_snr_edges": [-9.0, -2.0, 0.0, 2.0, 9.0],
}
VALIDATED = {
    "stage": 0,
    "step": 5,
    "validation_loss": 0.4,
    "validation_loss_bins": [0.7, 0.5, 0.3, 0.1],
    "validation_log_snr_edges": [-9.0, -2.0, 0.0, 2.0, 9.0],
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Make a training directory with these lines in its ``metrics.jsonl``; None for no file."""

    def make(*lines: object) -> Path:
        (tmp_path / "training_progress.txt").touch()
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        if lines != (None,):
            (tmp_path / "metrics.jsonl").write_text("\n".join(texts))
        return tmp_path

    return make


STATES = {
    "no file": [None],
    "empty": [],
    "one line": [LINE],
    "half a line": [LINE, VALIDATED, '{"stage": 0, "st'],
    "only half a line": ['{"stage'],
    "no numbers": [LINE | {"loss": math.nan, "loss_bins": [math.nan] * 4, "grad_norm": math.inf}],
    "none": [LINE | {"loss": None}, VALIDATED | {"validation_loss_bins": None}],
    "strange": ["3", "null", "[1]", '{"step": 1}', LINE | {"loss_bins": [1.0], "lr": "x"}],
    "an old line": [{"stage": 2, "step": 1, "loss": 1.0, "lr": 0.1}],
    "negative": [LINE | {"loss": -1.0, "step": step} for step in range(3)],
}


@pytest.mark.parametrize("lines", STATES.values(), ids=STATES)
def test_every_state_of_the_file_can_be_drawn(lines: list[object], write: Write) -> None:
    """Laid out in full, as saving does, but without the time that writing pixels takes."""
    figure = draw_run(write(*lines))
    figure.draw_without_rendering()
    assert len(figure.axes) >= len(PANELS)


def test_the_picture_is_where_it_was_asked_for(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write(LINE, VALIDATED, LINE | {"step": 10}, LINE | {"stage": 1})
    target = tmp_path / "elsewhere.png"
    assert main(["plot", str(run), "-o", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    assert Image.open(target).width > 800  # two stages side by side
    assert not (run / "run.png").exists()


def test_sessions_of_a_run_are_one_curve_and_the_last_measurement_of_a_step_counts(
    write: Write,
) -> None:
    lines = [LINE | {"step": step, "loss": step / 10} for step in (5, 10, 15, 10)]
    lines[-1]["loss"] = 0.25
    steps, losses = read_curves(write(*lines) / "metrics.jsonl")[0].line("loss")
    assert steps.tolist() == [5, 10, 15]
    assert losses.tolist() == [0.5, 0.25, 1.5]


def test_curves_are_what_was_measured(write: Write) -> None:
    """Loss and validation loss in the first panel; the four quarters, noisiest first, below."""
    lines = [LINE | {"step": step} for step in (5, 10)]
    figure = draw_run(write(*lines, VALIDATED))
    drawn = [np.asarray(line.get_ydata()).tolist() for line in figure.axes[0].lines]
    assert drawn == [[0.5, 0.5], [0.5, 0.5], [0.4]]
    quarters = {line.get_label(): line.get_ydata()[0] for line in figure.axes[1].lines}
    assert quarters == {
        "-9.0 to -2.0 (noisiest)": 0.8,
        "-2.0 to 0.0": 0.6,
        "0.0 to 2.0": 0.4,
        "2.0 to 9.0": 0.2,
    }


def test_a_run_is_not_drawn_again_before_that_costs_next_to_nothing(write: Write) -> None:

    run = write(LINE)
    picture = RunPicture(TrainingDirectory(run))
    picture.measure(5, {"loss": 0.5})
    picture.picture(5, "samples", Image.new("RGB", (1, 1)))
    assert not (run / "run.png").exists()
    picture.drawn -= RARELY * picture.cost_s
    picture.picture(5, "samples", Image.new("RGB", (1, 1)))
    first = (run / "run.png").stat().st_ino
    picture.close()  # nothing new
    assert (run / "run.png").stat().st_ino == first
    assert [path.name for path in run.glob("*.tmp*")] == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--TRAINING_DIRECTORY: missing"),
        (["nowhere"], "nowhere: no training directory; name one that train.py made"),
        ([".", "-o", "file/run.png"], "--OUTPUT file/run.png: cannot be written"),
    ],
)
def test_wrong_use_is_one_line(
    flags: list[str],
    message: str,
    write: Write,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(write(LINE))
    Path("file").touch()
    assert main(["plot", *flags]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_without_matplotlib_it_says_what_to_install(
    write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minimagen.cli.plot.find_spec", lambda name: None)
    assert main(["plot", str(write(LINE))]) == 2
    assert "pip install 'minimagen[plot]'" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["RUN -o PNG", "-o PNG RUN", "-o PNG -d RUN", "-d RUN -o PNG"])
def test_a_run_may_stand_alone_anywhere(words: str) -> None:
    parsed = parse_flags("plot", "", FLAGS, "", named(words.split(), FLAGS))
    assert (parsed.training_directory, parsed.output) == (Path("RUN"), Path("PNG"))


def test_a_second_run_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="OTHER"):
        parse_flags("plot", "", FLAGS, "", named(["-d", "RUN", "OTHER"], FLAGS))
