"""`examples/sites.py` over real sockets: the same sites behind every server."""

import json
from collections.abc import Iterator

import pytest

from tests.examples.servers import SERVERS, Server, serving

PROXY = {"x-forwarded-for": "6.6.6.6, 203.0.113.7", "x-forwarded-proto": "https"}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param, "sites") as running:
        yield running


def test_a_host_has_its_site_and_a_trusted_proxy_tells_the_client(server: Server) -> None:
    answer = server.ask("GET", "/", {"host": "ACME.example.com", **PROXY})

    assert (answer.status, json.loads(answer.body)) == (200, ["acme", "203.0.113.7", "https://other.example.com/"])
    assert server.ask("GET", "/", {"host": "example.com"}).status == 404
    assert server.ask("GET", "/", {"host": "acme.example.com.evil.test"}).status == 404


@pytest.mark.parametrize("host", ["example.com/abc?bar=", "acme.example.com@evil.test", "a,b", "acme.example.com:x"])
def test_a_bad_host_is_refused(server: Server, host: str) -> None:
    assert server.ask("GET", "/", {"host": host}).status == 400


def test_a_mounted_application_runs_with_its_lifespan(server: Server) -> None:
    answer = server.ask("GET", "/reports/june")

    assert (answer.status, json.loads(answer.body)) == (200, ["june", "open", "/reports/next%20one"])
    assert answer.headers["x-route"] == "/reports"
    assert server.ask("GET", "/reports/june/lines").body == b"june 0\njune 1\njune 2\n"
    assert server.ask("GET", "/reports/a/b/c").status == 404
    assert server.ask("GET", "/reportsx").status == 404


def test_other_kinds_of_applications_are_told_where_they_are(server: Server) -> None:
    assert server.ask("GET", "/raw/x", PROXY).body == b"/raw /raw/x https"
    assert server.ask("GET", "/legacy/a/b").body == b"/legacy /a/b"


def test_versions_are_deprecated_and_slashes_redirected(server: Server) -> None:
    old, new = server.ask("GET", "/v1/price"), server.ask("GET", "/v2/price")

    assert (old.body, old.headers["deprecation"], old.headers["sunset"]) == (b"12 in 1", "@1767225600", "Fri, 01 Jan 2027 00:00:00 GMT")
    assert (new.body, "deprecation" in new.headers) == (b"12 in 2", False)
    moved = server.ask("GET", "/v2/price/?q=1")
    assert (moved.status, moved.headers["location"]) == (308, "../price?q=1")
