"""The Host field, read strictly (RFC 9110 section 7.2)."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.parsing.host import parse_host


@pytest.mark.parametrize(
    ("value", "host", "port"),
    [
        ("example.com", "example.com", None),
        ("www.example.org:8001", "www.example.org", 8001),
        ("EXAMPLE.com:80", "example.com", 80),
        ("example.com.", "example.com.", None),
        ("example.com:", "example.com", None),  # RFC 3986 section 3.2.3: the port may be empty
        ("localhost:65535", "localhost", 65535),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("my_service-1", "my_service-1", None),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ("[::1]", "[::1]", None),
        ("[2001:DB8::1]:8080", "[2001:db8::1]", 8080),
        ("[::ffff:192.0.2.1]:", "[::ffff:192.0.2.1]", None),
        ("a" * 63 + ".test", "a" * 63 + ".test", None),
    ],
)
def test_hosts_are_read(value: str, host: str, port: int | None) -> None:
    assert parse_host(value) == (host, port)


@pytest.mark.parametrize(
    "value",
    [
        "",
        ":80",
        ".",
        ".example.com",
        "a..b",
        "example.com..",
        "example.com/abc?bar=",  # CVE-2026-48710
        "@evil.test/url",  # CVE-2026-54282
        "user@example.com",
        "user:pw@example.com",
        "example.com#x",
        "example.com?x",
        "example.com\\x",
        "a, b",
        "a,b",
        "a b",
        " a",
        "a\t",
        "a\r\nb",
        "a\x00",
        "a%2eb",
        "bücher.example",
        "ex\u212aample",
        "example。com",
        "*.example.com",
        "a:b",
        "a:80:80",
        "a:+80",
        "a: 80",
        "a:٨٠",
        "a:²",
        "a:65536",
        "a:000080",
        "a:" + "9" * 1_000_000,
        "::1",
        "[]",
        "[",
        "[::1",
        "[::1]x",
        "[::1]80",
        "[::1]:x",
        "[:::1]",
        "[fe80::1%eth0]",
        "[fe80::1%25eth0]",
        "[v1.x]",
        "[127.0.0.1]",
        "[example.com]",
        "a" * 64 + ".test",
        "a." * 25_000,
        "[" + ":" * 50_000 + "]",
    ],
)
def test_what_could_mean_something_else_in_a_url_is_refused(value: str) -> None:
    assert parse_host(value) is None


@given(st.text(st.characters(), max_size=20) | st.text("aZ09-_.:[]@/?#%\\ ,", max_size=20))
def test_what_is_accepted_means_the_same_in_a_url(value: str) -> None:
    parsed = parse_host(value)

    if parsed is not None:
        host, port = parsed
        url = urlsplit(f"http://{value}/path?query#fragment")
        assert (url.hostname, url.port) == (host.strip("[]"), port)
        assert (url.username, url.path, url.query, url.fragment) == (None, "/path", "query", "fragment")
