"""The first signal asks, the second leaves at once; real signals, to this process or a child."""

import os
import signal
import time

import pytest

from minimagen.training.signals import EXIT_CODES, StoppedError, Stopper

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals")
CODES = [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143), ("SIGUSR1", 143)]


def send(name: str) -> None:
    os.kill(os.getpid(), getattr(signal, name))


@pytest.mark.parametrize(("name", "code"), CODES)
def test_the_first_signal_is_remembered_and_the_work_goes_on(name: str, code: int) -> None:
    with Stopper() as stopper:
        assert stopper.name is None
        send(name)
        assert stopper.name == name
    assert StoppedError(name, "").exit_code == code == EXIT_CODES[name]


@pytest.mark.parametrize(("name", "code"), CODES)
def test_a_second_signal_leaves_at_once_with_its_exit_code(name: str, code: int) -> None:
    child = os.fork()
    if child == 0:
        with Stopper():
            send("SIGTERM")
            send(name)
            os._exit(99)  # never: it has left
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code


def test_an_echo_of_the_first_signal_is_not_a_second_one() -> None:
    """A launcher passes on what a scheduler sent to all: nobody wants to leave at once."""
    child = os.fork()
    if child == 0:
        with Stopper(echo_s=0.2) as stopper:
            for _ in range(3):
                send("SIGTERM")
            assert stopper.name == "SIGTERM"
            time.sleep(0.3)
            send("SIGTERM")
            os._exit(99)  # never: it has left
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 143


def test_former_handlers_come_back() -> None:
    numbers = [getattr(signal, name) for name in EXIT_CODES]
    before = [signal.getsignal(number) for number in numbers]
    with Stopper():
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before


def test_under_nohup_a_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stopper() as stopper:
            send("SIGHUP")
            assert stopper.name is None
    finally:
        signal.signal(signal.SIGHUP, before)
