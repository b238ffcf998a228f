"""Names and tags: what they mean, now and before."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from minimagen import Imagen
from minimagen.errors import CheckpointError, MinimagenError, UsageError
from minimagen.packing import Dtype
from minimagen.release.finding import find_model
from minimagen.release.manifest import SHORT, read_release, release_id
from minimagen.release.registry import Registry

Make = Callable[[Dtype], Path]


@pytest.fixture
def make(cascade: Imagen, tmp_path: Path) -> Make:
    """Return what makes a release, another one for each kind of weights."""

    def made(dtype: Dtype) -> Path:
        cascade.save_pretrained(tmp_path / dtype, dtype=dtype)
        return tmp_path / dtype

    return made


def dtype_of(word: str) -> str:
    return read_release(find_model(word)).dtype


def test_a_name_means_what_was_promoted_last_and_a_rollback_what_was_before(make: Make) -> None:
    registry = Registry.here()
    for dtype in ("fp32", "bf16", "int8"):
        registry.tag(make(dtype), f"shapes:{dtype}")
    assert dtype_of("shapes") == "fp32"  # the first
    registry.promote("shapes:bf16")
    registry.promote("shapes:int8")
    registry.promote("shapes:int8")  # again is no promotion
    assert dtype_of("shapes") == "int8"
    assert dtype_of("shapes:bf16") == "bf16"
    for before in ("bf16", "fp32"):
        assert registry.roll_back("shapes").name == release_id(make(before))[:SHORT]
        assert dtype_of("shapes") == before
    with pytest.raises(UsageError, match=r"shapes: nothing else was promoted before"):
        registry.roll_back("shapes")


def test_a_tag_moves_and_what_it_meant_stays(make: Make) -> None:
    registry = Registry.here()
    first = registry.tag(make("fp32"), "shapes:new")
    second = registry.tag(make("bf16"), "shapes:new")
    assert find_model("shapes:new") == second
    assert find_model("shapes") == first
    kept = {one.id: (one.tags, one.is_promoted) for one in registry.versions()}
    assert kept == {second.name: (("new",), False), first.name: ((), True)}


def test_what_is_kept_is_a_copy_that_draws(make: Make, cascade: Imagen) -> None:
    source = make("fp32")
    Registry.here().tag(source, "shapes:v1")
    shutil.rmtree(source)
    loaded = Imagen.from_pretrained("shapes:v1", device="cpu")
    assert loaded.sample(["a red circle"]).equal(cascade.sample(["a red circle"]))


def test_damage_in_the_registry_is_listed_and_not_promoted(make: Make) -> None:
    registry = Registry.here()
    registry.tag(make("fp32"), "shapes:v1")
    bad = registry.tag(make("bf16"), "shapes:v2")
    (bad / "state_dicts/unet_0_state.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"unet_0_state.safetensors: has 0 bytes"):
        registry.promote("shapes:v2")
    assert [one.complaint is None for one in registry.versions()] == [True, False]
    registry.tag(make("bf16"), "shapes:v2")  # brings it again
    registry.promote("shapes:v2")
    shutil.copy(make("int8") / "RELEASE.json", bad / "RELEASE.json")
    with pytest.raises(CheckpointError, match=r"is not the release that was put there"):
        find_model("shapes:v2")


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("shapes:v9", "shapes:v9: shapes has no such tag; its tags are v1"),
        ("circles", "circles: no such directory, and no model of this name in .*, which has shape"),
        ("bundled", "bundled: this package has no model in it"),
        ("hf:nobody", "nobody: no such directory, and no ORGANISATION/NAME of the Hub"),
    ],
)
def test_a_model_that_is_nowhere_is_refused_with_what_there_is(
    word: str, complaint: str, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("minimagen.release.finding.BUNDLED_PLACE", tmp_path / "none")
    Registry.here().tag(make("fp32"), "shapes:v1")
    with pytest.raises(MinimagenError, match=complaint):
        find_model(word)


@pytest.mark.parametrize("word", ["shapes", "bundled:v1", "../shapes:v1", "shapes:", "a b:v1"])
def test_a_word_that_cannot_be_a_name_and_a_tag_is_refused(word: str, make: Make) -> None:
    with pytest.raises(UsageError, match=rf"^{word}: "):
        Registry.here().tag(make("fp32"), word)
    assert Registry.here().names == []
