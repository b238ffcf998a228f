"""The whole cascade on any machine: train it, draw unseen captions, score them:  python main.py."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import inference
import train
from minimagen.cli.flags import parse_flags
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import OUTPUT

PARAMETERS = Path(__file__).parent / "parameters" / "tiny"
DRAWN, JUDGED = 6, 64  # captions
EXAMPLES = "  python main.py\n  python main.py -o /tmp/demo"


def demo(options: argparse.Namespace) -> None:
    """Train the tiny cascade, draw six captions it never saw, score 64 more at 64 px."""
    output = options.output or Path()
    training = train.train(train.parse(["-p", str(PARAMETERS), "-o", str(output)]))
    captions = unseen_captions()

    listed = training / "unseen_captions.txt"
    listed.write_text("".join(f"{caption}\n" for caption in captions[:DRAWN]), encoding="utf-8")
    images = inference.infer(
        inference.parse(["-d", str(training), "-c", str(listed), "-o", str(output)])
    )
    print(f"caption accuracy: {score(training, captions):.2f}")
    print(f"{training}\n{images}")


def unseen_captions() -> list[str]:
    """Return captions whose colour and shape training never showed together."""
    from minimagen.data.shapes import held_out_captions

    return held_out_captions("single", JUDGED, seed=0)


def score(training: Path, captions: Sequence[str]) -> float:
    """Return the share of captions whose picture shows the right colour and shape at 64 px."""
    import numpy as np

    from minimagen.evaluation.caption_accuracy import caption_accuracy
    from minimagen.imagen import Imagen

    pictures = Imagen.load(training).generate(captions, size=64, batch_size=32)
    return caption_accuracy([np.asarray(picture) for picture in pictures], captions)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    about = "Train the tiny cascade on built-in data, draw six captions, score 64 more."
    return leave_well(
        "main.py", lambda: demo(parse_flags("main.py", about, [OUTPUT], EXAMPLES, argv))
    )


if __name__ == "__main__":
    sys.exit(main())
