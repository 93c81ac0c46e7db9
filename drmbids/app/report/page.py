"""What pages are made of: sections, figures, tables, and the templates that join them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from drmbids.app.report.numbers import format_value, table_view


@dataclass
class Block:
    """One piece of a section: a figure, a table or text, with its caption."""

    kind: str
    content: Any
    caption: str = ""
    folded: bool = False
    file: str = ""


@dataclass
class Section:
    """A part of the page with a title, or the reason why there is nothing in it."""

    title: str
    anchor: str
    blocks: list[Block] = field(default_factory=list)
    missing: str = ""

    def figure(self, content: Markup, caption: str, file: str = "") -> None:
        """Add an inline figure; neighbours that are narrow stand side by side."""
        self.blocks.append(Block("figure", content, caption, file=file))

    def table(self, table: pd.DataFrame, caption: str, folded: bool = False) -> None:
        """Add a table; a folded one is opened by a click."""
        self.blocks.append(Block("table", table_view(table), caption, folded))

    def facts(self, facts: dict[str, Any]) -> None:
        """Add names with their values."""
        self.blocks.append(Block("facts", {k: format_value(v) for k, v in facts.items()}))

    def note(self, text: str) -> None:
        """Add a sentence."""
        self.blocks.append(Block("note", text))

    def messages(self, messages: list[str], kind: str) -> None:
        """Add warnings or errors, ``kind`` is ``"warning"`` or ``"error"``."""
        self.blocks.append(Block("messages", messages, kind))

    def code(self, text: str, caption: str = "", folded: bool = False) -> None:
        """Add text as it is, in a fixed-width font."""
        self.blocks.append(Block("code", text, caption, folded))

    def links(self, links: dict[str, str]) -> None:
        """Add links to other files of the derivative dataset, ``{text: relative address}``."""
        self.blocks.append(Block("links", links))

    def prose(self, text: str) -> None:
        """Add text to be copied, addresses in it made into links."""
        self.blocks.append(Block("prose", text))


def section(title: str, anchor: str, fill: Callable[[Section], None]) -> Section:
    """Return a section filled by a function; if that fails, the section says why.

    A report is read most when a run went wrong, so a file that cannot be read must not cost the
    reader the rest of the page.
    """
    made = Section(title, anchor)
    try:
        fill(made)
    except Exception as error:  # any fault of a damaged file is shown in its section
        made.missing = f"This part could not be made: {type(error).__name__}: {error}"
    if not made.blocks and not made.missing:
        made.missing = "Nothing was saved for this part."
    return made


def render(template: str, **values: Any) -> str:
    """Return a page made from a template of this package, everything in it escaped.

    Parameters
    ----------
    template : str
        File name in ``drmbids/app/report/templates``.
    **values
        Variables of the template.
    """
    environment = Environment(
        loader=PackageLoader("drmbids.app.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
