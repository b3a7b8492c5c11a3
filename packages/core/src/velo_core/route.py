"""`Route`: what the user declared, before anybody has looked at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from msgspec import Struct, field

from velo_core.codecs import PLAIN, Media, WriteOptions
from velo_core.markers import Dependency
from velo_core.types import MISSING

if TYPE_CHECKING:
    from velo_core.json import JSONCodec
    from velo_core.middleware import Band
    from velo_core.phases import Hooks, Phase
    from velo_core.plan import Middleware
    from velo_core.response import Response
    from velo_core.versioning import Deprecation
    from velo_core.watch import OnDisconnect

__all__ = ["MiddlewareOptions", "Route", "RouteOptions", "written_as"]


class RouteOptions(TypedDict, total=False):
    """What `Router.route` takes besides path and methods."""

    name: str | None
    tags: Sequence[str]
    status_code: int | None
    response_model: object
    response_class: type[Response] | None
    dependencies: Sequence[object]
    middleware: Sequence[Middleware]
    hooks: Hooks
    max_content_length: int | None
    timeout_seconds: float | None
    on_disconnect: OnDisconnect | None
    inline: bool
    pool: str | None
    json: JSONCodec | None
    produces: Sequence[Media] | None
    consumes: Sequence[Media] | None
    exclude_none: bool
    exclude_unset: bool
    exclude_defaults: bool
    by_alias: bool
    summary: str | None
    description: str | None
    deprecated: bool
    include_in_schema: bool
    host: str | None
    version: str | Sequence[str] | None
    deprecation: Deprecation | None


class MiddlewareOptions(TypedDict, total=False):
    """What `Router.middleware` takes besides the function."""

    band: Band
    name: str | None
    before: str | Sequence[str]
    after: str | Sequence[str]


class Route(Struct, frozen=True):
    """What the user declared. Nothing in it has been looked at yet.

    Attributes:
        path: Pattern below the router's prefix.
        methods: Upper-case by convention, as received on the wire.
        handler: The function.
        name: For `url_for`; the function's name unless given.
        named: Whether the name was given.
        tags: For documentation.
        status_code: Of the response; 200, or 204 for a handler annotated to return `None`, if not given.
        response_model: Type that the result is written as, in place of the annotation.
        response_class: What the result is made into, if it is no response itself.
        dependencies: Run before the handler, for their effect.
        middleware: Around this route alone.
        hooks: Called for this route alone, by their phase.
        max_content_length: Bytes of body accepted; the router's if `None`.
        timeout_seconds: What the handler and its dependencies may take; the router's if `None`.
        on_disconnect: What becomes of the handler when the client leaves; the router's if `None`.
        inline: Whether a plain function runs on the event loop.
        pool: The threads that a plain function runs in; `None` for those of the handlers.
        json: The JSON codec; the router's if `None`.
        produces: Media types that results can have; the router's if `None`.
        consumes: Media types that bodies can have; the router's if `None`.
        written: How results are shaped.
        summary: For documentation.
        description: For documentation.
        deprecated: For documentation.
        include_in_schema: For documentation.
        host: Pattern of the hosts that it is for; the router's if `None`.
        versions: The versions of the API that it belongs to; the router's if empty.
        deprecation: That it should not be used any more; the router's, or that of the version, if `None`.
        is_websocket: Whether it serves websockets; then it has no methods.
        origins: Of pages that may open a websocket; the router's if `None`.
        max_message_size: Bytes of a message accepted; the router's if `None`.
        namespace: Names that were local where the handler was registered, for annotations written as text.
    """

    path: str
    methods: tuple[str, ...]
    handler: Callable[..., object]
    name: str
    named: bool = False
    tags: tuple[str, ...] = ()
    status_code: int | None = None
    response_model: object = MISSING
    response_class: type[Response] | None = None
    dependencies: tuple[Dependency, ...] = ()
    middleware: tuple[Middleware, ...] = ()
    max_content_length: int | None = None
    timeout_seconds: float | None = None
    on_disconnect: OnDisconnect | None = None
    inline: bool = False
    pool: str | None = None
    json: JSONCodec | None = None
    produces: tuple[Media, ...] | None = None
    consumes: tuple[Media, ...] | None = None
    written: WriteOptions = PLAIN
    summary: str | None = None
    description: str | None = None
    deprecated: bool = False
    include_in_schema: bool = True
    host: str | None = None
    versions: tuple[str, ...] = ()
    deprecation: Deprecation | None = None
    is_websocket: bool = False
    origins: tuple[str, ...] | None = None
    max_message_size: int | None = None
    hooks: Mapping[str, Sequence[Phase]] = field(default_factory=dict[str, "Sequence[Phase]"])
    namespace: Mapping[str, object] = field(default_factory=dict[str, object])

    def __repr__(self) -> str:
        # What was local where the handler was registered is for nobody to read.
        return f"Route(path={self.path!r}, methods={self.methods!r}, handler={self.handler!r}, name={self.name!r})"


def written_as(exclude_none: bool, exclude_unset: bool, exclude_defaults: bool, by_alias: bool) -> WriteOptions:
    """How results are shaped; one object for all routes that say nothing about it."""
    if by_alias and not (exclude_none or exclude_unset or exclude_defaults):
        return PLAIN
    return WriteOptions(exclude_none, exclude_unset, exclude_defaults, by_alias)
