"""Names of hosts in the one form that they are compared in, and the hosts that links lead to."""

from __future__ import annotations

import re

_LONGEST = 255  # no longer name can be looked up (RFC 1035, 2.3.4)
_PLAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z_-][a-z0-9_-]*")
# A link of a page without a scheme takes the page's: one of http would make a path of `https:example.org`.
_PAGE = "ftp://page.invalid/"
_PAGE_HOST = "page.invalid"


def canonical_host(name: str) -> str | None:
    """A host in small letters, in ASCII (Punycode), without a dot at its end; None for what is no host.

    As browsers read it, by the URL Standard (https://url.spec.whatwg.org, 3.5): `BÜCHER.example.` is
    `xn--bcher-kva.example`, and `0x7f.1` is `127.0.0.1`.
    """
    plain = name.lower().rstrip(".")
    if plain.isascii() and _PLAIN.fullmatch(plain):
        return plain if len(plain) <= _LONGEST else None
    return linked_host(f"https://{name}/") if name and not set(name) & set("/?#@\\") else None


def linked_host(link: str) -> str | None:
    """The host that a link of a page leads to, as `canonical_host` gives it; None for one that stays on the page's own.

    A link without a scheme (`//example.org/x`) and what browsers put up with (`https:\\\\example.org`) are read as
    browsers read them.
    """
    from ada_url import URL

    try:
        host = URL(link, base=_PAGE).hostname.rstrip(".")
    except ValueError:
        return None
    return host if host and host != _PAGE_HOST and len(host) <= _LONGEST else None


def with_parents(host: str) -> list[str]:
    """A host and those that it lies below: `a.b.example`, `b.example`, `example`."""
    labels = host.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]
