"""Transports that hold what comes through them against a contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

import httpx2

from velo_testing.contract import Contract

__all__ = ["AsyncPromisingTransport", "PromisingTransport"]

_MOST_BYTES = 16 * 1024 * 1024  # of a body that is kept to be looked at; a longer one passes
Checks = list[Callable[[bytes], None]]


class PromisingTransport(httpx2.BaseTransport):
    """Passes everything on, and raises `ContractViolation` for a response that is in no document.

    The head is looked at when it comes, the body when it has been read to its end.
    """

    def __init__(self, transport: httpx2.BaseTransport, contract: Contract) -> None:
        self._transport = transport
        self._contract = contract

    def __enter__(self) -> PromisingTransport:
        self._transport.__enter__()
        return self

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2."""
        response = self._transport.handle_request(request)
        if not _is_wanted(request):
            return response
        try:
            checks = self._contract.expect(request, response.status_code, response.headers)
        except Exception:
            response.close()  # raises what went wrong in the application, which says more
            raise
        return _checked(response, _Stream(cast("httpx2.SyncByteStream", response.stream), _Body(response.headers, checks)))

    def close(self) -> None:
        """See httpx2."""
        self._transport.close()


class AsyncPromisingTransport(httpx2.AsyncBaseTransport):
    """The same for asynchronous clients."""

    def __init__(self, transport: httpx2.AsyncBaseTransport, contract: Contract) -> None:
        self._transport = transport
        self._contract = contract

    async def __aenter__(self) -> AsyncPromisingTransport:
        await self._transport.__aenter__()
        return self

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2."""
        response = await self._transport.handle_async_request(request)
        if not _is_wanted(request):
            return response
        try:
            checks = self._contract.expect(request, response.status_code, response.headers)
        except Exception:
            await response.aclose()  # raises what went wrong in the application, which says more
            raise
        return _checked(response, _AsyncStream(cast("httpx2.AsyncByteStream", response.stream), _Body(response.headers, checks)))

    async def aclose(self) -> None:
        """See httpx2."""
        await self._transport.aclose()


class _Body:
    """The bytes of a body, as they come."""

    def __init__(self, headers: httpx2.Headers, checks: Checks) -> None:
        self._headers = headers
        self._checks = checks
        self._chunks: list[bytes] = []
        self._bytes = 0

    def add(self, chunk: bytes) -> None:
        self._bytes += len(chunk)
        if self._checks and self._bytes <= _MOST_BYTES:
            self._chunks.append(chunk)

    def end(self) -> None:
        if self._bytes <= _MOST_BYTES:
            decoded = httpx2.Response(200, headers=self._headers, content=b"".join(self._chunks)).content
            for check in self._checks:
                check(decoded)


class _Stream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, body: _Body) -> None:
        self._stream = stream
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._body.add(chunk)
            yield chunk
        self._body.end()

    def close(self) -> None:
        self._stream.close()


class _AsyncStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, body: _Body) -> None:
        self._stream = stream
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._body.add(chunk)
            yield chunk
        self._body.end()

    async def aclose(self) -> None:
        await self._stream.aclose()


def _is_wanted(request: httpx2.Request) -> bool:
    """A test that provokes what is not documented says so: `extensions={"contract": False}`."""
    return bool(request.extensions.get("contract", True))


def _checked(response: httpx2.Response, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream) -> httpx2.Response:
    return httpx2.Response(response.status_code, headers=response.headers.raw, stream=stream, extensions=response.extensions)
