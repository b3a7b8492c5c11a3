"""Whom a request comes from and whom it is for: what the connection says, and what proxies say that are trusted."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from velo_core import Request, SetupError, TrustedProxies, Velo
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]
Pairs = list[tuple[str, str]]


def application(trusted_proxies: TrustedProxies | Sequence[str] = ()) -> Velo:
    app = Velo(trusted_proxies=trusted_proxies)

    @app.get("/who")
    async def who(request: Request) -> list[object]:
        return [request.client and request.client.host, request.scheme, request.host]

    @app.get("/links/{name}")
    async def links(name: str, request: Request) -> list[str]:
        return [request.absolute_url_for("links", name="a/b"), request.url_for("links", name="é?")]

    return app


ALL = ("for", "proto", "host", "prefix")
X_ALL = TrustedProxies("127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32", fields=ALL)
X = TrustedProxies("127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32")
FORWARDED = TrustedProxies("127.0.0.1", "10.0.0.0/8", header="forwarded")


@pytest.mark.parametrize(
    ("proxies", "headers", "expected"),
    [
        # nobody is trusted
        (
            (),
            [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https"), ("forwarded", "for=1.2.3.4")],
            ["127.0.0.1", "http", "a.test"],
        ),
        (["10.0.0.0/8"], [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https")], ["127.0.0.1", "http", "a.test"]),
        # one proxy
        (["127.0.0.1"], [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https")], ["1.2.3.4", "https", "a.test"]),
        (["127.0.0.1"], [], ["127.0.0.1", "http", "a.test"]),
        # what the client wrote itself stands on the left, and is not believed
        (X, [("x-forwarded-for", "9.9.9.9, 1.2.3.4")], ["1.2.3.4", "http", "a.test"]),
        (X, [("x-forwarded-for", "10.0.0.9"), ("x-forwarded-for", "1.2.3.4")], ["1.2.3.4", "http", "a.test"]),
        (X, [("x-forwarded-for", "9.9.9.9, 1.2.3.4, 10.0.0.1")], ["1.2.3.4", "http", "a.test"]),
        (X, [("x-forwarded-for", "10.0.0.3, 10.0.0.1")], ["10.0.0.3", "http", "a.test"]),
        (X, [("x-forwarded-for", "9.9.9.9, unknown, 10.0.0.1")], ["10.0.0.1", "http", "a.test"]),
        (X, [("x-forwarded-for", "nonsense")], ["127.0.0.1", "http", "a.test"]),
        (X, [("x-forwarded-for", "2001:db8::1, ::ffff:10.0.0.1")], ["2001:db8::1", "http", "a.test"]),
        (X, [("x-forwarded-for", "[2001:db9::1]:443")], ["2001:db9::1", "http", "a.test"]),
        (X, [("x-forwarded-for", "1.2.3.4, 10.0.0.1"), ("x-forwarded-proto", "https, http")], ["1.2.3.4", "https", "a.test"]),
        (X, [("x-forwarded-for", "9.9.9.9, 1.2.3.4"), ("x-forwarded-proto", "javascript, https")], ["1.2.3.4", "https", "a.test"]),
        (X, [("x-forwarded-for", "9.9.9.9, 1.2.3.4"), ("x-forwarded-proto", "HTTPS")], ["1.2.3.4", "https", "a.test"]),
        (X, [("x-forwarded-proto", "ftp")], ["127.0.0.1", "http", "a.test"]),
        # the host only where it is said to be set
        (X, [("x-forwarded-host", "b.test")], ["127.0.0.1", "http", "a.test"]),
        (X_ALL, [("x-forwarded-host", "B.test:8443")], ["127.0.0.1", "http", "b.test:8443"]),
        # one header, never the other
        (X, [("forwarded", "for=1.2.3.4;proto=https;host=b.test")], ["127.0.0.1", "http", "a.test"]),
        (FORWARDED, [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https")], ["127.0.0.1", "http", "a.test"]),
        (FORWARDED, [("forwarded", "for=1.2.3.4;proto=https;host=b.test")], ["1.2.3.4", "https", "b.test"]),
        (
            FORWARDED,
            [("forwarded", 'for=9.9.9.9;host=evil.test, for="1.2.3.4:99";host=b.test, for=10.0.0.1;host=c.test')],
            ["1.2.3.4", "http", "b.test"],
        ),
        (FORWARDED, [("forwarded", "for=9.9.9.9;host=evil.test, broken")], ["127.0.0.1", "http", "a.test"]),
        (FORWARDED, [("forwarded", "proto=https")], ["127.0.0.1", "https", "a.test"]),
    ],
)
def test_only_trusted_proxies_are_believed(serve: Serve, proxies: Any, headers: Pairs, expected: list[str]) -> None:
    response = serve(application(proxies)).get("/who", headers=[("host", "a.test"), *headers])

    assert response.json() == expected


@pytest.mark.parametrize(
    "host",
    [
        *("example.com/abc?bar=", "a.test:x", "a.test:99999", "user@a.test", "a test", "a.test,b.test", "[::1", "a.test#", "a\\b", "a%2eb"),
        *("x" * 300, "é.test"),
    ],
)
def test_a_bad_host_is_400_where_it_is_asked_for_and_never_moves_the_path(serve: Serve, host: str) -> None:
    client = serve(application())

    for path in ("/who", "/links/x"):
        response = client.get(path, headers=[(b"host", host.encode())])
        assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")


def test_two_hosts_or_none_are_400(serve: Serve) -> None:
    client = serve(application(X_ALL))

    assert client.get("/who", headers=[("host", "a.test"), ("host", "b.test")]).status_code == 400
    assert client.get("/who", headers=[("host", "a.test"), ("host", "a.test")]).status_code == 400
    assert client.get("/who", headers=[("host", "")]).status_code == 400
    assert client.get("/who", headers=[("host", "a.test"), ("x-forwarded-host", "b.test/x")]).status_code == 400


def test_a_host_from_a_stranger_does_not_stand_in_for_a_missing_one(way: tuple[ProtocolName, bool]) -> None:
    app = application(X_ALL)
    app.interpreted = way[1]
    with TestClient(app, protocol=way[0], client=("192.0.2.1", 1)) as client:
        assert client.get("/who", headers=[("host", ""), ("x-forwarded-host", "good.test")]).status_code == 400


def test_links_are_made_of_what_the_client_sees(serve: Serve) -> None:
    headers = {"host": "a.test", "x-forwarded-proto": "https", "x-forwarded-host": "Shop.test:8443", "x-forwarded-prefix": "/shop/"}

    assert serve(application()).get("/links/x", headers=headers).json() == ["http://a.test/links/a%2Fb", "/links/%C3%A9%3F"]
    assert serve(application(X_ALL)).get("/links/x", headers=headers).json() == [
        "https://shop.test:8443/shop/links/a%2Fb",
        "/shop/links/%C3%A9%3F",
    ]


@pytest.mark.parametrize("prefix", ["//evil.test", "shop", "/a//b", "/a b", "/a?b", "/a\\b", "/", "https://evil.test"])
def test_a_prefix_that_is_no_path_is_left_out(serve: Serve, prefix: str) -> None:
    response = serve(application(X_ALL)).get("/links/x", headers={"host": "a.test", "x-forwarded-prefix": prefix})

    assert response.json()[1] == "/links/%C3%A9%3F"


def test_a_prefix_and_a_root_path_add_up() -> None:
    with TestClient(application(X_ALL), root_path="/api") as client:
        response = client.get("/links/x", headers={"host": "a.test", "x-forwarded-prefix": "/shop"})

        assert response.json()[0] == "http://a.test/shop/api/links/a%2Fb"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Velo(trusted_proxies=["10.0.0.1/8"]), "has host bits set"),
        (lambda: Velo(trusted_proxies=["proxy.test"]), "'proxy.test' is no network of trusted proxies"),
        (lambda: Velo(trusted_proxies="10.0.0.0/8"), r"write a list: \['10.0.0.0/8'\]"),
        (lambda: TrustedProxies("unix", header="via"), "it has to be 'x-forwarded' or 'forwarded'"),  # pyright: ignore[reportArgumentType]: the mistake itself
        (lambda: TrustedProxies("unix", header="forwarded", fields=["for", "prefix"]), "has no field 'prefix'"),
        (lambda: TrustedProxies("unix", fields=["port"]), "has no field 'port'"),  # pyright: ignore[reportArgumentType]: the mistake itself
    ],
)
def test_mistakes_are_told_at_once(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SetupError, match=message) as raised:
        make()
    assert raised.value.code == "VELO_PROXIES"


def test_a_unix_socket_is_trusted_by_name() -> None:
    assert not X.trusts(None)
    assert TrustedProxies("unix").trusts(None)
