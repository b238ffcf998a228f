"""``python -m minimagen COMMAND``."""

import sys
from collections.abc import Sequence

COMMANDS = {
    "inspect": "show what a training directory holds, and whether it verifies",
    "average": "make an average of the weights of another length, after training",
    "build-t5-tiny": "train the bundled text encoder again",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["inspect"]:
        from minimagen.cli import inspect

        return inspect.main(arguments[1:])
    if arguments[:1] == ["average"]:
        from minimagen.cli import average

        return average.main(arguments[1:])
    if arguments[:1] == ["build-t5-tiny"]:
        from minimagen.cli import build_t5_tiny

        return build_t5_tiny.main(arguments[1:])
    listing = "\n".join(f"  {name:16}{about}" for name, about in COMMANDS.items())
    usage = f"usage: python -m minimagen COMMAND [FLAGS]\n\ncommands:\n{listing}"
    if arguments in ([], ["-h"], ["--help"]):
        print(usage)
        return 0
    print(f"python -m minimagen: no command {arguments[0]!r}\n{usage}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
