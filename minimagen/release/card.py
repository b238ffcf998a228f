"""The model card of a release, ``README.md``: what ``RELEASE.json`` says, for people."""

from collections.abc import Iterator

from minimagen.release.hub import card_header
from minimagen.release.manifest import Measured, Provenance, Release
from minimagen.text.locate import BUNDLED

SAMPLES = "samples.png"


def card(release: Release, *, samples: bool, encoder: bool) -> str:
    """Return the card: a YAML header that the Hub reads, then what a person wants to know.

    Args:
        release: what is described.
        samples: whether ``samples.png`` lies beside it.
        encoder: whether its text encoder comes with it, or with minimagen.
    """
    about = release.about
    parts = [
        card_header(release),
        f"# {about.name}",
        *([about.text] if about.text else []),
        *([f"![What it draws]({SAMPLES})"] if samples else []),
        _what_it_is(release),
        _how_to_draw(release),
        *([_measured(release)] if about.measured else []),
        *([_made(about.provenance)] if about.provenance else []),
        _limits(release, encoder),
        f"## Licence\n\n{about.licence}",
    ]
    return "\n\n".join(parts) + "\n"


def _what_it_is(release: Release) -> str:
    about, sizes = release.about, " -> ".join(map(str, release.sizes))
    encoder = release.text_encoder or "none, it draws without captions"
    lines = [
        f"- a cascade of {len(release.sizes)} diffusion model"
        f"{'s' if len(release.sizes) > 1 else ''}: {sizes} px",
        f"- text encoder: {encoder}",
        *([f"- trained on: {about.data}"] if about.data else []),
        f"- weights: {release.dtype}, {release.size / 1e6:.1f} MB with its parameter files",
    ]
    return "\n".join(lines)


def _how_to_draw(release: Release) -> str:
    caption = release.about.captions[0] if release.about.captions else "a red circle"
    return f"""\
## Draw with it

```python
from minimagen import Imagen

imagen = Imagen.from_pretrained("DIRECTORY or ORGANISATION/NAME", revision="COMMIT")
pictures = imagen.generate(["{caption}"], seed=7)
```

or, from a shell, `python inference.py -d hf:ORGANISATION/NAME@COMMIT -c "{caption}"`.
The commit pins the very bytes; `RELEASE.json` holds the hash of every file, and loading refuses
others."""


def _measured(release: Release) -> str:
    head = "| held-out captions | right | 95 % interval | of | by guessing |\n|---|---|---|---|---|"
    rows = "\n".join(map(_row, release.about.measured))
    size = release.about.measured[0].size
    return (
        f"## Measured\n\n{head}\n{rows}\n\nJudged at {size} px by rules without a network: "
        "every thing in its colour and shape, and two things as they are related. By guessing is "
        "what the captions of other pictures score."
    )


def _row(found: Measured) -> str:
    guessed = "" if found.guessed is None else f"{found.guessed:.2f}"
    return (
        f"| {found.what} | {found.share:.2f} | {found.low:.2f} to {found.high:.2f} "
        f"| {found.count} | {guessed} |"
    )


def _made(made: Provenance) -> str:
    return "## How it was made\n\n" + "\n".join(f"- {line}" for line in _provenance(made))


def _provenance(made: Provenance) -> Iterator[str]:
    yield f"command: `{made.command}`"
    yield f"seed: {made.seed}"
    yield f"optimizer steps of the stages: {', '.join(f'{steps:,}' for steps in made.steps)}"
    if made.seconds is not None:
        yield f"time: {made.seconds:,.0f} s"
    threads = f"{made.threads} thread{'s' if made.threads != 1 else ''}"
    yield f"machine: {', '.join(filter(None, (made.processor, made.device, threads)))}"
    yield "software: " + ", ".join(f"{name} {number}" for name, number in made.versions.items())
    if made.commit is not None:
        yield f"commit: {made.commit}"
    if made.finished is not None:
        yield f"finished: {made.finished}"


def _limits(release: Release, encoder: bool) -> str:
    lines = [
        "It draws what its training data shows, and little else, with whatever bias that has.",
        "Captions are checked by nobody: whoever offers it to others answers for what it draws.",
    ]
    if release.text_encoder in BUNDLED:
        lines.append(
            "Its text encoder comes with minimagen and knows words like those of the built-in data."
        )
    elif not encoder:
        lines.append(f"Its text encoder, {release.text_encoder}, is not in this directory.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)
