"""Test clients for Velo applications, plugins, and every other ASGI, RSGI or WSGI application."""

from __future__ import annotations

from velo_testing.client import AsyncTestClient, TestClient
from velo_testing.errors import LifespanFailed, ProtocolViolation
from velo_testing.protocols import Application, ProtocolName

__all__ = ["Application", "AsyncTestClient", "LifespanFailed", "ProtocolName", "ProtocolViolation", "TestClient"]
