import time
from pathlib import Path

import pytest

from minimagen.errors import ConfigError
from minimagen.text.sources import is_hub_reachable, locate

NOWHERE = "http://192.0.2.1"  # reserved for documentation: nobody answers


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)


@pytest.mark.parametrize("name", ["t5_small", "xxl1.1", "google/no-such-model", "nobody"])
@pytest.mark.usefixtures("no_network")
def test_an_absent_encoder_without_network_says_in_time_what_to_bring(name: str) -> None:
    from transformers.utils import hub  # its import is not part of the wait

    began = time.monotonic()
    with pytest.raises(ConfigError) as error:
        locate(name, None)
    assert time.monotonic() - began < 2.5, hub
    message = str(error.value)
    assert "\n" not in message
    for word in (
        "HF_HOME",
        "HF_HUB_OFFLINE",
        "hf download",
        "config.json",
        "model.safetensors",
        "t5-tiny",
    ):
        assert word in message


def test_offline_by_choice_does_not_knock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    began = time.monotonic()
    assert not is_hub_reachable()
    assert time.monotonic() - began < 0.1


@pytest.mark.parametrize(
    "name", ["./nowhere", "/no/such/dir", "a/b/c", "~/t5", "what is this", "../up"]
)
def test_a_path_that_is_no_directory_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match="no such directory; give t5-tiny, one of t5_small"):
        locate(name, None)


def test_a_directory_without_config_says_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"config.json is missing; the directory must hold config.json"
    ):
        locate(str(tmp_path), None)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_config_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=r"config\.json"):
        locate(str(tmp_path), None)


def test_a_revision_is_for_the_hub_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="revision 'main' is for Hugging Face Hub names"):
        locate("t5-tiny", "main")
    with pytest.raises(ConfigError, match="revision"):
        locate(str(tmp_path), "main")
