"""Values that a user gives, checked or shown in a message without any library."""

import math
from numbers import Real
from typing import Any

from drmbids.data.tools.exceptions import UsageError

# Longer texts of values are not shown.
_LONGEST = 60


def shortly(value: Any) -> str:
    """Return a value for a message; of what is long its type.

    Parameters
    ----------
    value : object

    Examples
    --------
    >>> import numpy as np
    >>> shortly("2.0"), shortly(np.zeros((2, 3))), shortly(list(range(99)))
    ("'2.0'", 'an array of shape (2, 3)', 'a list')
    """
    if type(value).__name__ == "ndarray":  # numpy is not loaded for it
        return f"an array of shape {value.shape}"
    text = repr(value)
    if len(text) <= _LONGEST and text.isprintable():
        return text
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


def positive_number(name: str, value: Any, zero: bool = False) -> float:
    """Return a finite number above 0, or raise.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : object
        A number of Python, numpy or pandas.
    zero : bool
        Whether 0 is allowed too.

    Raises
    ------
    UsageError
        If it is something else, 0, negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> positive_number("learning_rate", np.float32(0.5))
    0.5
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    found = float(value) if number else math.nan
    if not (0 < found < math.inf or (zero and found == 0)):
        least = "of 0 or more" if zero else "above 0"
        raise UsageError(f"{name} must be a finite number {least}, got {shortly(value)}")
    return found
