"""Test clients for Velo applications, plugins, and every other ASGI, RSGI or WSGI application."""

from __future__ import annotations

from velo_testing.client import AsyncTestClient, TestClient
from velo_testing.contract import Contract
from velo_testing.errors import ContractViolation, LifespanFailed, ProtocolViolation, WebSocketClosed, WebSocketDenied
from velo_testing.protocols import Application, ProtocolName
from velo_testing.websocket import AsyncWebSocketSession, WebSocketSession

__all__ = [
    "Application",
    "AsyncTestClient",
    "AsyncWebSocketSession",
    "Contract",
    "ContractViolation",
    "LifespanFailed",
    "ProtocolName",
    "ProtocolViolation",
    "TestClient",
    "WebSocketClosed",
    "WebSocketDenied",
    "WebSocketSession",
]
