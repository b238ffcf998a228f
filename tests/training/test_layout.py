"""Runs on pictures of two shapes: exact as any other, and it is said what is done to them."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image

import inference
import train
from minimagen import Imagen
from minimagen.cascade import CascadeConfig
from minimagen.conditioning import TextEmbedding
from minimagen.data.sources import DataConfig, open_source
from minimagen.data.stream import batches, consecutive
from minimagen.errors import ConfigError, DataError
from minimagen.stage import Stage
from minimagen.training.draws import draw
from minimagen.training.layout import lay_out
from minimagen.training.validation import ValidationSet, validation_loss
from tests.conftest import Tree, cascade_of, stage_of, unet_of
from tests.tiny_runs import files_of, write_parameters

BOTH = [1.5, 0.667]
SIDES = [[(12, 20), (24, 40)], [(20, 12), (40, 24)]]  # height and width, by bucket and stage


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight wide pictures and four tall ones, each of its own colour."""
    folder = tmp_path_factory.mktemp("data") / "pictures"
    folder.mkdir()
    for number in range(12):
        size = (60, 40) if number < 8 else (40, 60)
        Image.new("RGB", size, (20 * number, 255 - 20 * number, 90)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("a wide one" if number < 8 else "a tall one")
    return folder


def tree_of(pictures: Path, **data: object) -> Tree:
    """Two small stages, the second trained on crops, on these pictures in two shapes."""
    tree = cascade_of(16, 32)
    tree["imagen"]["stages"][1] = stage_of(32, crop=16)
    framing = {"dataset": str(pictures), "aspect_ratios": BOTH, "crop": "random", "flip": True}
    tree["training"] |= {"images": 12, "validation_images": 12, "train_fraction": 0.75}
    tree["training"]["data"] = framing | data
    return tree


@pytest.fixture
def fitted(pictures: Path, tmp_path: Path) -> Callable[..., Path]:
    """Train and return the directory."""

    def fit(name: str, *flags: str, **data: object) -> Path:
        where = tmp_path / name
        parameters = write_parameters(where / "parameters", tree_of(pictures, **data))
        given = ["-p", str(parameters), "-o", str(where), "-ts", "run", *flags]
        return train.train(train.parse(given))

    return fit


def test_a_run_continues_exactly_where_it_was_and_says_what_its_buckets_hold(
    fitted: Callable[..., Path],
) -> None:
    """Six steps; six of which only two checkpoints, then the last is taken away and made again."""
    whole = fitted("whole", "-cn", "4")
    before = files_of(whole)
    notes = (whole / "training_progress.txt").read_text()
    assert "aspect ratio 1.5 (20 x 12, 40 x 24 px)" in notes
    assert "aspect ratio 0.667 (12 x 20, 24 x 40 px)" in notes
    sheets = sorted(path.name for path in (whole / "samples").glob("training_*"))
    assert sheets == ["training_24x40.png", "training_40x24.png"]
    for stage in (0, 1):
        newest = whole / "tmp" / f"unet_{stage}" / "step_00000006"
        (newest / "MANIFEST.json").unlink()
    assert train.main(["-rd", str(whole)]) == 0
    assert files_of(whole) == before


def test_micro_batches_of_a_step_are_of_one_shape(fitted: Callable[..., Path]) -> None:
    """1e-5 is float32 rounding after three steps of sums in another order."""
    flags = "--SET", "training.optimizer.kind=adamw", "-st", "0"
    whole = fitted("whole", "-b", "4", *flags)
    parts = fitted("parts", "-b", "1", "-ai", "4", *flags)
    weights = [
        Imagen.load(run, device="cpu").stages[0].network.state_dict() for run in (whole, parts)
    ]
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-5), name


@pytest.fixture(scope="module")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a training directory that others may draw with."""
    where = tmp_path_factory.mktemp("trained")
    parameters = write_parameters(where / "parameters", tree_of(pictures))
    return train.train(train.parse(["-p", str(parameters), "-o", str(where)]))


class TestDrawing:
    def test_every_stage_has_the_ratio_and_a_picture_does_not_depend_on_its_batch(
        self, trained: Path
    ) -> None:
        """2e-5: networks round differently in batches of other sizes."""
        imagen = Imagen.load(trained, device="cpu")
        captions = ["a wide one", "a tall one", ""]
        drawn = imagen.sample_stages(captions, aspect_ratio=1.5)
        assert [tuple(images.shape[2:]) for images in drawn] == SIDES[0]
        alone = imagen.sample(captions[2:], aspect_ratio=1.5, first_number=2)
        assert torch.allclose(drawn[-1][2:], alone, atol=2e-5)

    def test_pictures_and_settings_are_of_the_ratio(
        self, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        flags = ["-d", str(trained), "-c", "a wide one", "-o", str(tmp_path)]
        output = inference.infer(inference.parse([*flags, "-ar", "3:2"]))
        assert "not trained" not in capsys.readouterr().out
        picture = Image.open(output / "generated_images" / "image_0.png")
        assert picture.size == (40, 24)
        assert picture.info["aspect_ratio"] == "1.5"
        settings = json.loads((output / "settings.json").read_text())
        assert settings["aspect_ratio"] == 1.5
        assert settings["pixels"] == ["20 x 12", "40 x 24"]
        grid = Image.open(output / "grid.png")
        assert grid.width > grid.height

    def test_a_ratio_that_was_not_trained_is_drawn_and_said(
        self, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        inference.infer(
            inference.parse(["-d", str(trained), "-c", "a wide one", "-o", str(tmp_path)])
        )
        assert "aspect ratio 1: was not trained, only 1.5, 0.667" in capsys.readouterr().out

    @pytest.mark.parametrize("given", ["wide", "3:0", "9", "3:2:1", "nan", "-1", ":2"])
    def test_what_is_no_ratio_is_wrong_use(self, given: str, trained: Path) -> None:
        assert inference.main(["-d", str(trained), f"-ar={given}"]) == 2


def test_a_plain_run_makes_no_sheets(fitted: Callable[..., Path]) -> None:
    plain = {"aspect_ratios": [1.0], "crop": "centre", "flip": False}
    run = fitted("plain", "-st", "0", **plain)
    assert not list((run / "samples").glob("training_*"))
    assert "aspect ratio" not in (run / "training_progress.txt").read_text()


class TestWhatCannotBe:
    def config(self, tmp_path: Path, tree: Tree) -> CascadeConfig:
        return CascadeConfig.read(write_parameters(tmp_path / "parameters", tree))

    def test_a_ratio_that_no_network_takes(self, pictures: Path, tmp_path: Path) -> None:
        """The first network needs multiples of 16 at 16 px."""
        tree = cascade_of(16, 32) | {"unet_0": unet_of(patch=16)}
        source = open_source(DataConfig(dataset=str(pictures), max_rejected=0), check_size=8)[0]
        cascade = self.config(tmp_path, tree)
        with pytest.raises(
            ConfigError, match=r"ratio 1\.5: .* multiples of 16, 4 px, and none near"
        ):
            lay_out(source, DataConfig(aspect_ratios=(1.5,)), cascade)

    def test_two_ratios_that_become_one(self, pictures: Path, tmp_path: Path) -> None:
        source = open_source(DataConfig(dataset=str(pictures), max_rejected=0), check_size=8)[0]
        cascade = self.config(tmp_path, cascade_of(16))
        with pytest.raises(ConfigError, match=r"1\.5 and 1\.6 both become 20 x 12 px"):
            lay_out(source, DataConfig(aspect_ratios=(1.5, 1.6)), cascade)

    def test_a_run_is_refused_before_anything_is_made(
        self, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        parameters = write_parameters(tmp_path / "p", tree_of(pictures, aspect_ratios=[1.5, 1.6]))
        assert train.main(["-p", str(parameters), "-o", str(tmp_path / "out")]) == 2
        assert "both become" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_small_pictures_are_left_out_and_listed(self, fitted: Callable[..., Path]) -> None:
        """The second stage's 64 px are 1.6 times a tall one's 40, 1.07 times a wide one's 60."""
        small = {"aspect_ratios": [4.0], "max_enlargement": 1.5, "max_rejected": 0.4}
        run = fitted("small", "-st", "0", **small)
        listed = (run / "rejected.jsonl").read_text().splitlines()
        assert {json.loads(line)["reason"] for line in listed} == {
            "would be enlarged more than 1.5 times"
        }
        assert len(listed) == 4

    def test_a_folder_of_small_pictures_alone(self, pictures: Path, tmp_path: Path) -> None:
        source = open_source(DataConfig(dataset=str(pictures), max_rejected=0), check_size=8)[0]
        cascade = self.config(tmp_path, cascade_of(512))
        with pytest.raises(DataError, match="100% of the pictures had to be enlarged"):
            lay_out(source, DataConfig(max_enlargement=2.0), cascade)


def test_the_loss_of_two_shapes_does_not_depend_on_the_batch_size(
    make_second_stage: Callable[..., Stage],
) -> None:
    """Batches never mix shapes; 1e-5 is float32 rounding."""
    stage = make_second_stage(crop=16)
    source = torch.Generator().manual_seed(0)
    images = [
        torch.randint(0, 256, (3, *sides), generator=source, dtype=torch.uint8)
        for sides in [(24, 40)] * 5 + [(40, 24)] * 4
    ]
    width = stage.network.reader.project[1].in_features
    text = TextEmbedding(torch.randn(9, 2, width), torch.ones(9, 2, dtype=torch.bool))
    held_out = ValidationSet(images, text, ("",) * 9)
    parts = list(held_out.parts(3))
    assert [list(numbers) for numbers, _ in parts] == [[0, 1, 2], [3, 4], [5, 6, 7], [8]]
    settings = {"seed": 0, "precision": "no"}
    losses = [
        validation_loss(stage, stage.network, held_out, batch_size=size, **settings).mean
        for size in (1, 3, 9)
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)


def test_noise_and_crops_have_the_pictures_shape(make_second_stage: Callable[..., Stage]) -> None:
    """A crop lies inside a picture that is lower than the stage's square."""
    stage = make_second_stage(crop=28)
    drawn = draw(stage, range(200), 200, 0, sides=(24, 40))
    assert drawn.eps.shape == (200, 3, 24, 28)
    assert drawn.corners is not None
    assert set(drawn.corners[:, 0].tolist()) == {0}
    assert set(drawn.corners[:, 1].tolist()) == {0, 4, 8, 12}


def test_batches_of_the_stream_are_what_the_layout_says(pictures: Path, tmp_path: Path) -> None:
    cascade = CascadeConfig.read(write_parameters(tmp_path / "p", cascade_of(16, 32)))
    source = open_source(DataConfig(dataset=str(pictures), max_rejected=0), check_size=8)[0]
    layout, left_out = lay_out(source, DataConfig(aspect_ratios=(1.5, 0.667)), cascade)
    assert not left_out
    assert [list(sides) for sides in layout.sides] == SIDES
    for stage in (0, 1):
        stream = batches(
            source,
            range(12),
            size=layout.framing(stage, 2),
            plan=consecutive(2),
            seed=0,
            stage=stage,
        )
        shapes = [tuple(batch.images.shape[2:]) for batch in islice(stream, 12)]
        assert [shapes.count(SIDES[bucket][stage]) for bucket in (0, 1)] == [8, 4]
