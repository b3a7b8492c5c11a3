"""An application that raises."""

import traceback

import pytest

from velo_core import Velo

__all__ = ["INTERNAL", "raising", "trace_of"]


INTERNAL = {"type": "about:blank", "title": "Internal Server Error", "status": 500, "detail": "The server failed to answer this request."}


def raising(error: Exception) -> Velo:
    """An application that answers `GET /` with an exception."""
    app = Velo()

    @app.get("/")
    async def show() -> str:
        raise error

    return app


def trace_of(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = caplog.records
    assert record.exc_info is not None
    return "".join(traceback.format_exception(record.exc_info[1]))
