"""What a notebook shows by itself: HTML for people, the same as text on a terminal. All that is said is escaped."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from rich.console import Console

from linnaeus.runtime.report import Section, as_fragment, print_report

_WIDTH = 120  # characters of a text
_TEMPLATES = Environment(
    loader=PackageLoader("linnaeus.suite", "templates"),
    autoescape=select_autoescape(["html", "j2"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Shown:
    """Something with a title and sections, as a notebook or a terminal shows it."""

    @property
    def title(self) -> str:
        """What stands above it."""
        raise NotImplementedError

    def sections(self) -> Sequence[Section]:
        """What is said of it."""
        raise NotImplementedError

    def folded(self) -> Sequence[Section]:
        """What a notebook shows when it is unfolded, and a terminal not at all."""
        return ()

    def _repr_html_(self) -> str:
        shown, folded = fragment(self.sections()), fragment(self.folded())
        return as_html("sections.html.j2", title=self.title, fragment=shown, folded=folded, folded_title="More of it")

    def __repr__(self) -> str:
        return as_text(self.title, self.sections())


def as_text(title: str, sections: Sequence[Section]) -> str:
    """Sections as a terminal shows them."""
    stream = io.StringIO()
    # In a notebook rich would show it there, whatever file it is given.
    print_report(title, sections, Console(file=stream, width=_WIDTH, highlight=False, force_jupyter=False))
    return stream.getvalue().rstrip()


def as_html(template: str, **values: Any) -> str:
    """A part of a page, with the style that it needs."""
    return _TEMPLATES.get_template(template).render(**values)


def fragment(sections: Sequence[Section]) -> Markup:
    """Sections, which are escaped as they are made."""
    return Markup(as_fragment(sections))  # by a template that escapes all that it is given
