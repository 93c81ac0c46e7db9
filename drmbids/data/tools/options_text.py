"""Messages that name arguments of Python, in the words of the command line."""

import re

# What is written for callers from Python, and what to write in its place.
_WORDS = (
    (r" ?\(Python: (?:[^()]|\([^()]*\))*\)", ""),
    (r", or lower the reach \(StimulusFolds\([^()]*\)\)", ""),
    (r"\b\w+=? \(command line: (--[^()]*)\)", r"\1"),
    # both are said: space='T1w' (--space T1w)
    (r"\b\w+='[^']*' \((--[^()]*)\)", r"\1"),
    (r"\bcv='(\w+)'", r"--cv \1"),
    (r"\bn_blocks=(\d+)", r"--n-blocks \1"),
    (r"\bguard=([\d.]+)", r"--guard \1"),
    (r"\bmask=(?!\S)", "--mask"),
)


def in_options(text: str) -> str:
    """Return a message with options of the command line in place of arguments of Python.

    Parameters
    ----------
    text : str
        A message of an error or a warning.

    Examples
    --------
    >>> in_options("cv='run' needs two runs; hold out blocks of time (cv='blocks')")
    '--cv run needs two runs; hold out blocks of time (--cv blocks)'
    """
    for python, option in _WORDS:
        text = re.sub(python, option, text)
    return text
