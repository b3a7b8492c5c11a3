"""`RequestIDs`: a name for each request, to find what belongs together in the logs of several programs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from velo_core.errors import SetupError
from velo_core.headers import MutableHeaders, is_token
from velo_core.logs import CURRENT_REQUEST_ID, REQUEST_ID
from velo_core.plan import CallNext
from velo_core.request import Request
from velo_core.response import Response

__all__ = ["RequestIDs"]

_SOUND: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch


def new_request_id() -> str:
    """32 hexadecimal digits that nobody can guess."""
    return os.urandom(16).hex()


class RequestIDs(Struct, frozen=True):
    """Gives each request an id, which is in `request[REQUEST_ID]`, in log records, and in a header of the response.

        app = Velo(request_ids=RequestIDs())

    Args:
        header: Of the response, and of the request if that is trusted.
        trust_header: Whether the id that a request brings is taken over. Only behind a proxy that sets it or takes it away. One that is no
            plain word of at most 128 letters, digits and `._:/+=@-` is not.
        make: Makes an id.

    Raises:
        SetupError: the name of the header is none.
    """

    header: str = "x-request-id"
    trust_header: bool = False
    make: Callable[[], str] = new_request_id

    def __post_init__(self) -> None:
        if not is_token(self.header):
            raise SetupError("VELO_REQUEST_ID", f"{self.header!r} is no name of a header; write one such as 'x-request-id'")

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """The middleware."""
        brought = request.headers.get_all(self.header) if self.trust_header else ()
        value = brought[0] if len(brought) == 1 and _SOUND(brought[0]) else self.make()
        request[REQUEST_ID] = value
        # Not reset at the end: the response is still to be sent, and background work to be done. Each request has a context of its own.
        CURRENT_REQUEST_ID.set(value)
        request.response_headers.set(self.header, value)
        response = await call_next(request)
        if isinstance(response.headers, MutableHeaders) and self.header in response.headers:  # pyright: ignore[reportUnnecessaryIsInstance]: a class of a user's can have others
            # From an error's answer, which has it already, or its own, such as that of an application behind. Added where it is copied,
            # for a handler may return one response again and again.
            del response.headers[self.header]
            request.response_headers.set(self.header, value)
        return response
