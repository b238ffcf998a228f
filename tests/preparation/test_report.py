import numpy as np

from minimagen.preparation.report import captions_of, shown, sizes_of


def test_shapes_are_counted_in_classes_whose_lower_edge_belongs_to_them() -> None:
    widths = np.array([100, 105, 125, 100, 250], np.uint32)
    heights = np.array([100, 100, 100, 199, 100], np.uint32)
    sizes = sizes_of(widths, heights)
    assert sizes["aspect_ratio"] == {
        "1 to 1.05": 1,
        "1.05 to 1.25": 1,
        "1.25 to 1.45": 1,
        "1.45 to 1.6": 0,
        "1.6 to 1.9": 0,
        "1.9 to 2.5": 1,
        "2.5 up": 1,
    }
    assert (sizes["wide"], sizes["tall"], sizes["square"]) == (3, 1, 1)
    assert sizes["shorter_side"]["most"] == 100
    assert sizes["longer_side"] == {
        "least": 100,
        "5 %": 100,
        "median": 125,
        "95 %": 250,
        "most": 250,
    }


def test_captions_are_counted_with_their_repetitions() -> None:
    found = captions_of(["a cat", "a Cat", "", "a cat", ""])
    assert found["captions"] == 5
    assert (found["distinct"], found["empty"], found["repeated"]) == (3, 2, 2)
    assert found["distinct_words"] == 2
    assert found["most_frequent"] == [("a cat", 2)]
    assert found["words"]["median"] == 2


def test_a_report_is_shown_line_by_line() -> None:
    ones = np.ones(3, np.uint32)
    report = {
        "settings": {"dataset": "data"},
        "found": 5,
        "kept": 3,
        "rejected": {"file is empty": 2},
        "pictures": sizes_of(ones, ones),
        "captions": captions_of(["a", "b", "b"]),
        "written": {"samples": 3, "blocks": 1, "layout": "shards", "bytes": 1_500_000},
    }
    lines = list(shown(report))
    assert lines[:3] == ["data: 5 found, 3 kept", "left out", "         2  file is empty"]
    assert lines[-1] == "written: 3 samples, 1.5 MB; shards: 1"
    assert all(line == line.rstrip() and "\n" not in line for line in lines)
