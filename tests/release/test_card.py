"""The card of a release, as the Hub and people read it."""

from pathlib import Path

from huggingface_hub import ModelCard


def test_the_hub_reads_the_header(released: Path) -> None:
    card = ModelCard.load(released / "README.md")
    data = card.data.to_dict()
    assert data["license"] == "mit"
    assert data["library_name"] == "minimagen"
    assert data["pipeline_tag"] == "text-to-image"
    [result] = data["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == 0.75


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
