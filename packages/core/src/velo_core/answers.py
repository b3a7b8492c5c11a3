"""Answering exceptions: the user's handlers first, then problem documents (RFC 9457), and a 500 that says nothing as the last resort."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from inspect import isawaitable
from typing import Final, TypeAlias, cast

from velo_core.errors import ClientDisconnect, HTTPError, error_reporter
from velo_core.headers import MutableHeaders
from velo_core.json import encode_json
from velo_core.logs import method_of, request_fields
from velo_core.request import Request
from velo_core.response import ReadyHeaders, ReadyResponse, Response, check_status, ready
from velo_core.results import encode_any
from velo_core.status import PHRASES
from velo_core.threads import on_loop

__all__ = [
    "AnswerError",
    "ExceptionHandler",
    "answers",
    "as_response",
    "merged",
    "no_problem",
    "plain_problem",
    "problem",
    "varied",
    "with_response_headers",
]

ExceptionHandler: TypeAlias = "Callable[[Request, Exception], Awaitable[object] | object]"
"""(request, exception) to a response, or to data, which is sent with the status and the headers that the exception has by itself. May be a
coroutine function; a plain function runs on the event loop."""
AnswerError: TypeAlias = Callable[[Request, Exception], Awaitable[Response]]

PROBLEM: Final = ReadyHeaders([("content-type", "application/problem+json")])

_documents: dict[int, bytes] = {}
"""Problem documents that say no more than the status: two hundred at most, by statuses that the application raises."""

_VALIDATORS: Final = frozenset({"etag", "last-modified"})
_OF_THE_CONTENT: Final = _VALIDATORS | {"content-disposition", "content-length", "content-location", "content-range", "content-type"}
_SINGLE: Final = _OF_THE_CONTENT | {"age", "date", "expires", "location", "retry-after", "server"}
"""Fields of which a response may have one only (RFC 9110 section 5.3; RFC 6266 for Content-Disposition)."""
_SUCCESSFUL: Final = range(200, 300)

logger = logging.getLogger("velo.request")


def problem(error: HTTPError) -> Response:
    """The problem document for `error`."""
    if error.headers:
        return Response(encode_json(error.document()), error.status_code, error.headers, "application/problem+json")
    # Without headers, a third of what the checks of a `Response` cost.
    status_code = check_status(error.status_code)
    if not _says_its_status(error):
        return ready(status_code, PROBLEM, encode_json(error.document()))
    document = _documents.get(status_code)
    if document is None:
        document = _documents[status_code] = encode_json(error.document())
    return ready(status_code, PROBLEM, document)


def _says_its_status(error: HTTPError) -> bool:
    """Whether it says that and nothing else."""
    return (
        error.detail is None
        and type(error) is HTTPError
        and error.type == "about:blank"
        and not error.extensions
        and error.title == PHRASES.get(error.status_code)
    )


def no_problem(error: Exception) -> Response | None:
    """In place of `plain_problem` where exception handlers or hooks are to see every error."""


def plain_problem(error: Exception) -> Response | None:
    """The problem document for an `HTTPError` that nobody handles; `None` for others, and for one that cannot be answered as it is."""
    if type(error) is not HTTPError:
        return None
    try:
        return problem(error)
    except Exception:  # which `answer_error` makes a 500 of
        return None


def answers(handlers: Mapping[type[Exception], ExceptionHandler], *, debug: bool) -> AnswerError:
    """The function that answers the exceptions of a route.

    Args:
        handlers: The most specific one for an exception's class is asked.
        debug: Whether a 500 tells the traceback.
    """

    async def answer_error(request: Request, error: Exception) -> Response:
        """The response to an exception; never raises."""
        for kind in type(error).__mro__:
            if kind in handlers:
                await on_loop()
                try:
                    answer = handlers[cast("type[Exception]", kind)](request, error)
                    return with_response_headers(request, as_response(await answer if isawaitable(answer) else answer, error))
                except Exception as second:
                    error = second
                    break
            if kind is HTTPError:  # answered below: who handles all of `Exception` means mistakes, not 404
                break
        if isinstance(error, ClientDisconnect):  # nobody is there to read the answer, and it is no mistake of ours
            return problem(HTTPError(400, "The request ended before its body did."))
        try:
            if isinstance(error, HTTPError):
                return with_response_headers(request, problem(error))
        except Exception as second:  # an HTTPError with headers that cannot be sent, or a document without a JSON form
            error = second
        return with_response_headers(request, unexpected(request, error, debug=debug))

    return answer_error


def unexpected(request: Request, error: Exception, *, debug: bool) -> Response:
    """500 for a mistake of ours. The log gets the exception, the client only if `debug` is on."""
    logger.error("%s %r failed", method_of(request), request.path, exc_info=error, extra=request_fields(request, 500))
    reporter = error_reporter.get()
    if reporter is not None:
        reporter(error)
    extensions = {"traceback": traceback.format_exception(error)} if debug else None
    return problem(HTTPError(500, "The server failed to answer this request.", extensions=extensions))


def as_response(value: object, error: Exception) -> Response:
    """A response for what the handler of `error` returned. What is no response still answers an error: 500, unless that says more."""
    if isinstance(value, Response):
        return value
    headers, body = encode_any(value)
    if not isinstance(error, HTTPError):
        return Response(body, 500, headers)
    response = Response(body, error.status_code, error.headers)
    response.headers.update(headers)
    return response


def with_response_headers(request: Request, response: Response) -> Response:
    """The response with what `request.response_headers` asks to add."""
    added = request.take_response_headers()
    return response if added is None else merged(response, added)


def merged(response: Response, added: MutableHeaders) -> Response:
    """The response with further fields. A copy, for a handler may return one response again and again.

    Fields of which it may have one only take the place of its own. Those that describe a content do not, unless it is a success: a problem
    document is not of the type that the handler had in mind for its result. Nor is an error or a redirect a version of it: a cache that
    kept one with the tag of the result would be told by 304 to go on using it.
    """
    if not isinstance(response.headers, MutableHeaders):  # pyright: ignore[reportUnnecessaryIsInstance]: a class of a user's can have others
        return response
    response = _copy(response)
    headers, status_code = response.headers, response.status_code
    for name, value in added.items():
        if name not in _SINGLE:
            headers.add(name, value)
        elif status_code in _SUCCESSFUL or name not in _OF_THE_CONTENT:  # by `in`, for it may be no number: the adapter answers that
            headers.set(name, value)
        elif name not in _VALIDATORS or status_code == 304:  # 304 says which version the client has
            headers.setdefault(name, value)
    return response


def varied(response: Response) -> Response:
    """What the handler of a route that negotiates has answered itself: another `Accept` may get something else than this, or 406.

    Most of all a 304, which has to say so as the 200 does (RFC 9110 section 15.4.5).
    """
    if not isinstance(response.headers, MutableHeaders):  # pyright: ignore[reportUnnecessaryIsInstance]: a class of a user's can have others
        return response
    response = _copy(response)
    response.headers.vary("Accept")
    return response


def _copy(response: Response) -> Response:
    if type(response) in (Response, ReadyResponse):  # an eighth of what `copy` costs
        # What cannot be sent is kept as it is: the adapter answers and logs that, and nobody would here.
        return ready(response.status_code, MutableHeaders._trusted(response.headers.items()), response.body)  # pyright: ignore[reportPrivateUsage]: checked
    twin = copy(response)
    twin.headers = MutableHeaders(response.headers)
    return twin
