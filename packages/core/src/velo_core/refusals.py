"""What answers where no route does."""

from __future__ import annotations

from typing import cast

from velo_core.errors import HTTPError
from velo_core.request import Request
from velo_core.response import RedirectResponse, Response

__all__ = ["allowed_methods", "bad_host", "method_not_allowed", "other_slash"]


def method_not_allowed(request: Request) -> HTTPError:
    """405 with the methods that there are, or 426 where there is nothing but a websocket."""
    _, _, values = request.parts
    if len(values) > 1:  # RFC 9110 section 15.5.22, and section 7.8 for the second field
        return HTTPError(426, "A websocket is served at this path.", headers={"upgrade": cast("str", values[1]), "connection": "upgrade"})
    return HTTPError(405, "This path does not answer to this method.", headers={"allow": _value(request)})


def allowed_methods(request: Request) -> Response:
    """The automatic answer to OPTIONS."""
    return Response(b"", 204, {"allow": _value(request)})


def bad_host(request: Request) -> HTTPError:
    """400 for a request whose host is not clear, where routes depend on it."""
    return HTTPError(400, "The request does not name the host that it is for.")


def other_slash(request: Request) -> Response:
    """308 to the path with a slash more or less, seen from the path of the request (RFC 3986 section 5.2).

    So it is right behind proxies that take a prefix away and do not tell, and there is no host in it.
    """
    path = _value(request)
    last = path.removesuffix("/").rpartition("/")[2]
    query = f"?{request.query_string}" if request.query_string else ""
    return RedirectResponse((f"./{last}/" if path.endswith("/") else f"../{last}") + query, 308)


def _value(request: Request) -> str:
    """What the table has to say beside a `Fallback`."""
    return cast("str", request.parts[2][0])
