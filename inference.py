"""Draw with a fitted cascade:  python inference.py -d training_<TIMESTAMP> -c captions.txt."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.cli.inference import parse
from minimagen.cli.leaving import leave_well

if TYPE_CHECKING:
    from minimagen.cli.drawing import Order
    from minimagen.runtime import Processes


def infer(options: argparse.Namespace) -> Path:
    """Draw what a command line asks for and return the directory with the pictures."""
    from minimagen.cli.drawing import read_order
    from minimagen.runtime import joined, keep_freed_memory

    keep_freed_memory()
    order = read_order(options)
    with joined(options.device or order.device, go_on="--RESUME") as processes:
        return draw(order, processes)


def draw(order: "Order", processes: "Processes") -> Path:
    """Draw as one of some processes; each writes its images, and the first one the rest."""
    from minimagen.cli.drawing import kept, load_cascade, open_output, tell_difference
    from minimagen.cli.editing import tell_cut
    from minimagen.cli.progress import progress
    from minimagen.drawing.batches import drawn
    from minimagen.drawing.painter import Painter
    from minimagen.drawing.settings import settled

    imagen = load_cascade(order, processes)
    plans = imagen.plan(**order.settings.how)
    settings = settled(order.settings, imagen, order.directory, plans)
    tell_difference(order, settings)
    tell_cut(settings.edit, order.inputs, plans[-1].sides)
    painter = Painter(imagen, settings, order.inputs, plans)
    output, mine = open_output(order, settings, processes)

    images = sum(batch.size for batch in mine)
    with kept(output), progress(imagen, plans, images, settings.count) as bar:
        paint = partial(painter.draw, see=bar.see)
        for batch, pictures in drawn(mine, paint, bar.tell):
            output.save(pictures, batch)
            bar.have(batch)
        processes.wait()
    processes.from_first(output.finish)
    print(f"generated images: {output.path}")
    return output.path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    return leave_well("inference.py", lambda: infer(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
