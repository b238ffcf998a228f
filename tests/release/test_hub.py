"""Releases put on the Hub and brought from there, over HTTP, with its own package."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from minimagen import Imagen
from minimagen.errors import CheckpointError, UsageError
from minimagen.release.hub import HubError, fetch, push
from minimagen.release.manifest import read_release, release_id, verify
from tests.release.hub_standin import Hub, hub_on_loopback

NAME = "somebody/small-things"
CAPTIONS = ["a red circle"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Return a stand-in that the package talks to, with a cache of its own."""
    from huggingface_hub import constants

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with hub_on_loopback() as standin:
        monkeypatch.setenv("HF_ENDPOINT", standin.endpoint)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        url = standin.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        for name, value in {
            "ENDPOINT": standin.endpoint,
            "HUGGINGFACE_CO_URL_TEMPLATE": url,
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_TELEMETRY": True,
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_CACHE": str(tmp_path / "cache"),
        }.items():
            monkeypatch.setattr(constants, name, value)
        yield standin


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def test_what_is_pushed_is_what_is_loaded(hub: Hub, cascade: Imagen, tmp_path: Path) -> None:
    commit = cascade.push_to_hub(NAME)
    assert any(asked.startswith("PUT /upload/") for asked in hub.asked)  # weights, as large files
    assert "README.md" in hub.repositories[NAME].commits[commit]
    loaded = Imagen.from_pretrained(NAME, device="cpu")
    assert loaded.sample(CAPTIONS).equal(cascade.sample(CAPTIONS))
    cascade.save_pretrained(tmp_path / "here")
    assert release_id(fetch(NAME)) == release_id(tmp_path / "here")
    assert not (fetch(NAME) / "README.md").exists()  # only what loading reads is brought


def test_a_commit_pins_the_bytes_and_needs_no_network_again(
    hub: Hub, cascade: Imagen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cascade.save_pretrained(tmp_path / "two")
    first = push(tmp_path / "two", NAME)
    half = Imagen(cascade.config, cascade.stages[:1])
    second = half.push_to_hub(NAME, dtype="bf16")
    assert read_release(fetch(NAME, first)).sizes == (16, 32)
    verify(fetch(NAME))  # no file of the larger one was left beside the smaller
    assert fetch(NAME).name == second
    hub.asked.clear()
    fetch(NAME, first)
    assert not hub.asked
    go_offline(monkeypatch)
    assert read_release(fetch(NAME, first)).dtype == "fp32"
    assert fetch(NAME).name == second


def test_a_file_that_changed_on_the_way_is_refused_by_name(hub: Hub, cascade: Imagen) -> None:
    commit = cascade.push_to_hub(NAME)
    files = hub.repositories[NAME].commits[commit]
    weights = bytearray(files["state_dicts/unet_0_state.safetensors"])
    weights[-1] ^= 1
    files["state_dicts/unet_0_state.safetensors"] = bytes(weights)
    with pytest.raises(CheckpointError, match=r"unet_0_state.safetensors: .* not those that were"):
        Imagen.from_pretrained(NAME, revision=commit)


def test_what_is_not_there_is_said_in_a_line(
    hub: Hub, cascade: Imagen, released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheckpointError, match=r"nobody/nothing: the Hub has no such model"):
        fetch("nobody/nothing")
    commit = cascade.push_to_hub(NAME)
    other = "f" * 40
    with pytest.raises(CheckpointError, match=rf"{NAME}@{other}: the Hub knows no such revision"):
        fetch(NAME, other)
    del hub.repositories[NAME].commits[commit]["RELEASE.json"]
    with pytest.raises(CheckpointError, match=r"no released cascade, it has no RELEASE.json"):
        fetch(NAME, commit)
    (released / "state_dicts/unet_0_state.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"unet_0_state.safetensors: cannot be read"):
        push(released, NAME)
    go_offline(monkeypatch)
    with pytest.raises(HubError, match=re.escape("not in the Hub's cache on this machine")):
        fetch("somebody/else")


def test_two_revisions_are_one_too_many() -> None:
    with pytest.raises(UsageError, match=r"pinned to main too; give one revision"):
        Imagen.from_pretrained(f"{NAME}@{'0' * 40}", revision="main")
