import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from minimagen.errors import ConfigError
from minimagen.text.encoders import T5Config, load_encoder
from minimagen.text.locate import is_hub_reachable, locate
from tests.conftest import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOWHERE = "http://192.0.2.1"  # reserved for documentation: nobody answers


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)


@pytest.fixture
def hub_cache(tmp_path: Path, t5_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache that holds t5_directory as google/t5-v1_1-small."""
    from huggingface_hub import constants

    repository = tmp_path / "hub" / "models--google--t5-v1_1-small"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    t5_directory.rename(t5_directory.with_name(COMMIT))
    (repository / "snapshots").mkdir()
    t5_directory.with_name(COMMIT).rename(repository / "snapshots" / COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return repository / "snapshots" / COMMIT


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["small1.1", "google/t5-v1_1-small"])
def test_an_encoder_in_the_hugging_face_cache_needs_no_network(hub_cache: Path, name: str) -> None:
    encoder = load_encoder(T5Config(name=name))
    assert f"google/t5-v1_1-small@{COMMIT}" in encoder.identity
    by_path = load_encoder(T5Config(name=str(hub_cache)))
    assert torch.equal(
        encoder.encode(["a pink flower"]).tokens, by_path.encode(["a pink flower"]).tokens
    )


@pytest.mark.usefixtures("no_network")
def test_an_incomplete_hugging_face_cache_says_so(hub_cache: Path) -> None:
    (hub_cache / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="not complete in the Hugging Face cache"):
        load_encoder(T5Config(name="small1.1"))


@pytest.mark.parametrize("name", ["t5_small", "xxl1.1", "google/no-such-model", "nobody"])
@pytest.mark.usefixtures("no_network")
def test_an_absent_encoder_without_network_says_in_time_what_to_bring(name: str) -> None:
    from transformers.utils import hub  # its import is not part of the wait

    began = time.monotonic()
    with pytest.raises(ConfigError) as error:
        locate(name, None)
    assert time.monotonic() - began < 2, hub
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


ASK = """
import json, sys, time

import transformers.utils.hub  # its import is not part of the wait
from minimagen.errors import ConfigError
from minimagen.text.encoders import T5Config, encoder_width

began = time.monotonic()
try:
    encoder_width(T5Config(name="google/no-such-model"))
except ConfigError as error:
    print(json.dumps([time.monotonic() - began, str(error)]))
"""


def test_a_fresh_process_without_a_route_is_told_within_two_seconds() -> None:
    """It may go online and knows no proxy; nobody answers at the address it is given."""
    hidden = ("HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    around = {name: value for name, value in os.environ.items() if name.upper() not in hidden}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env={**around, "HF_ENDPOINT": NOWHERE},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seconds, message = json.loads(done.stdout)
    assert seconds < 2
    assert "bring its Hugging Face cache (HF_HOME), or bring config.json" in message


def test_offline_by_choice_does_not_knock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    began = time.monotonic()
    assert not is_hub_reachable()
    assert time.monotonic() - began < 0.1


@pytest.mark.parametrize(
    "name", ["./nowhere", "/no/such/dir", "a/b/c", "~/t5", "what is this", "../up"]
)
def test_a_path_that_is_no_directory_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match="no such directory; give t5-tiny, t5-scenes, one of"):
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
