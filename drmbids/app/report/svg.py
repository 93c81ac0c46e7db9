"""Figures as SVG files, and the same figures inside a page."""

import re
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import svg
from drmbids.data.storage.files import write_text


def write_figure(figure: Figure, path: Path) -> Markup:
    """Write a figure to a file and return it for use inside a page.

    Parameters
    ----------
    figure : Figure
    path : Path
        Its stem keeps the names inside the figure apart from those of other figures on the page.

    Returns
    -------
    Markup
        An ``<svg>`` element.
    """
    text = svg(figure)
    write_text(path, text)
    return inline_svg(text, prefix=re.sub(r"\W", "-", path.stem))


def inline_svg(text: str, prefix: str) -> Markup:
    """Return an SVG document as an element of a page, every id in it with a prefix.

    Examples
    --------
    >>> inline_svg('<?xml version="1.0"?><svg><g id="a"/><use xlink:href="#a"/></svg>', "f")
    Markup('<svg><g id="f-a"/><use xlink:href="#f-a"/></svg>')
    """
    body = text[text.index("<svg") :].strip()
    # matplotlib escapes quotes in attributes and "<" in text, so these patterns meet tags alone.
    body = re.sub(r'(<[^>]*?\bid=")', rf"\g<1>{prefix}-", body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", body)
    return Markup(body)  # matplotlib has escaped the labels


class FigureFolder:
    """Writes the figures of one page under BIDS-like names.

    Parameters
    ----------
    page_folder : Path
        Folder of the page, which links to the figures by relative names.
    sub_folder : str
        Folder of the figures in it.
    """

    def __init__(self, page_folder: Path, sub_folder: str):
        self.page_folder, self.sub_folder = page_folder, sub_folder

    def save(self, figure: Figure, name: str) -> tuple[Markup, str]:
        """Write a figure as ``<name>.svg``; return it for the page, and its relative address."""
        relative = f"{self.sub_folder}/{name}.svg"
        return write_figure(figure, self.page_folder / relative), relative
