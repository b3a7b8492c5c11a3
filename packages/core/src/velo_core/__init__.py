"""velo-core: router, request and response, handler plans, protocols and the plugin contract.

A name is imported when somebody asks for it, so that an application, a plugin or a command pays for what it uses alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from velo_core.app import Velo
    from velo_core.background import BackgroundTasks
    from velo_core.codecs import Codec, DoesNotFit, MessagePack, ModelBackend, PlainText
    from velo_core.codecs.json_codecs import OrjsonJSON, StdlibJSON
    from velo_core.conditional import check_preconditions, conditional_requests
    from velo_core.config import Config
    from velo_core.contributions import HealthCheck, OpenAPIContribution, openapi_of
    from velo_core.description import Description, HookDescription, PluginDescription, RouteDescription
    from velo_core.early_hints import EarlyHints
    from velo_core.errors import (
        ClientDisconnect,
        HTTPError,
        InvalidValue,
        Problem,
        ProtocolError,
        SetupError,
        SlotEmpty,
        UnsupportedError,
        ValidationError,
        VeloError,
        WebSocketDisconnect,
        WebSocketError,
        error_reporter,
        where,
    )
    from velo_core.files import FileResponse
    from velo_core.headers import Headers, MutableHeaders
    from velo_core.json import JSONCodec, MsgspecJSON
    from velo_core.logs import REQUEST_ID, JSONFormatter
    from velo_core.manifest import PLUGIN_API, Manifest
    from velo_core.markers import Body, Cookie, Depends, Header, Lifetime, Marker, Path, Query
    from velo_core.middleware import Band
    from velo_core.operations import Operation, OperationBody, OperationParameter, OperationResult, model_family
    from velo_core.options import Option, Setting, options_of
    from velo_core.plan import CallNext, Middleware
    from velo_core.plugin import Plugin
    from velo_core.proxies import TrustedProxies
    from velo_core.request import Request
    from velo_core.request_ids import RequestIDs
    from velo_core.response import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
    from velo_core.router import Router
    from velo_core.routing import NO_MATCH, Converter, RegexConverter
    from velo_core.scope import Scope
    from velo_core.secret import Secret, sounds_secret
    from velo_core.slots import Slot
    from velo_core.sse import EventSourceResponse, ServerSentEvent
    from velo_core.threads import ThreadPool
    from velo_core.types import Address
    from velo_core.versioning import Deprecation, Versioning
    from velo_core.websocket import WebSocket

__version__ = "0.1.0"

__all__ = [
    "NO_MATCH",
    "PLUGIN_API",
    "REQUEST_ID",
    "Address",
    "BackgroundTasks",
    "Band",
    "Body",
    "CallNext",
    "ClientDisconnect",
    "Codec",
    "Config",
    "Converter",
    "Cookie",
    "Depends",
    "Deprecation",
    "Description",
    "DoesNotFit",
    "EarlyHints",
    "EventSourceResponse",
    "FileResponse",
    "HTMLResponse",
    "HTTPError",
    "Header",
    "Headers",
    "HealthCheck",
    "HookDescription",
    "InvalidValue",
    "JSONCodec",
    "JSONFormatter",
    "JSONResponse",
    "Lifetime",
    "Manifest",
    "Marker",
    "MessagePack",
    "Middleware",
    "ModelBackend",
    "MsgspecJSON",
    "MutableHeaders",
    "OpenAPIContribution",
    "Operation",
    "OperationBody",
    "OperationParameter",
    "OperationResult",
    "Option",
    "OrjsonJSON",
    "Path",
    "PlainText",
    "PlainTextResponse",
    "Plugin",
    "PluginDescription",
    "Problem",
    "ProtocolError",
    "Query",
    "RedirectResponse",
    "RegexConverter",
    "Request",
    "RequestIDs",
    "Response",
    "RouteDescription",
    "Router",
    "Scope",
    "Secret",
    "ServerSentEvent",
    "Setting",
    "SetupError",
    "Slot",
    "SlotEmpty",
    "StdlibJSON",
    "StreamingResponse",
    "ThreadPool",
    "TrustedProxies",
    "UnsupportedError",
    "ValidationError",
    "Velo",
    "VeloError",
    "Versioning",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketError",
    "check_preconditions",
    "conditional_requests",
    "error_reporter",
    "model_family",
    "openapi_of",
    "options_of",
    "sounds_secret",
    "where",
]

# The same as above, for the interpreter; a test compares them.
_PLACES = {
    "app": ("Velo",),
    "background": ("BackgroundTasks",),
    "codecs": ("Codec", "DoesNotFit", "MessagePack", "ModelBackend", "PlainText"),
    "codecs.json_codecs": ("OrjsonJSON", "StdlibJSON"),
    "conditional": ("check_preconditions", "conditional_requests"),
    "config": ("Config",),
    "contributions": ("HealthCheck", "OpenAPIContribution", "openapi_of"),
    "description": ("Description", "HookDescription", "PluginDescription", "RouteDescription"),
    "early_hints": ("EarlyHints",),
    "errors": (
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
        "error_reporter",
        "where",
    ),
    "files": ("FileResponse",),
    "headers": ("Headers", "MutableHeaders"),
    "json": ("JSONCodec", "MsgspecJSON"),
    "logs": ("REQUEST_ID", "JSONFormatter"),
    "manifest": ("PLUGIN_API", "Manifest"),
    "markers": ("Body", "Cookie", "Depends", "Header", "Lifetime", "Marker", "Path", "Query"),
    "middleware": ("Band",),
    "operations": ("Operation", "OperationBody", "OperationParameter", "OperationResult", "model_family"),
    "options": ("Option", "Setting", "options_of"),
    "plan": ("CallNext", "Middleware"),
    "plugin": ("Plugin",),
    "proxies": ("TrustedProxies",),
    "request": ("Request",),
    "request_ids": ("RequestIDs",),
    "response": ("HTMLResponse", "JSONResponse", "PlainTextResponse", "RedirectResponse", "Response", "StreamingResponse"),
    "router": ("Router",),
    "routing": ("NO_MATCH", "Converter", "RegexConverter"),
    "scope": ("Scope",),
    "secret": ("Secret", "sounds_secret"),
    "slots": ("Slot",),
    "sse": ("EventSourceResponse", "ServerSentEvent"),
    "threads": ("ThreadPool",),
    "types": ("Address",),
    "versioning": ("Deprecation", "Versioning"),
    "websocket": ("WebSocket",),
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
