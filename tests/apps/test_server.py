"""The whole command in a process of its own: started, asked, stopped, killed, started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from minimagen.__main__ import main
from minimagen.apps.history import History
from minimagen.apps.server import listen
from tests.apps.conftest import LONGEST_S, until
from tests.conftest import ROOT

LONG = {"captions": ["a red circle"], "steps": 250, "images_per_caption": 10}
SHORT = {"prompt": "a red circle", "steps": 1}


@dataclass
class Command:
    """A server that was started by its command line."""

    process: "subprocess.Popen[str]"
    printed: list[str]

    @property
    def url(self) -> str:
        return self.printed[-1].split()[2].rstrip(",")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=LONGEST_S)

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(LONGEST_S)


@pytest.fixture
def start(run: Path, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Start servers on one output directory, in a working directory of their own."""
    started: list[subprocess.Popen[str]] = []

    def make(*flags: str) -> Command:
        process = subprocess.Popen(
            [sys.executable, "-m", "minimagen", "serve", "-d", str(run), "--port", "0", *flags],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        printed: list[str] = []
        while not printed or not printed[-1].startswith("serving on"):
            line = process.stdout.readline()
            assert line, process.communicate()
            printed.append(line.rstrip("\n"))
        return Command(process, printed)

    yield make
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_killed_and_started_again_history_favourites_and_finished_jobs_are_there(
    start: Callable[..., Command], tmp_path: Path
) -> None:
    first = start()
    with first.client() as client:
        body = SHORT | {"n": 2, "response_format": "url"}
        [one, two] = client.post("/v1/images/generations", json=body).json()["data"]
        paths = [httpx.URL(picture["url"]).path for picture in (one, two)]
        contents = [client.get(path).content for path in paths]
        history = History(tmp_path / "served")
        [entry] = history.entries()
        history.favourite(entry.id, 1)
        jobs = client.get("/v1/jobs").json()
        client.post("/v1/jobs", json=LONG)  # killed while this is drawn
        first.stop(signal.SIGKILL)
    second = start()
    assert second.printed[1] == "history: 1 job in served"
    with second.client() as client:
        assert [client.get(path).content for path in paths] == contents
        [job] = client.get("/v1/jobs").json()["data"]
        assert job["id"] == jobs["data"][0]["id"] == entry.id
        assert job["pictures"] == jobs["data"][0]["pictures"]
    again = History(tmp_path / "served")
    assert again.request(entry.id).captions == ("a red circle",)
    assert [shot.index for shot in again.favourites()] == [1]


@pytest.mark.slow
def test_the_first_signal_finishes_what_is_there_and_takes_no_more(
    start: Callable[..., Command], tmp_path: Path
) -> None:
    running = start()
    with running.client() as client:
        job = client.post("/v1/jobs", json=LONG | {"steps": 40}).json()["id"]
        until(lambda: client.get(f"/v1/jobs/{job}").json()["progress"]["step"] > 0)
        running.process.send_signal(signal.SIGTERM)
        until(lambda: client.get("/ready").status_code == 503)
        answer = client.post("/v1/images/generations", json=SHORT)
        assert answer.status_code == 503
        assert "about to end" in answer.json()["error"]["message"]
        assert client.get("/health").status_code == 200
    assert running.process.wait(LONGEST_S) == 143
    [entry] = History(tmp_path / "served").entries()
    assert len(entry.shots) == 10
    _, errors = running.process.communicate()
    assert "stopped by SIGTERM; what was finished is kept" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_second_signal_leaves_at_once(start: Callable[..., Command]) -> None:
    running = start()
    with running.client() as client:
        client.post("/v1/jobs", json=LONG)
        running.process.send_signal(signal.SIGINT)
        until(lambda: client.get("/ready").status_code == 503)
    assert running.stop(signal.SIGINT) == 130


@pytest.mark.slow
def test_nothing_that_is_secret_is_printed(start: Callable[..., Command]) -> None:
    token, caption = "a-secret-token-of-many-letters", "a-secret-caption"
    running = start("--token", token)
    with running.client() as client:
        headers = {"authorization": f"Bearer {token}"}
        body = SHORT | {"prompt": caption, "response_format": "url"}
        answer = client.post("/v1/images/generations", json=body, headers=headers).json()
        link = httpx.URL(answer["data"][0]["url"])
        assert client.get(link).status_code == 200
        client.post("/v1/jobs", json={"captions": caption}, headers=headers)
        client.get(f"/{token}")
    running.process.send_signal(signal.SIGTERM)
    out, errors = running.process.communicate(timeout=LONGEST_S)
    everything = "\n".join([*running.printed, out, errors])
    for secret in (token, caption, str(link.params["signature"])):
        assert secret not in everything


@pytest.mark.slow
def test_two_servers_do_not_share_an_output_directory(
    start: Callable[..., Command], run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start()
    assert main(["serve", "-d", str(run), "--port", "0", "-o", str(tmp_path / "served")]) == 4
    assert "locked by pid" in capsys.readouterr().err


WRONG = {
    "no run": (["-d", "nowhere"], "nowhere: no training directory, it has no parameters/"),
    "a run without weights": (["-d", "empty"], "no such file, so no stage can be drawn with"),
    "nothing to draw with": ([], "no training_* directory here; train one with train.py"),
    "no token": (["--host", "0.0.0.0"], "other machines can reach that, so a --TOKEN is needed"),
    "a host": (["-d", "RUN", "--host", "no.such.host.invalid", "--token", "x" * 20], "--HOST no."),
    "a port": (["-d", "RUN", "--port", "70000"], "--PORT 70000: give a whole number from 0 to"),
    "an output": (["-d", "RUN", "--port", "0", "-o", "file"], "file/run.lock: cannot be made"),
}


@pytest.mark.parametrize(("flags", "message"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_line(
    flags: list[str],
    message: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIMAGEN_TOKEN", raising=False)
    monkeypatch.setattr("minimagen.release.finding.BUNDLED_PLACE", tmp_path / "none")
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "parameters").symlink_to(run / "parameters")
    assert main(["serve", *(str(run) if flag == "RUN" else flag for flag in flags)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "served").exists()


def test_a_port_that_is_taken_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "-d", str(run), "--port", port, "-o", str(tmp_path / "out")]) == 2
    assert "cannot be listened on (Address already in use)" in capsys.readouterr().err


def test_help_needs_no_torch() -> None:
    program = (
        "import sys; from minimagen.cli.serve import main\n"
        "try: main(['--help'])\n"
        "finally: assert not {'torch', 'fastapi', 'gradio'} & set(sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT)
    assert shown.returncode == 0, shown.stderr
    assert b"--QUEUE_SIZE" in shown.stdout
