"""The card of a release, as the Hub and people read it."""

from dataclasses import replace
from pathlib import Path

import yaml
from huggingface_hub import ModelCard

from minimagen.release.hub import card_header
from minimagen.release.manifest import read_release


def test_the_hub_reads_the_header(released: Path) -> None:
    card = ModelCard.load(released / "README.md")
    data = card.data.to_dict()
    assert data["license"] == "mit"
    assert data["library_name"] == "minimagen"
    assert data["pipeline_tag"] == "text-to-image"
    [result] = data["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == 0.75


def test_each_kind_of_caption_is_a_result_of_its_own(released: Path) -> None:
    """The Hub joins results of one dataset and configuration."""
    release = read_release(released)
    kinds = [replace(release.about.measured[0], what=what) for what in ("one thing", "two things")]
    about = replace(release.about, measured=tuple(kinds))
    header = yaml.safe_load(card_header(replace(release, about=about)).strip("-"))
    results = header["model-index"][0]["results"]
    assert [each["dataset"]["config"] for each in results] == ["one thing", "two things"]
    assert [len(each["metrics"]) for each in results] == [1, 1]


def test_people_read_how_it_was_made_and_how_good_it_is(released: Path) -> None:
    text = (released / "README.md").read_text()
    for said in (
        "# small things",
        "| one thing | 0.75 | 0.60 to 0.90 | 32 | 0.10 |",
        "command: `python train.py -p parameters`",
        "seed: 3",
        "time: 12 s",
        "Imagen.from_pretrained(",
        "## Licence",
    ):
        assert said in text
    assert "samples.png" not in text
