"""The page as HTML: one file, nothing loaded from elsewhere, and no script but its own ever run.

Titles are other people's texts. They stand in JSON in which no `<` is left, and are shown as text; beyond that the page
forbids (Content-Security-Policy) all scripts and styles but the two whose hashes it names, and all connections. Ids of
contents stand in elements of their own: so an erasure finds them whatever they look like (runtime/file_search.py).
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from linnaeus.taxonomy.page.data import PageData
from linnaeus.taxonomy.tree import CURATED

_TEMPLATES = Environment(
    loader=PackageLoader("linnaeus.taxonomy.page", "templates"),
    autoescape=select_autoescape(["html", "j2"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def as_html(page: PageData) -> str:
    """The page, whole by itself."""
    style, script = _own("page.css"), _own("page.js")
    roots, leaves = page.tree.children.get(None, ()), page.tree.leaves()
    return _TEMPLATES.get_template("page.html.j2").render(
        about=page.about,
        n_topics=len(page.tree),
        n_roots=len(roots),
        n_leaves=len(leaves),
        n_curated=sum(one.origin == CURATED for one in page.tree),
        changes=page.changes,
        content_ids=page.content_ids,
        data=htmlsafe_json_dumps(page.data, ensure_ascii=False, separators=(",", ":")),
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
        n_points=len(page.data["points"]["x"]),
    )


def _own(name: str) -> str:
    """A file of ours, with line ends as a browser hashes them."""
    found = resources.files("linnaeus.taxonomy.page") / "templates" / name
    return found.read_text(encoding="utf-8").replace("\r\n", "\n")


def _hash(text: str) -> str:
    """As Content-Security-Policy writes it (W3C, level 2)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
