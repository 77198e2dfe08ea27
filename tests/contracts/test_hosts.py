"""Hosts in one form, and the hosts of links."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.contracts.hosts import canonical_host, linked_host, with_parents

NAMES = {
    "bit.ly": "bit.ly",
    "BIT.LY.": "bit.ly",
    "bücher.example": "xn--bcher-kva.example",
    "BÜCHER.example": "xn--bcher-kva.example",
    "bu\u0308cher.example": "xn--bcher-kva.example",
    "xn--bcher-kva.EXAMPLE": "xn--bcher-kva.example",
    "straße.example": "xn--strae-oqa.example",
    "例え。テスト": "xn--r8jz45g.xn--zckzah",
    "i❤.ws": "xn--i-7iq.ws",
    "b\u00adit.ly": "bit.ly",
    "ｂｉｔ．ｌｙ": "bit.ly",
    "my_site.example": "my_site.example",
    "%62it.ly": "bit.ly",
    "127.0.0.1": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "[::1]": "[::1]",
    "localhost": "localhost",
    "a b": None,
    "": None,
    ".": None,
    "a/b": None,
    "a@b": None,
    "a..b": "a..b",
    "a" * 300: None,
    ".".join(["a"] * 200): None,
}
LINKS = {
    "https://bit.ly/x": "bit.ly",
    "//bit.ly/x": "bit.ly",
    "https:bit.ly": "bit.ly",
    "https:/bit.ly": "bit.ly",
    "https:\\\\bit.ly\\x": "bit.ly",
    "\\\\bit.ly": "bit.ly",
    " \tht\ntps://bit.ly ": "bit.ly",
    "HTTP://BIT.LY.:80?x": "bit.ly",
    "https://good.example@bit.ly/": "bit.ly",
    "https://a:b@c@bit.ly/": "bit.ly",
    "https://bit.ly#@good.example": "bit.ly",
    "https://bücher.example": "xn--bcher-kva.example",
    "ftp://bit.ly": "bit.ly",
    "app://bit.ly/x": "bit.ly",
    "/path": None,
    "path/bit.ly": None,
    "#bit.ly": None,
    "?bit.ly": None,
    "": None,
    "mailto:a@bit.ly": None,
    "javascript:'https://bit.ly'": None,
    "data:text/html,https://bit.ly": None,
    "https://": None,
    "https://a b/": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_host_has_one_form(name: str) -> None:
    assert canonical_host(name) == NAMES[name]


@pytest.mark.parametrize("link", LINKS)
def test_where_a_link_leads(link: str) -> None:
    assert linked_host(link) == LINKS[link]


@given(st.text(st.sampled_from("ab.:/@#?\\-_[] %é。０x\u00ad"), max_size=20))
def test_no_name_and_no_link_makes_it_raise(text: str) -> None:
    linked_host(text)
    host = canonical_host(text)
    assert host is None or canonical_host(host) == host


def test_a_host_and_what_it_lies_below() -> None:
    assert with_parents("a.b.example") == ["a.b.example", "b.example", "example"]
