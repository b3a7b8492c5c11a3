"""The limits that hold where nobody sets one. In a module of their own, so that who registers does not import what keeps to them."""

from __future__ import annotations

from typing import Final

__all__ = ["DEFAULT_LIMIT", "DEFAULT_MAX_MESSAGE_SIZE", "TIMEOUT_SECONDS"]

DEFAULT_LIMIT: Final = 1_048_576
"""Bytes of a body. 1 MiB, as nginx and axum's 2 MiB: enough for any JSON a person would read, small enough for many at once."""
DEFAULT_MAX_MESSAGE_SIZE: Final = DEFAULT_LIMIT
"""Bytes of a message on a websocket."""
TIMEOUT_SECONDS: Final = 30.0
"""What a plugin may take to start, and to stop: longer than a database takes that is being started beside the application."""
