"""Every error that Velo raises.

    VeloError
    ├── SetupError         your mistake, raised before the first request is served
    ├── HTTPError          becomes a response
    │   └── ValidationError    422, with one entry for each value that did not fit
    ├── SlotEmpty          a slot is read that nobody has put a value into
    ├── ProtocolError      the peer or the server broke the protocol; no response can be sent any more
    │   ├── ClientDisconnect   the client went away
    │   │   └── WebSocketDisconnect    a websocket has ended, with a code and a reason
    │   └── WebSocketError         ends a websocket with a code and a reason
    └── UnsupportedError   this connection cannot do what is asked of it

Each has a stable `code` to match on; messages may be reworded at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Final

from msgspec import Struct

from velo_core.status import phrase

__all__ = [
    "ClientDisconnect",
    "HTTPError",
    "InvalidValue",
    "Problem",
    "ProtocolError",
    "SetupError",
    "SlotEmpty",
    "UnsupportedError",
    "ValidationError",
    "VeloError",
    "WebSocketDisconnect",
    "WebSocketError",
    "check_close",
    "error_reporter",
    "not_found",
    "where",
]

error_reporter: ContextVar[Callable[[Exception], None] | None] = ContextVar("velo_error_reporter", default=None)
"""Who is told of an exception that became a 500 in this context, besides the log. Test clients set it to raise it in the test."""


class VeloError(Exception):
    """Base of all errors raised by Velo. `code` is stable, the message is not."""

    code = "VELO_ERROR"


class Problem(Struct, frozen=True):
    """One mistake found at start-up.

    Attributes:
        code: Stable, such as `"VELO_ROUTE_DUPLICATE"`.
        message: What is wrong, where, and what to do.
    """

    code: str
    message: str


class SetupError(VeloError):
    """The application was put together wrongly; raised before serving, with all mistakes found so far.

    Args:
        code: Stable code of the mistake.
        message: What is wrong, where, and what to do.
        problems: Given instead of a single message when several mistakes are reported together.
    """

    def __init__(self, code: str, message: str = "", *, problems: Sequence[Problem] = ()) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems) or (Problem(code, message),)
        self.code = code
        super().__init__(self._text())

    def _text(self) -> str:
        if len(self.problems) == 1:
            return f"{self.problems[0].message} [{self.problems[0].code}]"
        lines = [f"{len(self.problems)} problems keep the application from starting:"]
        lines += [f"  {number}. {problem.message} [{problem.code}]" for number, problem in enumerate(self.problems, 1)]
        return "\n".join(lines)

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> SetupError:
        """One error for all of `problems`, which must not be empty."""
        found = tuple(problems)
        return cls(found[0].code if len(found) == 1 else "VELO_SETUP", problems=found)


_MEMBERS: Final = frozenset({"type", "title", "status", "detail"})
"""What an extension cannot be called. `instance` may be given as one."""


class HTTPError(VeloError):
    """Answers the request with a problem document (RFC 9457).

    Args:
        status_code: 400 to 599.
        detail: Text for the person who reads the answer. Never put a secret here.
        type: URI of the kind of problem; `"about:blank"` says that the status is all there is to know.
        title: Short name of the kind; the reason phrase of the status by default.
        headers: Sent with the response, such as `{"retry-after": "3"}`.
        extensions: Further members of the document, such as `errors`; `type`, `title`, `status` and `detail` are taken.

    Raises:
        ValueError: the status is not an error status, or an extension has the name of another member.
    """

    code = "VELO_HTTP"

    def __init__(
        self,
        status_code: int,
        detail: str | None = None,
        *,
        type: str = "about:blank",
        title: str | None = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        if not 400 <= status_code <= 599:
            raise ValueError(f"an HTTPError has a status from 400 to 599, not {status_code!r}; return a Response for other statuses")
        if extensions and not _MEMBERS.isdisjoint(extensions):  # RFC 9457 section 3.2: they are no place for those of section 3.1
            taken = ", ".join(name for name in extensions if name in _MEMBERS)
            raise ValueError(f"a problem document has members called {taken} already; give the extensions of an HTTPError other names")
        self.status_code = status_code
        self.detail = detail
        self.type = type
        self.title = phrase(status_code) if title is None else title
        # Most have neither, and asking whether `None` is a mapping took half of all that is done here.
        self.headers: list[tuple[str, str]] = list(headers.items() if isinstance(headers, Mapping) else headers) if headers else []
        self.extensions: dict[str, object] = dict(extensions) if extensions else {}
        # `Exception` has taken the arguments already, and the text is written when somebody reads it: nearly nobody does.

    def __str__(self) -> str:
        return f"{self.status_code} {self.title}" + (f": {self.detail}" if self.detail else "")

    def document(self) -> dict[str, object]:
        """The members of the problem document, in the order of RFC 9457 section 3.1."""
        members: dict[str, object] = {"type": self.type, "title": self.title, "status": self.status_code}
        if self.detail is not None:
            members["detail"] = self.detail
        return members | self.extensions if self.extensions else members


class InvalidValue(Struct, frozen=True):
    """One value of a request that did not fit.

    Attributes:
        loc: Where it was: `("query", "page")`, `("body", "items", 3, "price")`.
        message: What was expected.
        code: Stable: `"missing"`, `"type"`, or the constraint that failed, such as `"ge"`.
    """

    loc: tuple[str | int, ...]
    message: str
    code: str


class ValidationError(HTTPError):
    """422: values of the request do not fit what the handler declares; `errors` lists every one of them."""

    code = "VELO_VALIDATION"

    def __init__(self, errors: Sequence[InvalidValue]) -> None:
        self.errors = tuple(errors)
        listed = [{"loc": list(error.loc), "message": error.message, "code": error.code} for error in self.errors]
        super().__init__(422, "The request has values that do not fit.", extensions={"errors": listed})


class ProtocolError(VeloError):
    """The peer or the server broke the protocol, or a response cannot be put on the wire as it is."""

    code = "VELO_PROTOCOL"


class ClientDisconnect(ProtocolError):
    """The client went away before it had sent the whole request."""

    code = "VELO_DISCONNECT"


class SlotEmpty(VeloError, LookupError):
    """A slot is read into which nobody has put a value, and that has no default."""

    code = "VELO_SLOT_EMPTY"


class WebSocketDisconnect(ClientDisconnect):
    """A websocket has ended: the client closed it, or went away, or it was closed here.

    Attributes:
        close_code: Of the closing frame (RFC 6455 section 7.4.1); 1005 if it had none, 1006 if there was no closing frame. Not every server
            knows it well, and RSGI does not tell at all: there it is always 1005 or 1006.
        reason: Text of the closing frame.
    """

    code = "VELO_WEBSOCKET_DISCONNECT"

    def __init__(self, close_code: int = 1005, reason: str = "") -> None:
        super().__init__(close_code, reason)
        self.close_code = close_code
        self.reason = reason

    def __str__(self) -> str:  # written when somebody reads it: each conversation ends with one, and nearly nobody does
        return f"the websocket has ended with {self.close_code}" + (f": {self.reason}" if self.reason else "")


class WebSocketError(ProtocolError):
    """Ends the websocket with a code and a reason; before it was accepted, the client gets a 403.

    Args:
        close_code: 1000 to 1014 without 1004 to 1006, which are never sent, or 3000 to 4999 (RFC 6455 section 7.4).
        reason: For the client, at most 123 bytes of UTF-8. Never put a secret here.

    Raises:
        ValueError: code or reason cannot be sent.
    """

    code = "VELO_WEBSOCKET"

    def __init__(self, close_code: int, reason: str = "") -> None:
        check_close(close_code, reason)
        self.close_code = close_code
        self.reason = reason
        super().__init__(f"{close_code}" + (f": {reason}" if reason else ""))


class UnsupportedError(VeloError):
    """This connection cannot do what is asked of it; `request.capabilities` tells beforehand."""

    code = "VELO_UNSUPPORTED"


def check_close(close_code: int, reason: str) -> None:
    """Refuses what no closing frame can have.

    Raises:
        ValueError: the code is reserved (RFC 6455 section 7.4), or the reason is longer than 123 bytes (section 5.5).
    """
    if not (1000 <= close_code <= 1014 and close_code not in (1004, 1005, 1006)) and not 3000 <= close_code <= 4999:
        raise ValueError(f"{close_code!r} cannot be sent as the code of a closing frame; use 1000 to 1014, or your own from 4000 to 4999")
    if len(reason.encode()) > 123:
        raise ValueError("the reason of a closing frame has at most 123 bytes of UTF-8")


def not_found() -> HTTPError:
    """404 for a path that no route serves."""
    return HTTPError(404, "Nothing is served at this path.")


def where(thing: object) -> str:
    """`file:line` of a function or class, to be named in messages; its `repr` if it has no source."""
    target = getattr(thing, "__wrapped__", thing)
    target = getattr(target, "__func__", target)
    code = getattr(target, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    module, name = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
    return f"{module}.{name}" if module and name else repr(thing)
