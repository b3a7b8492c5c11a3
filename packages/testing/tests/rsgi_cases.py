"""An RSGI application whose responses Granian and the test client must treat alike; run by both in test_granian.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

FILE = str(Path(__file__))


async def app(scope: Any, protocol: Any) -> None:
    """Each path is a case."""
    await CASES[scope.path.split("/")[1]](scope, protocol)


async def describe(scope: Any, protocol: Any) -> None:
    names = ("proto", "http_version", "rsgi_version", "scheme", "method", "path", "query_string", "authority")
    scope_seen = {name: getattr(scope, name) for name in names}
    public = [name for name in dir(scope) if not name.startswith("_")]
    protocol.response_str(200, [], json.dumps([scope_seen, public, _frozen(scope), scope.headers is scope.headers]))


def _frozen(scope: Any) -> list[str]:
    seen: list[str] = []
    for name in ("path", "unknown"):
        try:
            setattr(scope, name, "value")
        except AttributeError:
            seen.append(name)
    return seen


async def headers(scope: Any, protocol: Any) -> None:
    found = scope.headers
    seen: list[object] = [found.keys(), found.values(), found.items(), list(found), len(found)]
    seen += [
        [name, name in found, found.get(name), found.get(name, "default"), found.get_all(name), _item(found, name)]
        for name in ("x-dup", "X-DUP", "x-latin", "x-mixed", "x-none", "bad name", "é")
    ]
    seen.append([type(part).__name__ for part in (found.keys(), found.values(), found.items(), found.get_all("x-dup"))])
    seen.append([name for name in dir(found) if not name.startswith("_")])
    for use in (lambda: 3 in found, lambda: found[3], lambda: found.get(b"x")):
        try:
            use()
        except TypeError:
            seen.append("TypeError")
    protocol.response_str(200, [], json.dumps(seen))


def _item(found: Any, name: str) -> object:
    try:
        return found[name]
    except KeyError as error:
        return ["KeyError", *error.args]


async def whole(scope: Any, protocol: Any) -> None:
    body = await protocol()
    seen: list[object] = [type(body).__name__, body.decode()]
    for read in (protocol, lambda: aiter(protocol)):
        try:
            read()
        except RuntimeError as error:
            seen.append([type(error).__name__, str(error)])
    protocol.response_str(200, [], json.dumps(seen))


async def chunks(scope: Any, protocol: Any) -> None:
    """Joined, because a wire may cut chunks as it likes; the empty one at the end is what counts."""
    found = [chunk async for chunk in protocol]
    seen: list[object] = [b"".join(found).decode(), found.count(b""), found[-1] == b""]
    try:
        protocol()
    except RuntimeError as error:
        seen.append(type(error).__name__)
    protocol.response_str(200, [], json.dumps(seen))


async def awaitables(scope: Any, protocol: Any) -> None:
    gone = protocol.client_disconnect()
    seen: list[object] = [asyncio.isfuture(gone), asyncio.iscoroutine(gone), gone.done()]
    try:
        seen.append(asyncio.create_task(gone))
    except TypeError:
        seen.append("TypeError")
    gone.cancel()
    protocol.response_str(200, [], json.dumps(seen))


async def plain(scope: Any, protocol: Any) -> None:
    kind, status = scope.path.split("/")[2:]
    pairs = [("X-Upper", "1"), ("set-cookie", "a=1"), ("x-unicode", "€"), ("Set-Cookie", "b=2"), ("x-empty", "")]
    if kind == "empty":
        protocol.response_empty(int(status), pairs)
    elif kind == "str":
        protocol.response_str(int(status), pairs, "héllo")
    else:
        protocol.response_bytes(status=int(status), headers=pairs, body=bytearray(b"hello"))


async def defaults(scope: Any, protocol: Any) -> None:
    protocol.response_str()


async def length(scope: Any, protocol: Any) -> None:
    protocol.response_str(200, [("content-length", "5")], "hello")


async def length_of_nothing(scope: Any, protocol: Any) -> None:
    protocol.response_empty(int(scope.query_string), [("content-length", "5")])


async def stream(scope: Any, protocol: Any) -> None:
    transport = protocol.response_stream(200, [("x-a", "1")])
    with suppress(RuntimeError):  # to HEAD
        await transport.send_bytes(b"one ")
        transport.send_str("twö ")
        await transport.send_bytes(b"")
        await transport.send_bytes(memoryview(b"three"))


async def stream_kept(scope: Any, protocol: Any) -> None:
    """A stream outlives its application as long as somebody has the transport."""
    transport = protocol.response_stream(200, [])

    async def later() -> None:
        await transport.send_bytes(b"later")
        KEPT.clear()

    KEPT.append(asyncio.create_task(later()))


KEPT: list[object] = []


async def stream_over(scope: Any, protocol: Any) -> None:
    transport = protocol.response_stream(200, [])
    gone = protocol.client_disconnect()
    await transport.send_bytes(b"x")
    del transport
    await asyncio.wait_for(gone, 60)


async def stream_second(scope: Any, protocol: Any) -> None:
    protocol.response_str(200, [], "first")
    with suppress(RuntimeError):
        protocol.response_stream(200, [])


async def file(scope: Any, protocol: Any) -> None:
    protocol.response_file(200, [("content-type", "text/plain")], FILE)


async def file_missing(scope: Any, protocol: Any) -> None:
    protocol.response_file(200, [("x-lost", "1")], f"{FILE}.none")


async def file_range(scope: Any, protocol: Any) -> None:
    start, end = map(int, scope.query_string.split("-"))
    protocol.response_file_range(206, [("x-a", "1")], FILE, start, end)


async def late_read(scope: Any, protocol: Any) -> None:
    protocol.response_str(200, [], "early")
    assert await protocol() == b"body"


async def failing(scope: Any, protocol: Any) -> None:
    raise LookupError


async def failing_stream(scope: Any, protocol: Any) -> None:
    transport = protocol.response_stream(200, [])
    await transport.send_bytes(b"half")
    raise LookupError


FUNCTIONS: tuple[Callable[[Any, Any], Awaitable[None]], ...] = (
    describe,
    headers,
    whole,
    chunks,
    awaitables,
    plain,
    defaults,
    length,
    length_of_nothing,
    stream,
    stream_kept,
    stream_over,
    stream_second,
    file,
    file_missing,
    file_range,
    late_read,
    failing,
    failing_stream,
)
CASES = {function.__name__: function for function in FUNCTIONS}
