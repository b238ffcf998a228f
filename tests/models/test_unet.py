"""What a network promises about its answer, its condition and its gradients."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.config import parse
from minimagen.errors import ConfigError
from minimagen.models import UNet, UNetConfig
from minimagen.models.tiling import margin
from minimagen.models.unet import Level
from tests.models.networks import KINDS, awakened, base, inputs_for, refiner, source, upscaler

Make = Callable[..., UNet]
each_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
with_text = pytest.mark.parametrize("make", [base, upscaler])
ROUNDING = 1e-5  # of float32 sums of some hundred terms of size 1, in another order


@each_kind
@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("sides", [(16, 16), (8, 24)])
def test_the_answer_has_the_shape_of_the_image(
    make: Make, patch: int, sides: tuple[int, int]
) -> None:
    network = make(patch=patch)
    x_t, log_snr, cond = inputs_for(network)
    x_t = x_t[:, :, : sides[0]].repeat(1, 1, 1, 2)[..., : sides[1]]
    if cond.lowres is not None:
        cond = replace(cond, lowres=LowRes(x_t, cond.lowres.log_snr))
    if cond.previous is not None:
        cond = replace(cond, previous=x_t)
    assert network(x_t, log_snr, cond).shape == x_t.shape


def test_a_level_without_blocks_is_a_stem() -> None:
    """It has its convolution in and out and two ways between levels, and passes its gradient on."""
    levels = (Level(width=8, blocks=0), Level(width=16))
    network = awakened(upscaler(levels=levels, patch=2))
    assert [len(blocks) for blocks in network.down_blocks] == [0, 1]
    x_t, log_snr, cond = inputs_for(network)
    network(x_t, log_snr, cond).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@each_kind
def test_a_fresh_network_answers_its_lowres_image_or_zero(make: Make) -> None:
    """1e-6 is the rounding of a product with the identity."""
    network = make()
    x_t, log_snr, cond = inputs_for(network)
    expected = torch.zeros_like(x_t) if cond.lowres is None else cond.lowres.image
    torch.testing.assert_close(network(x_t, log_snr, cond), expected, atol=1e-6, rtol=1e-6)


@each_kind
def test_an_answer_does_not_depend_on_the_rest_of_the_batch(make: Make) -> None:
    network = awakened(make())
    x_t, log_snr, cond = inputs_for(network)
    whole = network(x_t, log_snr, cond)
    for i in range(len(x_t)):
        row = slice(i, i + 1)
        alone = network(x_t[row], log_snr[row], cond[row])
        assert torch.allclose(alone, whole[row], atol=ROUNDING * whole.abs().max().item())


@each_kind
def test_memory_layout_changes_nothing(make: Make) -> None:
    network = awakened(make())
    x_t, log_snr, cond = inputs_for(network)
    plain = network(x_t, log_snr, cond)
    network = network.to(memory_format=torch.channels_last)
    x_t = x_t.to(memory_format=torch.channels_last)
    other = network(x_t, log_snr, cond)
    assert torch.allclose(other, plain, atol=ROUNDING * plain.abs().max().item())


@each_kind
def test_everything_told_is_heard(make: Make) -> None:
    """x_t, log-SNR, text, the low-res image, its level and the estimate change the answer."""
    network = awakened(make())
    x_t, log_snr, cond = inputs_for(network)
    told = [(x_t + 1, log_snr, cond), (x_t, log_snr + 1, cond)]
    if cond.text is not None:
        told += [(x_t, log_snr, cond.null())]
        other = TextEmbedding(cond.text.tokens.flip(0), cond.text.mask)
        told += [(x_t, log_snr, replace(cond, text=other))]
    if cond.lowres is not None:
        image, level = cond.lowres.image, cond.lowres.log_snr
        told += [(x_t, log_snr, replace(cond, lowres=LowRes(image + 1, level)))]
        told += [(x_t, log_snr, replace(cond, lowres=LowRes(image, level + 1)))]
        told += [(x_t, log_snr, cond.without_lowres())]
    if cond.previous is not None:
        told += [(x_t, log_snr, replace(cond, previous=cond.previous + 1))]
    answer = network(x_t, log_snr, cond)
    for inputs in told:
        difference = (network(*inputs) - answer).flatten(1).abs().amax(1)
        assert (difference > 0.01 * answer.abs().max()).any()


def test_no_estimate_is_an_estimate_of_zeros() -> None:
    network = awakened(refiner())
    x_t, log_snr, cond = inputs_for(network)
    zeros = network(x_t, log_snr, replace(cond, previous=torch.zeros_like(x_t)))
    assert torch.equal(network(x_t, log_snr, replace(cond, previous=None)), zeros)
    assert not torch.equal(network(x_t, log_snr, cond), zeros)


def test_a_network_that_reads_no_estimate_ignores_one() -> None:
    network = awakened(upscaler())
    x_t, log_snr, cond = inputs_for(network)
    told = network(x_t, log_snr, replace(cond, previous=x_t))
    assert torch.equal(told, network(x_t, log_snr, cond))


@with_text
def test_padding_tokens_change_nothing(make: Make) -> None:
    """Neither what they hold, which is masked exactly, nor how many there are."""
    network = awakened(make())
    x_t, log_snr, cond = inputs_for(network)
    assert cond.text is not None
    answer = network(x_t, log_snr, cond)
    noisy = cond.text.tokens.masked_fill(~cond.text.mask[:, :, None], 1e4)
    cond_noisy = Conditioning(TextEmbedding(noisy, cond.text.mask), cond.lowres)
    assert torch.equal(network(x_t, log_snr, cond_noisy), answer)
    longer = Conditioning(cond.text.padded(9), cond.lowres)
    close = ROUNDING * answer.abs().max().item()
    assert torch.allclose(network(x_t, log_snr, longer), answer, atol=close)


@with_text
def test_all_texts_are_the_same_null_text(make: Make) -> None:
    network = awakened(make())
    x_t, log_snr, cond = inputs_for(network)
    assert cond.text is not None
    other = TextEmbedding(cond.text.tokens + 3, ~cond.text.mask)
    null = network(x_t, log_snr, cond.null())
    assert torch.equal(network(x_t, log_snr, Conditioning(other, cond.lowres).null()), null)
    assert null.isfinite().all()


@with_text
def test_the_null_token_is_learned(make: Make) -> None:
    """From null text alone."""
    network = awakened(make())
    x_t, log_snr, cond = inputs_for(network)
    network(x_t, log_snr, cond.null()).square().mean().backward()
    assert network.reader.null_token.grad.any()


@each_kind
def test_every_parameter_has_a_gradient(make: Make) -> None:
    network = awakened(make())
    network(*inputs_for(network)).square().mean().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@each_kind
def test_training_moves_every_parameter_out_of_a_fresh_network(make: Make) -> None:
    """Zeroed layers open one by one: the output, a block's output, what steers the block."""
    network = make()
    fresh = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for seed in range(4):
        x_t, log_snr, cond = inputs_for(network)
        wanted = torch.randn(x_t.shape, generator=source(seed))
        optimizer.zero_grad()
        (network(x_t, log_snr, cond) - wanted).square().mean().backward()
        optimizer.step()
    unmoved = [name for name, p in network.named_parameters() if torch.equal(p, fresh[name])]
    assert unmoved == []


@each_kind
def test_gradient_checkpointing_changes_no_gradient(make: Make) -> None:
    """Bit for bit: the same operations, computed again."""
    gradients = []
    for again in (False, True):
        network = awakened(make(gradient_checkpointing=again))
        network(*inputs_for(network)).square().mean().backward()
        gradients.append([p.grad for p in network.parameters()])
    for plain, checkpointed in zip(*gradients, strict=True):
        assert torch.equal(plain, checkpointed)


def test_each_level_may_be_checkpointed_by_itself() -> None:
    """Bit for bit the same gradients; the base has 2 blocks at its finer level and 5 below it."""
    gradients = []
    for again, computed in [(False, 7), ((True, False), 7 + 2), ((False, True), 7 + 5)]:
        network = awakened(base(gradient_checkpointing=again))
        calls: list[object] = []
        for block in network.blocks():
            block.register_forward_pre_hook(lambda *call, calls=calls: calls.append(call))
        network(*inputs_for(network)).square().mean().backward()
        assert len(calls) == computed
        gradients.append([p.grad for p in network.parameters()])
    for others in gradients[1:]:
        assert all(torch.equal(a, b) for a, b in zip(gradients[0], others, strict=True))


def test_checkpointing_names_every_level_or_none() -> None:
    with pytest.raises(ValueError, match="not one value for each of the 2 levels"):
        base(gradient_checkpointing=(True,))


@pytest.mark.parametrize(
    "levels",
    [
        (Level(width=8, cross_attention=True),),
        (Level(width=8, blocks=2),),
        (Level(width=8), Level(width=8, cross_attention=True)),
        (Level(width=8, blocks=0), Level(width=8)),
    ],
)
def test_a_crop_looks_like_the_whole_picture_away_from_its_border(
    levels: tuple[Level, ...],
) -> None:
    """Farther than the network looks, up to rounding; nearer, a border is seen."""
    network = awakened(upscaler(levels=levels, patch=2))
    border = margin(network.config)
    inner, multiple = 16, network.config.size_multiple
    side, corner = 2 * border + inner, multiple
    x_t, log_snr, cond = inputs_for(network, batch=1, side=side + 2 * corner)
    assert cond.lowres is not None

    cut = (..., slice(corner, corner + side), slice(corner, corner + side))
    cropped = Conditioning(cond.text, LowRes(cond.lowres.image[cut], cond.lowres.log_snr))
    with torch.no_grad():
        whole = network(x_t, log_snr, cond)[cut]
        crop = network(x_t[cut], log_snr, cropped)
    inside = (..., slice(border, border + inner), slice(border, border + inner))
    scale = whole.abs().max().item()
    assert torch.allclose(crop[inside], whole[inside], atol=ROUNDING * scale)
    assert (crop - whole).abs().max() > 0.01 * scale


def test_an_sr_network_of_any_size_is_one_function() -> None:
    """Shifting the picture by whole cells of the coarsest level shifts the answer."""
    network = awakened(upscaler(levels=(Level(width=8),), patch=2))
    border = margin(network.config)
    x_t, log_snr, cond = inputs_for(network, batch=1, side=2 * border + 16)
    assert cond.lowres is not None
    rolled = Conditioning(
        cond.text, LowRes(cond.lowres.image.roll((4, 2), (2, 3)), cond.lowres.log_snr)
    )
    with torch.no_grad():
        moved = network(x_t.roll((4, 2), (2, 3)), log_snr, rolled)
        whole = network(x_t, log_snr, cond).roll((4, 2), (2, 3))
    inside = (..., slice(border + 4, -border - 4), slice(border + 4, -border - 4))
    close = ROUNDING * whole.abs().max().item()
    assert torch.allclose(moved[inside], whole[inside], atol=close)


def test_a_base_knows_where_it_is() -> None:
    """At t = 1 a pixel carries no position; coordinates give one to a constant picture."""
    network = awakened(base())
    _, log_snr, cond = inputs_for(network)
    answer = network(torch.zeros(3, 3, 16, 16), log_snr, cond)
    left, right = answer[..., 4:6], answer[..., 10:12]
    assert (left - right).abs().max() > 0.01 * answer.abs().max()


@each_kind
def test_bf16_changes_an_answer_by_no_more_than_its_rounding(make: Make) -> None:
    """Eight bits a number through some dozen layers: a few percent of the largest."""
    network = awakened(make())
    inputs = inputs_for(network)
    with torch.no_grad():
        plain = network(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            cast = network(*inputs)
    assert (cast.float() - plain).abs().max() < 0.05 * plain.abs().max()


@pytest.mark.parametrize("sides", [(16, 18), (15, 16), (10, 10)])
def test_odd_sides_name_the_multiple(sides: tuple[int, int]) -> None:
    network = base()
    _, log_snr, cond = inputs_for(network)
    named = rf"{sides[1]} x {sides[0]} pixels: .* multiples of 4"
    with pytest.raises(ConfigError, match=named):
        network(torch.zeros(3, 3, *sides), log_snr, cond)


def test_encode_middle_and_decode_can_be_called_from_outside() -> None:
    """A network around this one adds to the skips; adding zero changes nothing."""
    network = awakened(base())
    x_t, log_snr, cond = inputs_for(network)
    embedding, text = network.embed(log_snr, cond)
    inputs = network.fold(x_t, cond)
    h, skips = network.encode(inputs, embedding, text)
    assert len(skips) == sum(level.blocks for level in network.config.levels)
    h = network.middle(h, embedding, text)
    added = network.decode(h, [skip + 0 for skip in skips], embedding, text)
    answer = network.unfold(added, inputs, embedding)
    assert torch.equal(answer, network(x_t, log_snr, cond))


@pytest.mark.parametrize(
    ("levels", "patch", "multiple"), [(1, 1, 1), (1, 4, 4), (3, 1, 4), (2, 4, 8)]
)
def test_size_multiple_is_patch_times_two_to_the_levels(
    levels: int, patch: int, multiple: int
) -> None:
    assert UNetConfig(levels=(Level(width=8),) * levels, patch=patch).size_multiple == multiple


def test_what_is_convolutional() -> None:
    plain, attending = Level(width=32, cross_attention=True), Level(width=32, self_attention=True)
    assert UNetConfig(levels=(plain, plain)).is_convolutional
    assert not UNetConfig(levels=(plain, attending)).is_convolutional
    assert not UNetConfig(levels=(plain,), coordinates=True).is_convolutional


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            '{"levels": [{"width": 40, "self_attention": true}]}',
            "head_width 32 does not divide the level width 40",
        ),
        (
            '{"levels": [{"width": 30, "cross_attention": true}], "head_width": 8}',
            "head_width 8 does not divide the level width 30",
        ),
        ('{"levels": []}', "levels"),
        ('{"levels": [{"width": 0}]}', "levels.0.width is 0"),
        ('{"levels": [{"width": 8, "block": 2}]}', "did you mean 'blocks'"),
        ('{"levels": [{"width": 1000000000}]}', "less than or equal to 65536"),
    ],
)
def test_impossible_networks_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse(UNetConfig, text, "unet_0_params.json")
