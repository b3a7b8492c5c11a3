"""Conditional requests (RFC 9110 section 13) for responses that are not files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from velo_core.answers import merged, with_response_headers
from velo_core.errors import HTTPError
from velo_core.files import not_modified, validators
from velo_core.headers import MutableHeaders
from velo_core.parsing.dates import format_http_date
from velo_core.parsing.etags import format_etag
from velo_core.parsing.preconditions import Outcome, evaluate
from velo_core.request import Request
from velo_core.response import Response

__all__ = ["check_preconditions", "conditional_requests"]


def check_preconditions(
    request: Request, *, etag: str | None = None, last_modified: datetime | None = None, exists: bool = True
) -> Response | None:
    """The response that ends a request at once because of its preconditions, or `None` to go on.

    Ask before the work is done. `If-Match` keeps one client from overwriting what another has just changed: the answer is 412 then.
    `If-None-Match` and `If-Modified-Since` spare a client what it has: 304. The validators are added to the response to a GET
    or HEAD, if it is a success, in the place of its own: a `FileResponse` has the tag that is given here.

    Args:
        etag: What names the current version, such as `"v17"`; quotes and `W/` stand as in the field, without them they are added.
        last_modified: Aware; when it was changed.
        exists: Whether there is anything yet: `If-None-Match: *` creates only what is not there.

    Raises:
        HTTPError: 412.
        ValueError: `etag` cannot be an entity tag, or `last_modified` is naive.
    """
    headers = MutableHeaders()
    if etag is not None:
        etag = etag if etag.endswith('"') else format_etag(etag)
        headers.set("etag", etag)
    if last_modified is not None:
        headers.set("last-modified", format_http_date(last_modified))
    outcome = evaluate(request.method, request.headers.get_all, etag=etag, last_modified=last_modified, exists=exists)
    if outcome is Outcome.FAILED:
        raise HTTPError(412, "This is not the version that the request is meant for.", headers=headers.items())
    if outcome is Outcome.NOT_MODIFIED:
        return not_modified(Response(headers=headers.items()))
    if request.method in ("GET", "HEAD"):  # after a change the old ones are wrong
        request.response_headers.update(headers)
    return None


async def conditional_requests(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware that answers GET and HEAD with 304, or 412, where the response has `etag` or `last-modified` and the request asks.

        @app.get("/report", middleware=[conditional_requests])

    The handler has done its work by then; `check_preconditions` spares that, too.
    """
    response = await call_next(request)
    if request.method not in ("GET", "HEAD") or not 200 <= response.status_code <= 299:
        return response
    # As it will be sent: the handler may have given the validators by `response_headers`.
    added = request._response_headers  # pyright: ignore[reportPrivateUsage]: asking for `response_headers` would make some
    etag, modified = validators(response if added is None else merged(response, added))
    if etag is None and modified is None:
        return response
    outcome = evaluate(request.method, request.headers.get_all, etag=etag, last_modified=modified)
    if outcome is Outcome.PROCEED:
        return response
    await response.close()
    if outcome is Outcome.NOT_MODIFIED:
        return not_modified(with_response_headers(request, response))
    raise HTTPError(412, "This is not the version that the request is meant for.")
