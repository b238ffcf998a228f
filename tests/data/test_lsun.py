"""LSUN's categories in LMDB files."""

import pickle
from pathlib import Path

import pytest

from minimagen.data.items import Rejection, Source
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import DataError
from tests.data.hostile_server import picture

lmdb = pytest.importorskip("lmdb")


def category(root: Path) -> Path:
    with lmdb.open(str(root), map_size=2**22) as store, store.begin(write=True) as change:
        for number in range(100):
            change.put(b"\x00\xff%02d" % number, picture())
        change.put(b"\x01", b"<html>")
    return root


def test_a_category_is_captioned_by_its_name_and_judged_like_all_others(tmp_path: Path) -> None:
    root = category(tmp_path / "dining_room_train_lmdb")
    config = DataConfig(dataset=str(root), max_rejected=0.5)
    source, rejections = open_source(config, check_size=16)
    sent: Source = pickle.loads(pickle.dumps(source))
    assert [sent.captions(i) for i in range(len(sent))] == [("a photo of a dining room",)] * 100
    assert sent.picture(0, 4)[0, 0].tolist() == [220, 40, 40]
    assert [item.file_name for item in rejections] == ["\x01"]
    assert isinstance(rejections[0], Rejection)


def test_a_damaged_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match="not a sound LMDB file"):
        open_source(DataConfig(dataset=str(tmp_path)), check_size=16)
