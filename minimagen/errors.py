"""What can go wrong for reasons outside the code.

Every message says where, what came, what is allowed and what to do, on one line. The scripts print
it without a traceback and leave with ``exit_code``. Programmer's mistakes are ``assert`` and plain
exceptions.
"""


class MinimagenError(Exception):
    """Anything a user can cause and a user can mend."""

    exit_code = 1


class UsageError(MinimagenError):
    """A command line, or a call, that asks for something impossible."""

    exit_code = 2


class ConfigError(UsageError):
    """A parameter file, or a ``--SET``, that holds something impossible."""


class DataError(UsageError):
    """A data set that is missing, empty or mostly unreadable."""


class CheckpointError(UsageError):
    """A directory that is not what it should be: no training run, no weights, other shapes."""


class NoValidCheckpointError(CheckpointError):
    """Checkpoints exist and none of them verifies."""

    exit_code = 3


class LockedError(MinimagenError):
    """Another process is fitting this stage."""

    exit_code = 4


class TrainingError(MinimagenError):
    """Training cannot go on: a loss that is no number, a disk that is full."""
