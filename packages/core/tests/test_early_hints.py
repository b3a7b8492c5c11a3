"""Links sent ahead of the response: where they are offered, when it is too late for them, and what is no link."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core import (
    BackgroundTasks,
    CallNext,
    Depends,
    EarlyHints,
    HTTPError,
    Request,
    Response,
    Router,
    StreamingResponse,
    Velo,
    WebSocket,
)
from velo_core.early_hints import _checked  # pyright: ignore[reportPrivateUsage]: for texts by the thousand
from velo_core.protocols.asgi import ADAPTER
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]
STYLE = "</style.css>; rel=preload; as=style"
FONTS = '<https://fonts.example/?a=1,2>; rel="preconnect"; title="a; b, \\"c\\""'


def sent(response: httpx2.Response) -> list[bytes]:
    return list(response.extensions.get("early_hints", []))


def test_they_are_sent_where_the_connection_offers_it(serve: Serve, protocol: ProtocolName) -> None:
    app = Velo()

    @app.get("/")
    async def page(hints: EarlyHints) -> list[bool]:
        return [hints.offered, await hints.send(STYLE, f" {FONTS}\t"), await hints.send(), await hints.send(STYLE)]

    can = protocol == "asgi"
    for response in (serve(app).get("/"), serve(app).get("/")):
        assert response.json() == [can, can, False, can]
        assert sent(response) == ([STYLE.encode(), FONTS.encode(), STYLE.encode()] if can else [])


def test_dependencies_share_them_with_the_handler(serve: Serve, protocol: ProtocolName) -> None:
    app = Velo()
    seen: list[EarlyHints] = []

    async def preload(early: EarlyHints) -> None:
        seen.append(early)
        await early.send(STYLE)

    pages = Router("/pages", dependencies=[Depends(preload)])

    @pages.get("/plain")
    def plain() -> str:
        return "page"

    @pages.get("/asks")
    async def asks(hints: EarlyHints, item_hints: Annotated[None, Depends(preload)]) -> bool:
        return hints is seen[-1]

    @pages.get("/fails")
    async def fails() -> None:
        raise HTTPError(409)

    app.include(pages)
    client = serve(app)

    expected = [STYLE.encode()] if protocol == "asgi" else []
    assert (client.get("/pages/plain").text, sent(client.get("/pages/plain"))) == ("page", expected)
    assert client.get("/pages/asks").json() is True
    response = client.get("/pages/fails")
    assert (response.status_code, sent(response)) == (409, expected)


def test_middleware_answers_after_them(serve: Serve, protocol: ProtocolName) -> None:
    app = Velo()

    @app.middleware
    async def replace(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        return Response("another")

    @app.get("/")
    async def page(hints: EarlyHints, tasks: BackgroundTasks) -> str:
        await hints.send(STYLE)
        return "page"

    response = serve(app).get("/")
    assert (response.text, sent(response)) == ("another", [STYLE.encode()] if protocol == "asgi" else [])


def test_a_handler_that_yields_sends_them_before_the_first_item(serve: Serve, protocol: ProtocolName) -> None:
    app = Velo()
    late: list[str] = []

    @app.get("/")
    async def page(hints: EarlyHints) -> AsyncIterator[str]:
        await hints.send(STYLE)
        yield "a"
        try:
            await hints.send(STYLE)
        except RuntimeError as error:
            late.append(str(error))
        yield "b"

    response = serve(app).get("/")
    assert (response.text, sent(response)) == ("ab", [STYLE.encode()] if protocol == "asgi" else [])
    assert late == ["the response has begun, and early hints come before it; send them before the handler returns or yields"]


@pytest.mark.parametrize("around", [False, True], ids=["alone", "middleware"])
def test_it_is_too_late_when_the_response_has_begun(way: tuple[ProtocolName, bool], around: bool) -> None:
    app = Velo(interpreted=way[1])
    refused: list[str] = []

    if around:

        @app.middleware
        async def through(request: Request, call_next: CallNext) -> Response:
            return await call_next(request)

    async def send(hints: EarlyHints, when: str) -> None:
        with pytest.raises(RuntimeError, match="the response has begun"):
            await hints.send(STYLE)
        refused.append(when)

    async def opened(hints: EarlyHints) -> AsyncIterator[None]:
        yield
        await send(hints, "tear-down")

    @app.get("/", dependencies=[Depends(opened)])
    async def page(hints: EarlyHints, tasks: BackgroundTasks) -> StreamingResponse:
        async def content() -> AsyncIterator[str]:
            await send(hints, "content")
            yield "page"

        tasks.add(send, hints, "task")
        return StreamingResponse(content())

    with TestClient(app, protocol=way[0]) as client:
        assert client.get("/").text == "page"

    assert refused == ["content", "task", "tear-down"]


BAD = [
    "",
    "style.css",
    "</style.css>",
    "</style.css>; as=style",
    '</style.css>; title="; rel=preload"',
    "</style.css>; rel=preload, </other.css>; rel=preload",
    "</a>; rel=preload>",
    "</a b>; rel=preload",
    "</ä>; rel=preload",
    "</%zz>; rel=preload",
    '</a">; rel=preload',
    "</a>; rel=preload;",
    '</a>; rel="preload',
    '</a>; rel="preload\\"',
    "</a>; rel=",
    "</a>; rel=preload\r\nset-cookie: a=b",
    "</a>; rel=preload\n",
    "</a\0>; rel=preload",
    "</a>; rel=preload; title=\u20ac",
    "</a>" + "; a" * 10_000 + " " * 10_000 + "!!",
]


@pytest.mark.parametrize("link", BAD, ids=range(len(BAD)))
def test_what_is_not_one_link_is_refused_everywhere_and_nothing_is_sent(serve: Serve, link: str) -> None:
    app = Velo()

    @app.get("/")
    async def page(hints: EarlyHints) -> str:
        with pytest.raises(ValueError, match=r"link"):
            await hints.send(STYLE, link)
        return "page"

    response = serve(app).get("/")
    assert (response.text, sent(response)) == ("page", [])


@given(st.text('<>;=", \t\\relab%2/\r\n\x00é€'), st.sampled_from(["</{}>; rel=preload", "</a>; rel={}", '</a>; rel=a; title="{}"', "{}"]))
def test_no_text_brings_in_a_second_link_or_a_line(text: str, template: str) -> None:
    link = template.format(text)
    try:
        checked = _checked(link)
    except ValueError:
        return
    assert checked == link.strip(" \t")
    assert checked.isascii()
    assert not set(checked) & set("\r\n\0")
    outside, quoted, skip = "", False, False
    for character in checked.partition(">")[2]:
        if skip:
            skip = False
        elif quoted and character == "\\":
            skip = True
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            outside += character
    assert not quoted
    assert not set(outside) & set(",<>")


def test_http_1_0_has_none() -> None:
    def offered(**scope: object) -> bool:
        extensions: dict[str, dict[str, object]] = {"http.response.early_hint": {}}
        connection: dict[str, object] = {"type": "http", "http_version": "1.1", "extensions": extensions, **scope}
        return ADAPTER.open_hints(connection, None).offered

    assert offered()
    assert not offered(http_version="1.0")
    assert not offered(extensions=None)
    assert not offered(type="websocket")


@pytest.mark.not_on_wsgi("websockets")
def test_a_websocket_has_none(serve: Serve) -> None:
    app = Velo()

    async def preload(hints: EarlyHints) -> bool:
        return hints.offered or await hints.send(STYLE)

    @app.websocket("/")
    async def talk(socket: WebSocket, can: Annotated[bool, Depends(preload)]) -> None:
        await socket.accept()
        await socket.send_text(str(can))

    with serve(app).websocket_connect("/") as socket:
        assert socket.receive_text() == "False"


def test_a_plan_without_them_has_no_trace_of_them() -> None:
    app = Velo()

    @app.get("/with")
    async def with_hints(hints: EarlyHints) -> str:
        return "page"

    @app.get("/without")
    async def without_hints() -> str:
        return "page"

    assert app.plan("GET", "/with").source.count("hints = open_hints(scope, send)") == 1
    assert "hints = " not in app.plan("GET", "/without").source.replace("without_hints", "")
    assert "request" not in app.plan("GET", "/without").source.replace("open_request", "").partition("except")[0]
