"""``python -m minimagen serve``: a page and a REST interface for a trained cascade."""

import argparse
import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from minimagen.cli.flags import Flag, directory, parse_flags, real, whole
from minimagen.cli.inference import weights
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import DEVICE, PRECISION
from minimagen.errors import UsageError

WHAT, WHERE, HOW = "what is served", "where", "how it is drawn"
TOKEN = "MINIMAGEN_TOKEN"  # of the environment: a command line can be read by others
NEEDED = ("fastapi", "uvicorn", "python_multipart")
FLAGS = (
    Flag(
        "TRAINING_DIRECTORY",
        "-d",
        WHAT,
        "a run to offer, or NAME, NAME:TAG, hf:ORGANISATION/NAME, repeatable; the first is drawn "
        "with unless another is asked for; default: every training_* here, the newest first, else "
        "the bundled model",
        directory,
        repeatable=True,
    ),
    Flag("WEIGHTS", "-w", WHAT, "ema, best or raw; or ema:0.08; default: ema", weights),
    Flag("HOST", None, WHERE, "address to listen on; default: 127.0.0.1, this machine alone"),
    Flag("PORT", None, WHERE, "default: 7860; 0 takes any that is free", whole(0, 65535)),
    Flag(
        "TOKEN",
        None,
        WHERE,
        f"what clients must show; needed for any other host; default: ${TOKEN}, else none",
    ),
    Flag(
        "OUTPUT",
        "-o",
        WHERE,
        "directory of the history, where all files are made; default: served",
        directory,
    ),
    Flag("BATCH_SIZE", "-b", HOW, "pictures at a time; default: 4", whole(1, 1024)),
    Flag("QUEUE_SIZE", None, HOW, "jobs that may wait; default: 16", whole(1, 10_000)),
    Flag(
        "PATIENCE",
        None,
        HOW,
        "seconds to finish the jobs that are there after SIGTERM; default: 60",
        real(0, 86_400),
    ),
    DEVICE,
    PRECISION,
)
EXAMPLES = """\
  python -m minimagen serve -d training_20261121_101500
  MINIMAGEN_TOKEN=... python -m minimagen serve --host 0.0.0.0 --port 8000"""


def serve(options: argparse.Namespace) -> None:
    """Load the first run, serve until a signal comes, then drain.

    Raises:
        UsageError: for a run, an address or a token that will not do, or missing packages.
        LockedError: when another server uses the output directory.
        StoppedError: in the end, with the signal's exit code.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(f"serve: needs {', '.join(missing)}; pip install 'minimagen[serve]'")
    from minimagen.apps.guard import LOOPBACK
    from minimagen.apps.history import History
    from minimagen.apps.rest.application import create_app
    from minimagen.apps.runs import Runs
    from minimagen.apps.server import address_of, is_loopback, listen, require_token
    from minimagen.apps.server import serve as serve_on
    from minimagen.apps.studio import Studio
    from minimagen.cli.average import prepare_weights
    from minimagen.locking import stage_lock

    host = options.host or "127.0.0.1"
    token = options.token or os.environ.get(TOKEN) or None
    require_token(host, token)
    runs = Runs(*_offered(options.training_directory))
    output: Path = options.output or Path("served")
    chosen = options.weights or "ema"
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("minimagen.apps").setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # forms that make no sense
    with listen(host, 7860 if options.port is None else options.port) as taken, stage_lock(output):
        history = History(output)
        for run in runs:
            prepare_weights(run.path, chosen)
        sizes = ", ".join(f"{size} px" for size in runs.first.sizes)
        print(f"loading {runs.first.path} ({sizes})")
        studio = Studio(
            runs,
            history,
            device=options.device,
            precision=options.precision,
            batch_size=options.batch_size or 4,
            queue_size=options.queue_size or 16,
            weights=chosen,
        )
        kept = len(history.ids())
        print(f"history: {kept} job{'' if kept == 1 else 's'} in {output}")
        guarded = "a token is needed" if token else "no token is needed"
        print(f"serving on {address_of(taken)}, {guarded}; Ctrl-C ends it")
        app = create_app(studio, token=token, hosts=LOOPBACK if is_loopback(host) else None)
        serve_on(app, studio, taken, 60.0 if options.patience is None else options.patience)


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen serve", "Serve a trained cascade as a page and as REST."
    return leave_well(prog, lambda: serve(parse_flags(prog, about, FLAGS, EXAMPLES, argv)))


def _offered(given: Sequence[Path] | None) -> tuple[list[Path], list[str]]:
    """Return where the models are that are offered, and what to ask for them by."""
    from minimagen.release.finding import BUNDLED, bundled_model, find_model

    if given:
        found = [find_model(str(word)) for word in given]
        # A directory has a name of its own; whatever else was found is called as it was asked for.
        names = [
            path.resolve().name if path == word else str(word)
            for word, path in zip(given, found, strict=True)
        ]
        return found, names
    here, bundled = _newest_first(), bundled_model()
    if not here and bundled is not None:
        return [bundled], [BUNDLED]
    return here, [path.resolve().name for path in here]


def _newest_first() -> list[Path]:
    here = [path for path in Path().glob("training_*") if path.is_dir()]
    drawable = [path for path in here if any((path / "state_dicts").glob("unet_0_*"))]
    return sorted(drawable, key=lambda path: path.stat().st_mtime, reverse=True)
