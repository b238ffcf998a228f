"""From a command line to a run's configuration: parameter files, then flags, then ``--SET``.

Everything goes through one plain tree, ``{"imagen": ..., "unet_0": ..., "training": ...}``, so that
a run being continued can be compared with what a command line asks for, key by key.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minimagen.cascade import CascadeConfig, ImagenConfig
from minimagen.cli.encoders import encoder_tree, leave_learned
from minimagen.config import find_parameters, parse, read_json, to_plain
from minimagen.errors import ConfigError, UsageError
from minimagen.models import UNetConfig
from minimagen.training.config import TrainingConfig

Tree = dict[str, Any]
HOME = Path(__file__).parents[2]  # beside the scripts
MAY_DIFFER = {
    "training.checkpoint_every",
    "training.epochs",
    "training.max_skipped",
    "training.batch_size",  # shared out anew among processes: training.run sees to the product
    "training.accumulate",
}
FOR_PEOPLE = (".about", ".expect")
NAMED = 8  # differences told; parameter files of another run differ in hundreds of places
ALIASES = {"data": "training.data"}
TESTING_STEPS = 4
TESTING_ITEMS = 32


@dataclass(frozen=True)
class Settings:
    """A run as its command line and files describe it."""

    cascade: CascadeConfig
    training: TrainingConfig
    stages: tuple[int, ...]


def new_run(options: argparse.Namespace) -> Settings:
    """Settle a new run.

    Raises:
        ConfigError: for parameter files that do not hold.
        UsageError: for flags that do not fit them.
    """
    tree = _read(locate(options.parameters or Path("parameters")))
    if options.testing:
        _shrink(tree)
    _apply(tree, options)
    return _settle(tree, options.img_side_len, options.stages)


def continued_run(options: argparse.Namespace, directory: Path) -> Settings:
    """Settle a run that continues in its directory.

    Raises:
        UsageError: showing what differs, when the command line asks for another run.
    """
    _refuse_with_restart(options)
    stored = _read(directory / "parameters")
    asked = (
        _read(locate(options.parameters)) if options.parameters else json.loads(json.dumps(stored))
    )
    _apply(asked, options)
    _leave_precision(asked, stored)
    leave_learned(asked["imagen"].get("text_encoder"), stored["imagen"].get("text_encoder"))
    before, after = _settle(stored), _settle(asked, options.img_side_len, options.stages)
    _require_same(_tree_of(before), _tree_of(after))
    return after


def locate(path: Path) -> Path:
    """Return a parameter directory: as given, or beside the scripts."""
    return (
        path
        if path.is_dir() or path.is_absolute()
        else HOME / path
        if (HOME / path).is_dir()
        else path
    )


def _read(directory: Path) -> Tree:
    """Read a parameter directory as it is written, unchecked."""
    tree = {"imagen": _load(directory, "imagen_params")}
    stages = tree["imagen"].get("stages", [])
    for i in range(len(stages) if isinstance(stages, list) else 0):
        tree[f"unet_{i}"] = _load(directory, f"unet_{i}_params")
    return tree | {"training": _load(directory, "training_params")}


def _load(directory: Path, stem: str) -> Tree:
    path = find_parameters(directory, stem)
    try:
        tree = json.loads(read_json(path))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}: no JSON (line {error.lineno}: {error.msg}); mend it") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply; mend it") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: holds no JSON object")
    return tree


def _shrink(tree: Tree) -> None:
    """Make a smoke run of it: the tiny networks and encoder, a slice of the data, a few steps."""
    tiny = _read(HOME / "parameters" / "tiny")
    last = len(tiny["imagen"]["stages"]) - 1
    tree["imagen"]["text_encoder"] = tiny["imagen"]["text_encoder"]
    for i in range(len(tree["imagen"]["stages"])):
        tree[f"unet_{i}"] = tiny[f"unet_{min(i, last)}"]
    training = tree["training"]
    training.pop("epochs", None)
    training.update(batch_size=2, images=2 * TESTING_STEPS)
    training.setdefault("data", {})["limit"] = TESTING_ITEMS


def _apply(tree: Tree, options: argparse.Namespace) -> None:
    """Write the flags that were given into the tree, then ``--SET``."""
    direct = {
        "training.epochs": options.epochs,
        "training.batch_size": options.batch_size,
        "training.accumulate": options.accum_iter,
        "training.optimizer.learning_rate": options.optim_lr,
        "training.checkpoint_every": options.chckpt_num,
        "training.validation_images": options.valid_num,
        "training.train_fraction": options.train_valid_frac,
        "training.data.dataset": options.dataset,
        "training.precision": options.precision,
        "training.seed": options.seed,
        "imagen.text_encoder.max_tokens": options.max_num_words,
    }
    if options.t5_name is not None:
        before = tree["imagen"].get("text_encoder")
        tree["imagen"]["text_encoder"] = encoder_tree(before, options.t5_name)
    for path, value in direct.items():
        if value is not None:
            _assign(tree, path, value)
    if options.timesteps is not None:
        _discretise(tree, options.timesteps)
    for assignment in options.set or ():
        _assign(tree, *_read_assignment(assignment))


def _discretise(tree: Tree, timesteps: int) -> None:
    """Train every stage on T steps, and sample it with no more of them."""
    cascade = _checked(ImagenConfig, tree, "imagen")
    for stage, settled in zip(tree["imagen"]["stages"], cascade.stages, strict=True):
        stage["times"] = {"kind": "discrete", "timesteps": timesteps}
        steps = min(timesteps, settled.sampling.steps)
        stage.setdefault("sampling", {})["steps"] = steps


def _read_assignment(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise UsageError(f"--SET {text}: give NAME=VALUE, as training.ema.decay=0.999")
    try:
        return path, json.loads(value)
    except json.JSONDecodeError:
        return path, value


def _assign(tree: Tree, path: str, value: Any) -> None:
    """Set a value deep in the tree; the configuration classes check it later."""
    first, _, rest = path.partition(".")
    *parents, last = f"{ALIASES.get(first, first)}.{rest}".split(".")
    at: Any = tree
    for name in parents:
        at = _step_into(at, name, path)
    if isinstance(at, list):
        at[_place(at, last, path)] = value
    elif isinstance(at, dict) and last:
        at[last] = value
    else:
        raise UsageError(f"--SET {path}: {'.'.join(parents)} holds no parameters")


def _step_into(at: Any, name: str, path: str) -> Any:
    if isinstance(at, list):
        return at[_place(at, name, path)]
    if isinstance(at, dict):
        if name not in at and at.keys() & {"imagen", "training"}:
            raise UsageError(f"--SET {path}: starts with none of {', '.join(at)}, data")
        return at.setdefault(name, {})
    raise UsageError(f"--SET {path}: there is nothing below {name}'s parent")


def _place(at: list[Any], name: str, path: str) -> int:
    if not name.isdigit() or int(name) >= len(at):
        raise UsageError(f"--SET {path}: {name} is no place from 0 to {len(at) - 1}")
    return int(name)


def _settle(tree: Tree, size: int | None = None, stages: Sequence[int] | None = None) -> Settings:
    """Check the tree, cut the cascade, choose the stages."""
    imagen = _checked(ImagenConfig, tree, "imagen")
    if size is not None:
        imagen = imagen.up_to(size)
    count = len(imagen.stages)
    unets = tuple(_checked(UNetConfig, tree, f"unet_{i}") for i in range(count))
    training = _checked(TrainingConfig, tree, "training")
    chosen = tuple(stages or range(count))
    if max(chosen) >= count:
        asked = ",".join(map(str, chosen))
        raise UsageError(f"--STAGES {asked}: this cascade's stages are 0 to {count - 1}")
    return Settings(CascadeConfig(imagen, unets), training, chosen)


def _checked(kind: Any, tree: Tree, name: str) -> Any:
    return parse(kind, json.dumps(tree[name]), f"{name}_params.json")


def _tree_of(settings: Settings) -> Tree:
    unets = {f"unet_{i}": to_plain(unet) for i, unet in enumerate(settings.cascade.unets)}
    imagen, training = to_plain(settings.cascade.imagen), to_plain(settings.training)
    return {"imagen": imagen, "training": training, **unets}


def _leave_precision(asked: Tree, stored: Tree) -> None:
    """Ask for the precision the run began in where none is named, whatever the device is now."""
    if asked["training"].get("precision") is None:
        asked["training"]["precision"] = stored["training"].get("precision")


def _refuse_with_restart(options: argparse.Namespace) -> None:
    for name in ("testing", "init_directory", "timestamp", "output"):
        if getattr(options, name) is not None:
            raise UsageError(
                f"--{name.upper()}: means nothing with --RESTART_DIRECTORY, which continues a run "
                "where it is; leave it out"
            )


def _require_same(before: Tree, after: Tree) -> None:
    differing = list(_differences(before, after))
    if differing:
        more = len(differing) - NAMED
        raise UsageError(
            f"--RESTART_DIRECTORY continues the same run, but {'; '.join(differing[:NAMED])}"
            f"{f' and {more} more' if more > 0 else ''}. "
            "Leave these out, or start a new run with --INIT_DIRECTORY"
        )


def _differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Say where two trees differ, as deep down as both go."""
    if before == after or path in MAY_DIFFER or path.endswith(FOR_PEOPLE):
        return
    old, new = _below(before), _below(after)
    if old and new:
        for name in sorted(old.keys() | new.keys()):
            below = f"{path}.{name}" if path else name
            yield from _differences(old.get(name), new.get(name), below)
    else:
        yield f"{path} is {_short(before)} in the run and {_short(after)} here"


def _below(tree: Any) -> Tree:
    if isinstance(tree, list):
        return {str(i): value for i, value in enumerate(tree)}
    return tree if isinstance(tree, dict) else {}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
