"""Responses that handlers make themselves: what they send, and what they refuse to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any, Protocol, cast

import pytest

from velo_core import (
    FileResponse,
    HTMLResponse,
    HTTPError,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    Velo,
)
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


def sending(*make: Callable[[], Response]) -> Velo:
    """`/{number}` answers with what that function makes."""
    app = Velo()
    for number, one in enumerate(make):
        app.get(f"/{number}")(giving(one))
    return app


def giving(make: Callable[[], Response]) -> Callable[..., object]:
    async def give() -> Response:
        return make()

    return give


# What is sent.


def test_content_and_content_type(serve: Serve, protocol: str) -> None:
    """On WSGI every response has a Content-Type: `wsgiref.validate` accepts no other."""
    cases: list[tuple[Callable[[], Response], str | None, bytes]] = [
        (Response, None, b""),
        (lambda: Response(b"\xff"), None, b"\xff"),
        (lambda: Response("é"), None, "é".encode()),
        (lambda: Response("a", media_type="text/csv"), "text/csv; charset=utf-8", b"a"),
        (lambda: Response("a", media_type="text/csv; charset=latin-1"), "text/csv; charset=latin-1", b"a"),
        (lambda: Response("a", media_type="text/html; Charset=ISO-8859-1"), "text/html; Charset=ISO-8859-1", b"a"),
        (lambda: Response("a", media_type="Text/Html"), "Text/Html; charset=utf-8", b"a"),
        (lambda: Response(b"{}", media_type="application/vnd.x+json"), "application/vnd.x+json", b"{}"),
        (lambda: Response("a", headers={"Content-Type": "text/x"}), "text/x", b"a"),
        (lambda: Response("a", headers={"content-type": "text/x"}, media_type="text/y"), "text/x", b"a"),
        (lambda: PlainTextResponse("é"), "text/plain; charset=utf-8", "é".encode()),
        (lambda: HTMLResponse("<p>é"), "text/html; charset=utf-8", "<p>é".encode()),
        (lambda: JSONResponse({"a": [1, None, "é"]}), "application/json", '{"a":[1,null,"é"]}'.encode()),
        (lambda: JSONResponse([], media_type="application/vnd.x+json"), "application/vnd.x+json", b"[]"),
        (lambda: JSONResponse([float("nan"), float("inf")]), "application/json", b"[null,null]"),
        (lambda: JSONResponse(None), "application/json", b"null"),
        (lambda: StreamingResponse([b"a", "é"]), None, b"a\xc3\xa9"),
        (lambda: StreamingResponse([], media_type="text/csv"), "text/csv; charset=utf-8", b""),
    ]
    client = serve(sending(*(make for make, _, _ in cases)))
    for number, (_, content_type, content) in enumerate(cases):
        response = client.get(f"/{number}")
        if protocol == "wsgi" and content_type is None:
            content_type = "application/octet-stream" if content else "text/plain; charset=utf-8"  # noqa: PLW2901 - for this round alone
        assert (response.status_code, response.headers.get("content-type"), response.content) == (200, content_type, content), number


def test_fields_of_one_name_are_kept_in_their_order(serve: Serve) -> None:
    def make() -> Response:
        response = Response("a", 201, [("X-A", "1"), ("x-b", " 2\t"), ("x-a", "3")])
        response.headers.add("x-a", "4")
        response.headers["x-c"] = "é"
        return response

    response = serve(sending(make)).get("/0")

    assert response.status_code == 201
    assert response.headers.get_list("x-a") == ["1", "3", "4"]
    assert (response.headers["x-b"], response.headers["x-c"]) == ("2", "é")


def test_responses_of_one_media_type_have_headers_of_their_own(serve: Serve) -> None:
    def changed() -> Response:
        response = Response("a", media_type="text/csv")
        response.headers["content-type"] = "text/tab-separated-values"
        response.headers["x-a"] = "1"
        return response

    client = serve(sending(changed, lambda: Response("a", media_type="text/csv"), lambda: Response("a", media_type="x/y; a=ä")))
    client.get("/0")

    fields = [{name: response.headers.get(name) for name in ("content-type", "x-a")} for response in map(client.get, ("/0", "/1", "/2"))]
    assert fields == [
        {"content-type": "text/tab-separated-values", "x-a": "1"},
        {"content-type": "text/csv; charset=utf-8", "x-a": None},
        {"content-type": "x/y; a=ä", "x-a": None},
    ]
    with pytest.raises(ValueError, match="content-type"):
        Response("a", media_type="text/csv\r\nx-a: 1")


def test_a_response_without_a_body_has_no_length(serve: Serve) -> None:
    """204 and 304 end with their header section, whatever was put into them (RFC 9110 sections 15.3.5 and 15.4.5)."""
    cases: list[Callable[[], Response]] = [
        lambda: Response("not sent", 204),
        lambda: Response("not sent", 304, {"etag": '"x"'}),
        lambda: JSONResponse({"not": "sent"}, 204),
        lambda: Response("not sent", 204, {"content-length": "8"}),
        lambda: StreamingResponse([b"not sent"], 204, {"content-length": "8"}),
        lambda: StreamingResponse([b"not sent"], 204),
        lambda: StreamingResponse([b"not sent"], 304),
        lambda: FileResponse(__file__, 204),
    ]
    client = serve(sending(*cases))
    for number in range(len(cases)):
        for method in ("GET", "HEAD"):
            response = client.request(method, f"/{number}")
            assert response.content == b""
            assert not {"content-length", "transfer-encoding"} & set(response.headers)
    assert client.get("/1").headers["etag"] == '"x"'


def test_not_modified_may_tell_the_length_of_what_it_stands_for(serve: Serve, protocol: str) -> None:
    """RFC 9110 section 8.6. Granian leaves it out on RSGI, but for HEAD."""
    cases: list[Callable[[], Response]] = [
        lambda: Response("", 304, {"content-length": "8"}),
        lambda: StreamingResponse([b"not sent"], 304, {"content-length": "8"}),
        lambda: Response("", 304, {"content-length": "none"}),
    ]
    client = serve(sending(*cases, lambda: FileResponse(__file__, 304)))

    assert client.get("/3").content == b""
    for method in ("GET", "HEAD"):
        for number, length in enumerate(("8", "8", None)):
            response = client.request(method, f"/{number}")
            assert (response.content, response.status_code) == (b"", 304)
            assert response.headers.get("content-length") == (None if protocol == "rsgi" and method == "GET" else length)


def test_a_stream_without_content_has_a_sound_length_too(serve: Serve) -> None:
    client = serve(sending(lambda: StreamingResponse([b"not sent"], 304, {"content-length": "none"})))

    with pytest.raises(ValueError, match="Content-Length"):
        client.get("/0")


@pytest.mark.parametrize("path", ["/0", "/1"], ids=["whole", "stream"])
async def test_transfer_encoding_is_left_to_the_server(path: str) -> None:
    """As where a handler sends on the headers of another server's response. Clients do not show the field: the server's side is asked."""
    headers = {"transfer-encoding": "chunked", "x-a": "1"}
    app = sending(lambda: Response("abc", headers=headers), lambda: StreamingResponse([b"abc"], headers=headers))
    names: list[set[str]] = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            names.append({name.decode() for name, _ in message["headers"]})

    async def wait() -> None:
        await asyncio.Event().wait()

    async def send_bytes(data: bytes) -> None: ...

    def respond(status: int, headers: list[tuple[str, str]], body: bytes = b"") -> object:
        names.append({name for name, _ in headers})
        return SimpleNamespace(send_bytes=send_bytes)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "http_version": "1.1"}
    await app(scope, cast("Any", wait), cast("Any", send))
    rsgi = SimpleNamespace(proto="http", method="GET", path=path, query_string="", http_version="1.1", headers=SimpleNamespace())
    protocol = SimpleNamespace(response_bytes=respond, response_stream=respond, client_disconnect=wait)
    await app.__rsgi__(cast("Any", rsgi), cast("Any", protocol))

    assert ["x-a" in found for found in names] == [True, True]
    assert ["transfer-encoding" in found for found in names] == [False, False]


def test_a_response_that_resets_has_an_empty_body(serve: Serve) -> None:
    """Whatever was put into it (RFC 9110 section 15.3.6). It has a length, or clients would wait for a body."""
    cases: list[Callable[[], Response]] = [
        lambda: Response("not sent", 205),
        lambda: JSONResponse({"not": "sent"}, 205),
        lambda: Response("not sent", 205, {"content-length": "8"}),
        lambda: StreamingResponse([b"not sent"], 205),
        lambda: StreamingResponse([b"not sent"], 205, {"content-length": "8"}),
        lambda: FileResponse(__file__, 205),
    ]
    client = serve(sending(*cases))
    for number in range(len(cases)):
        response = client.get(f"/{number}")
        assert (response.status_code, response.content, response.headers["content-length"]) == (205, b"", "0")
        assert "transfer-encoding" not in response.headers


def test_a_declared_length_is_sent_as_it_is(serve: Serve) -> None:
    """For a body that the route does not send itself; HEAD then has it without a body to measure."""
    app = Velo()

    @app.head("/head")
    async def head() -> Response:
        return Response(b"", headers={"content-length": "5000"})

    @app.get("/empty")
    async def empty() -> Response:
        return Response(b"", headers={"content-length": "5000"})

    @app.head("/unknown")
    async def unknown() -> Response:
        return Response(headers={"x-a": "1"})

    @app.get("/stream")
    async def stream() -> Response:
        return StreamingResponse([b"ab", b"cd"], headers={"content-length": "4"})

    @app.get("/whole")
    async def whole() -> Response:
        return Response(b"abcd", headers={"content-length": "4"})

    client = serve(app)

    assert client.head("/head").headers["content-length"] == "5000"
    assert client.get("/empty").headers["content-length"] == "0"
    assert "content-length" not in client.head("/unknown").headers
    assert (client.get("/stream").content, client.get("/stream").headers["content-length"]) == (b"abcd", "4")
    assert (client.get("/whole").content, client.get("/whole").headers["content-length"]) == (b"abcd", "4")


def test_streams_of_every_kind(serve: Serve) -> None:
    async def asynchronous() -> AsyncIterator[bytes | str]:
        yield b"a"
        yield ""
        yield "é"

    def plain() -> Iterator[bytes]:
        yield b"a"
        yield b""
        yield "é".encode()

    client = serve(
        sending(lambda: StreamingResponse(asynchronous()), lambda: StreamingResponse(plain()), lambda: StreamingResponse(["a", "é"]))
    )
    for number in range(3):
        assert client.get(f"/{number}").content == "aé".encode()


def test_headers_that_the_request_asks_to_add(serve: Serve) -> None:
    """They are on whatever is sent in the end, beside those of the response."""
    app = Velo()

    async def around(request: Request, call_next: Callable[[Request], Any]) -> Any:
        request.response_headers.add("x-a", "outer")
        return await call_next(request)

    app.add_middleware(around)

    @app.get("/data")
    async def data(request: Request) -> dict[str, int]:
        request.response_headers.add("x-a", "inner")
        return {}

    @app.get("/response")
    async def response(request: Request) -> Response:
        request.response_headers.add("vary", "cookie")
        return Response("a", headers={"x-a": "own"})

    @app.get("/error")
    async def error(page: int) -> None: ...

    client = serve(app)

    assert client.get("/data").headers.get_list("x-a") == ["outer", "inner"]
    assert client.get("/response").headers.get_list("x-a") == ["own", "outer"]
    assert client.get("/response").headers["vary"] == "cookie"
    assert (client.get("/error").status_code, client.get("/error").headers["x-a"]) == (422, "outer")
    assert (client.get("/missing").status_code, client.get("/missing").headers["x-a"]) == (404, "outer")


def test_a_field_of_which_there_may_be_one_only_takes_the_place_of_the_response_s_own(serve: Serve) -> None:
    app = Velo()

    @app.get("/data")
    async def data(request: Request) -> dict[str, int]:
        request.response_headers.set("content-type", "application/hal+json")
        return {}

    @app.get("/response")
    async def response(request: Request) -> Response:
        request.response_headers.update({"etag": '"new"', "retry-after": "2", "vary": "cookie", "cache-control": "no-store", "x-a": "2"})
        return Response("a", headers={"x-a": "1", "retry-after": "1", "etag": '"old"', "vary": "accept", "cache-control": "private"})

    @app.get("/redirect")
    async def redirect(request: Request) -> Response:
        request.response_headers.set("location", "/there")
        return RedirectResponse("/here")

    client = serve(app)
    fields = client.get("/response").headers

    assert client.get("/data").headers.get_list("content-type") == ["application/hal+json"]
    assert (fields.get_list("etag"), fields.get_list("retry-after")) == (['"new"'], ["2"])
    assert fields.get_list("x-a") == ["1", "2"]
    assert (fields.get_list("vary"), fields.get_list("cache-control")) == (["accept", "cookie"], ["private", "no-store"])
    assert client.get("/redirect", follow_redirects=False).headers.get_list("location") == ["/there"]


def test_an_error_keeps_its_own_content_type(serve: Serve) -> None:
    """It has another content than the result of which the handler said the type; what a client sent must not become a page by that."""
    app = Velo()

    @app.get("/problem")
    async def failing(request: Request) -> str:
        request.response_headers.set("content-type", "text/html")
        raise HTTPError(400, "<script>")

    @app.get("/page")
    async def page(request: Request) -> Response:
        request.response_headers.set("content-type", "text/html")
        return Response("<p>", 404)

    client = serve(app)

    assert client.get("/problem").headers.get_list("content-type") == ["application/problem+json"]
    assert client.get("/page").headers.get_list("content-type") == ["text/html"]


# Cookies.


def test_cookies_are_set_and_deleted(serve: Serve) -> None:
    def make() -> Response:
        response = PlainTextResponse("a")
        response.set_cookie("theme", "dark", max_age=60)
        response.set_cookie("plain", "1", secure=False, http_only=False, same_site=None, path=None)
        response.delete_cookie("old", path="/x", domain="example.com")
        return response

    response = serve(sending(make)).get("/0")

    assert response.headers.get_list("set-cookie") == [
        "theme=dark; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax",
        "plain=1",
        "old=; Max-Age=0; Domain=example.com; Path=/x; Secure; HttpOnly; SameSite=Lax",
    ]


# What is refused.

SPLITTING = ["a\r\nx-injected: 1", "a\nb", "a\rb", "a\0b", "a\x0bb", "a\x1fb", "a\x7fb", "\r\n\r\n<script>", "a\u2028b", "𝟙"]


@pytest.mark.parametrize("text", SPLITTING)
def test_nothing_that_could_split_a_response_gets_into_one(text: str) -> None:
    """Refused where it is set, so that the traceback shows who did it."""
    response = Response()
    attempts: list[Callable[[], object]] = [
        lambda: Response(headers={"x-a": text}),
        lambda: Response(headers=[("x-a", text)]),
        lambda: Response(headers={text: "a"}),
        lambda: Response(media_type=text),
        lambda: JSONResponse({}, headers={"x-a": text}),
        lambda: StreamingResponse([], headers={"x-a": text}),
        lambda: RedirectResponse("/", headers={"x-a": text}),
        lambda: response.headers.set("x-a", text),
        lambda: response.headers.add("x-a", text),
        lambda: response.headers.add(text, "a"),
        lambda: response.headers.update({"x-a": text}),
        lambda: response.headers.__setitem__("x-a", text),
        lambda: response.headers.setdefault("x-a", text),
        lambda: response.headers.vary(text),
        lambda: response.set_cookie("a", text),
        lambda: response.set_cookie(text, "a"),
        lambda: response.set_cookie("a", "b", path=f"/{text}"),
        lambda: response.set_cookie("a", "b", domain=text),
        lambda: response.delete_cookie(text),
    ]
    for number, attempt in enumerate(attempts):
        with pytest.raises(ValueError, match=r"."):
            attempt()
        assert response.headers.items() == (), number


def test_a_header_from_a_request_cannot_split_the_response(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def echo(value: str) -> Response:
        return Response(headers={"x-echo": value})

    @app.get("/later")
    async def later(request: Request, value: str) -> str:
        request.response_headers.set("x-echo", value)
        return "a"

    client = serve(app, raise_app_exceptions=False)
    for path in ("/", "/later"):
        assert client.get(path, params={"value": "fine"}).headers["x-echo"] == "fine"
        response = client.get(path, params={"value": "a\r\nx-injected: 1"})
        assert response.status_code == 500
        assert "x-injected" not in response.headers


@pytest.mark.parametrize("status_code", [0, 99, 100, 101, 199, 600, 999, -1, 2**40])
def test_a_status_that_cannot_be_sent_is_refused(status_code: int) -> None:
    with pytest.raises(ValueError, match="from 200 to 599"):
        Response(status_code=status_code)


# Redirects.

REDIRECTS = {
    "/plain": "/plain",
    "/a b": "/a%20b",
    "/ä?ö=ü#ß": "/%C3%A4?%C3%B6=%C3%BC#%C3%9F",
    "/already%20encoded": "/already%20encoded",
    "/a?b=c&d=e%26f": "/a?b=c&d=e%26f",
    "https://example.com:8080/a;b,c?d[]=1": "https://example.com:8080/a;b,c?d[]=1",
    "?page=2": "?page=2",
    "": "",
    '/"quoted"<b>': "/%22quoted%22%3Cb%3E",
    "/back\\slash": "/back%5Cslash",
    "\\\\evil.example": "%5C%5Cevil.example",
    "/{curly}|`^": "/%7Bcurly%7D%7C%60%5E",
    "/~user/!$'()*+,:;=@": "/~user/!$'()*+,:;=@",
}


def test_the_target_of_a_redirect_is_encoded(serve: Serve) -> None:
    """What a URI may have stays as it is, an escape that is there already included; all else is encoded as UTF-8 (RFC 3986 section 2)."""
    client = serve(sending(*(lambda url=url: RedirectResponse(url) for url in REDIRECTS)))
    for number, expected in enumerate(REDIRECTS.values()):
        response = client.get(f"/{number}")
        assert (response.status_code, response.headers["location"], response.content) == (307, expected, b"")


@pytest.mark.parametrize("status_code", [301, 302, 303, 307, 308])
def test_redirects_of_every_status(serve: Serve, status_code: int) -> None:
    response = serve(sending(lambda: RedirectResponse("/other", status_code, {"x-own": "1"}))).get("/0")

    assert (response.status_code, response.headers["location"], response.headers["x-own"]) == (status_code, "/other", "1")


@pytest.mark.parametrize("status_code", [200, 300, 304, 305, 306, 309, 400])
def test_a_redirect_has_a_redirecting_status(status_code: int) -> None:
    with pytest.raises(ValueError, match="a redirect has status"):
        RedirectResponse("/", status_code)


@pytest.mark.parametrize("url", ["/a\r\nx-injected: 1", "/a\nb", "/\0", "/\x7f", "java\tscript:alert(1)", "/\ud800"])
def test_a_redirect_refuses_control_characters_and_surrogates(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        RedirectResponse(url)


# JSON.


def test_json_responses_refuse_what_has_no_json_form() -> None:
    with pytest.raises(TypeError, match="has no JSON form"):
        JSONResponse({"a": object()})
    with pytest.raises(UnicodeEncodeError):
        JSONResponse("\ud800")


def test_one_response_can_be_returned_again_and_again(serve: Serve) -> None:
    """What is added for one request is not on the next."""
    shared = PlainTextResponse("a", headers={"x-own": "1"})
    app = Velo()

    @app.get("/")
    async def give(request: Request, number: int) -> Response:
        request.response_headers.add("x-number", str(number))
        return shared

    client = serve(app)
    for number in range(3):
        response = client.get(f"/?number={number}")
        assert (response.text, response.headers.get_list("x-number")) == ("a", [str(number)])
    assert shared.headers.items() == (("x-own", "1"), ("content-type", "text/plain; charset=utf-8"))


def test_a_cookie_has_all_its_attributes(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show() -> Response:
        response = Response()
        response.set_cookie("__Host-sid", "1", max_age=60, expires=0, secure=True, http_only=True, same_site="none", partitioned=True)
        response.delete_cookie("__Host-old", partitioned=True)
        return response

    assert serve(app).get("/").headers.get_list("set-cookie") == [
        "__Host-sid=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
        "__Host-old=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
    ]
