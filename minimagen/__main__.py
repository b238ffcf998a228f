"""``python -m minimagen COMMAND``."""

import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "prepare": "check, deduplicate, resize and pack a data set, once",
    "inspect": "show what a training directory holds, and whether it verifies",
    "plot": "draw a training directory's losses, rates and speed, also while it goes on",
    "look": "look inside a drawing: what reads which word, how it comes about, what is hard to see",
    "upscale": "enlarge pictures of any size by the super-resolution stages",
    "evaluate": "judge a run's pictures by real ones, in numbers and on a page",
    "compare": "tell which of two runs is better, by the same captions and seeds",
    "find-rate": "find the learning rate that suits a stage",
    "serve": "a page and a REST interface that draw with a trained cascade",
    "release": "make a trained cascade ready to be handed on; put it on the Hub",
    "models": "releases under names and tags: list, tag, compare, promote, roll back",
    "export": "turn the networks into graphs for other programs: ONNX, or torch.export",
    "prune": "make a trained cascade smaller and faster",
    "average": "make an average of the weights of another length, after training",
    "embed": "fill the cache of text embeddings, look at it, make it smaller",
    "build-t5-tiny": "train the bundled text encoder again",
    "build-t5-scenes": "teach it again what stands where: the second bundled text encoder",
    "build-features": "train the bundled feature network again, by which pictures are judged",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; the command's module is loaded only then."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        command = import_module(f"minimagen.cli.{arguments[0].replace('-', '_')}")
        code: int = command.main(arguments[1:])
        return code
    listing = "\n".join(f"  {name:16}{about}" for name, about in COMMANDS.items())
    usage = f"usage: python -m minimagen COMMAND [FLAGS]\n\ncommands:\n{listing}"
    if arguments in (["-h"], ["--help"]):
        print(usage)
        return 0
    wrong = f"no command {arguments[0]!r}" if arguments else "no command given"
    print(f"python -m minimagen: {wrong}\n{usage}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
