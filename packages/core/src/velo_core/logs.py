"""What log records of requests say, and `JSONFormatter`, which writes records as lines of JSON.

Velo adds no handlers and sets no levels. Loggers, all below `velo`: `velo.request` for requests that failed, `velo.background` for work
beside them, `velo.mount` for applications below a path, `velo.plugin`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from velo_core.slots import Slot

if TYPE_CHECKING:
    from velo_core.request import Request

__all__ = ["CURRENT_REQUEST_ID", "REQUEST_ID", "JSONFormatter", "method_of", "printable", "request_fields"]

REQUEST_ID: Final = Slot[str]("request_id")
"""The id of a request, in an application that has `RequestIDs`."""
CURRENT_REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("velo_request_id", default=None)
"""The same, for log records that know of no request."""

_STANDARD: Final = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


def printable(text: str) -> str:
    """Text without control characters, which are written as escapes: what a client sends can forge no line, and speak to no terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def method_of(request: Request) -> str:
    """What records say of how something was asked for: `WEBSOCKET`, or the method, which is that of the handshake for a websocket."""
    return "WEBSOCKET" if request.is_websocket else printable(request.method)


def request_fields(request: Request, status: int) -> Mapping[str, object]:
    """The `extra` of a record about a request."""
    return {
        "method": method_of(request),
        "path": printable(request.path),
        "route": request.route.path,
        "status": status,
        "request_id": request.get_slot(REQUEST_ID) or CURRENT_REQUEST_ID.get(),
    }


class JSONFormatter(logging.Formatter):
    """Writes each record as one line of JSON: `time` (UTC), `level`, `logger`, `message`, what was given as `extra`, `exception`.

    A record that was made while a request with an id was served has its `request_id`. All that is not ASCII is escaped, so no text can
    end a line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        from json import dumps  # only for who has such logs

        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in fields}
        if fields.get("request_id") is None:
            fields["request_id"] = CURRENT_REQUEST_ID.get()
            if fields["request_id"] is None:
                del fields["request_id"]
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = record.stack_info
        try:
            return dumps(fields, default=str)
        except (TypeError, ValueError, RecursionError):  # keys that are no text, a value that contains itself
            return dumps({name: value if isinstance(value, str) else repr(value) for name, value in fields.items()})
