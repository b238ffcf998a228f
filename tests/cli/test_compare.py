"""``python -m minimagen compare``: pairs of pictures, and what may be chance."""

import json
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from minimagen.__main__ import main
from minimagen.evaluation.pictures import found_in


def compared(tmp_path: Path, *flags: str) -> tuple[Path, dict[str, object]]:
    """Compare, and return what was made and its report."""
    assert main(["compare", *flags, "-o", str(tmp_path)]) == 0
    [folder] = tmp_path.glob("comparison_*")
    return folder, json.loads((folder / "report.json").read_text())


def test_a_run_beside_itself_is_no_better(
    short_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, report = compared(tmp_path, str(short_run), str(short_run), "-n", "8", "-s", "16")
    for found in report["differences"].values():  # type: ignore[attr-defined]
        assert found["difference"] == 0
        assert found["p"] == 1
        assert found["better"] == ""
    first, second = (found_in(folder / name) for name in "ab")
    assert [a.read_bytes() for a in first.files] == [b.read_bytes() for b in second.files]
    assert capsys.readouterr().out.count("may be chance") == 5


def test_the_longer_run_sees_held_out_pictures_better(
    short_run: Path, longer_run: Path, tmp_path: Path
) -> None:
    """The same pictures under the same noise: a few suffice."""
    folder, report = compared(tmp_path, "-ra", str(short_run), "-rb", str(longer_run), "-n", "8")
    assert report["size"] == 16  # the only one that both draw
    error = report["differences"]["held_out_error"]  # type: ignore[index]
    assert error["a"] > error["b"]
    assert error["better"] == "B"
    assert "Side by side" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--RUN_A: missing; name two training directories"),
        (["{short}"], "--RUN_B: missing"),
        (["{short}", "nowhere"], "nowhere: no such directory"),
        (["{short}", "{long}", "-s", "32"], "--IMG_SIDE_LEN 32: no fitted stage has this size"),
        (["{short}", "{long}", "-c", "missing.txt"], "--CAPTIONS missing.txt: cannot be read"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    short_run: Path,
    longer_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [flag.format(short=short_run, long=longer_run) for flag in flags]
    assert main(["compare", *given]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.glob("comparison_*")) == []
