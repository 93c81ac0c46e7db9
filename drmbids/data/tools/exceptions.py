"""Every error and warning a user can meet, with the exit code the command line ends in.

The message of a :class:`DRMError` is one line: what is wrong, where (file, row, entity), the value
found, and what to do about it.
"""

from collections.abc import Sequence


class DRMError(Exception):
    """Base of all errors raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 70


class UsageError(DRMError, ValueError):
    """A wrong argument, option or call."""

    exit_code = 2


class DeviceError(UsageError):
    """The requested device is not there; drmbids never falls back to another one by itself."""


class EarlierResultError(UsageError):
    """Results of another analysis lie where the output would go; they are left as they are."""


class ModelError(DRMError, ValueError):
    """A model, or model file, that cannot be built; ``problems`` lists every fault found.

    Parameters
    ----------
    problems : str or sequence of str
        One line for each fault.
    """

    exit_code = 2

    def __init__(self, problems: str | Sequence[str]):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class DataError(DRMError, ValueError):
    """Input data that cannot be used as they are."""

    exit_code = 65


class OutputError(DRMError, OSError):
    """The output cannot be written."""

    exit_code = 73


class TrainingError(DRMError, RuntimeError):
    """Training cannot go on, for example because the loss is not finite."""


class DivergenceError(TrainingError):
    """A loss is not finite: the parameters ran away."""


class DRMWarning(UserWarning):
    """Base of all warnings; silence a class with :func:`warnings.filterwarnings`."""


class DataWarning(DRMWarning):
    """The data can be used, but something in them deserves a look."""


class TrainingWarning(DRMWarning):
    """Training goes on, but not quite as it was asked for."""
