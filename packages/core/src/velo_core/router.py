"""`Router`, the one surface for registration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Literal, TypeVar, Unpack, cast, get_origin

from velo_core.answers import ExceptionHandler
from velo_core.codecs import Media, ModelBackend, WriteOptions
from velo_core.contributions import Check, HealthCheck, OpenAPIContribution
from velo_core.errors import SetupError, where
from velo_core.extractors import BUILT_IN, RESERVED, Extractor, Location, Take
from velo_core.hints import is_union
from velo_core.inheritance import Included
from velo_core.json import JSONCodec
from velo_core.markers import Dependency, DependencyOptions, Factory, Marker, dependency
from velo_core.mounting import Mount
from velo_core.mounting.asgi import ASGIApplication
from velo_core.mounting.wsgi import WSGIApplication
from velo_core.plan import Middleware
from velo_core.plugin import Installation, Plugin
from velo_core.registering import checked_dependency, label_of, locals_of_caller, media_of, place_of_caller, texts_of, trailing_slash_of
from velo_core.request import Request
from velo_core.response import Response
from velo_core.route import Route, RouteOptions
from velo_core.routing import Converter
from velo_core.slots import HoldsSlots, Slot, SlotScope
from velo_core.steps import Provider
from velo_core.types import MISSING
from velo_core.versioning import Deprecation, versions_of
from velo_core.watch import OnDisconnect

__all__ = ["Router"]

T = TypeVar("T")
Handler = TypeVar("Handler", bound=Callable[..., object])
HandlesError = TypeVar("HandlesError", bound=Callable[..., object])
IsMiddleware = TypeVar("IsMiddleware", bound=Callable[..., object])


class Router(HoldsSlots):
    """Collects routes and what is around them. The application is the root router; others are included in it.

    Args:
        prefix: Before the path of every route, such as `"/users"`.
        name: Before the name of every route, such as `"users"` for `url_for("users.show")`.
        tags: For documentation.
        dependencies: `Depends(...)` to run before every handler.
        middleware: Around every route, outermost first.
        max_content_length: Bytes of request body that are accepted; the parent's if `None`.
        timeout_seconds: What a handler and its dependencies may take together before the request is answered with 503; the parent's if
            `None`, and at the root no limit.
        on_disconnect: What becomes of a handler whose client has left: `"cancel"` (the default at the root), `"shield"` finishes it even if
            the server cancels it, `"ignore"` does nothing about it; the parent's if `None`.
        trailing_slash: What becomes of `/users/` where there is `/users`, and the other way round: `"strict"` (the default at the root) is
            404, `"ignore"` serves both, `"redirect"` sends the client to the path that there is; the parent's if `None`.
        host: Which hosts the routes are for, such as `"api.example.com"` or `"{tenant}.example.com"`; the parent's if `None`, and at the
            root all.
        version: Version of the API that the routes belong to, or several of them; where requests name it is for
            `Velo(versioning=...)` to say. The parent's if `None`.
        deprecation: That the routes should not be used any more, which their responses tell; the parent's if `None`.
        websocket_origins: Pages that may open websockets here besides those of our own origin, such as `"https://app.example.com"`; all if
            it has `"*"`. The parent's if `None`, and at the root none.
        max_message_size: Bytes that a message on a websocket may have; the parent's if `None`, and at the root 1 MiB.

    Raises:
        SetupError: there is no such `trailing_slash`.
        json: Reads and writes JSON; the parent's if `None`, and at the root Velo's own.
        produces: Media types that results other than text and bytes can have, between which `Accept` chooses; the parent's if `None`.
        consumes: Media types that bodies can have; the parent's if `None`, and at the root JSON.
    """

    is_application: ClassVar[bool] = False
    """Whether this is the root of a tree, which cannot be included in another one."""

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str = "",
        tags: Sequence[str] = (),
        dependencies: Sequence[object] = (),
        middleware: Sequence[Middleware] = (),
        max_content_length: int | None = None,
        timeout_seconds: float | None = None,
        on_disconnect: OnDisconnect | None = None,
        trailing_slash: Literal["strict", "ignore", "redirect"] | None = None,
        host: str | None = None,
        version: str | Sequence[str] | None = None,
        deprecation: Deprecation | None = None,
        websocket_origins: Sequence[str] | None = None,
        max_message_size: int | None = None,
        json: JSONCodec | None = None,
        produces: Sequence[Media] | None = None,
        consumes: Sequence[Media] | None = None,
    ) -> None:
        self.prefix = prefix
        self.name = name
        self.tags = tuple(tags)
        self.max_content_length = max_content_length
        self.timeout_seconds = timeout_seconds
        self.on_disconnect: OnDisconnect | None = on_disconnect
        self.trailing_slash = None if trailing_slash is None else trailing_slash_of(trailing_slash)
        self.host = host
        self.versions = versions_of(version)
        self.deprecation = deprecation
        self.websocket_origins = None if websocket_origins is None else texts_of(websocket_origins, "websocket_origins")
        self.max_message_size = max_message_size
        self.own_routes: list[Route] = []
        self.own_middleware: list[Middleware] = list(middleware)
        self.own_exception_handlers: dict[type[Exception], ExceptionHandler] = {}
        self.own_dependencies: list[Dependency] = [checked_dependency(one) for one in dependencies]
        self.own_backends: list[ModelBackend] = []
        self.json = json
        self.produces = media_of(produces, prefix)
        self.consumes = media_of(consumes, prefix)
        self.own_converters: dict[str, Converter] = {}
        self.own_providers: dict[object, Provider] = {}
        self.own_extractors: dict[type[Marker], Extractor] = {}
        self.own_slots: dict[Slot[object], str] = {}
        self.own_health_checks: dict[str, HealthCheck] = {}
        self.own_openapi: list[OpenAPIContribution] = []
        self.slots: SlotScope | None = None
        self.own_mounts: list[Mount] = []
        self.children: list[Included] = []
        self.installations: list[Installation] = []
        self.installed: frozenset[str] = frozenset()
        """For the `install` of a plugin: names and capabilities of those that are installed, here and above, before it."""
        self._closed = False

    def __repr__(self) -> str:
        return f"<Router {self.prefix!r}>"

    # Routes.

    def route(
        self,
        path: str,
        *,
        methods: Sequence[str] = ("GET",),
        name: str | None = None,
        tags: Sequence[str] = (),
        status_code: int | None = None,
        response_model: object = MISSING,
        response_class: type[Response] | None = None,
        dependencies: Sequence[object] = (),
        middleware: Sequence[Middleware] = (),
        max_content_length: int | None = None,
        timeout_seconds: float | None = None,
        on_disconnect: OnDisconnect | None = None,
        inline: bool = False,
        pool: str | None = None,
        json: JSONCodec | None = None,
        produces: Sequence[Media] | None = None,
        consumes: Sequence[Media] | None = None,
        exclude_none: bool = False,
        exclude_unset: bool = False,
        exclude_defaults: bool = False,
        by_alias: bool = True,
        summary: str | None = None,
        description: str | None = None,
        deprecated: bool = False,
        include_in_schema: bool = True,
        host: str | None = None,
        version: str | Sequence[str] | None = None,
        deprecation: Deprecation | None = None,
    ) -> Callable[[Handler], Handler]:
        """Serves `path` with the decorated function.

        Args:
            path: Pattern, such as `"/users/{user_id}"`; see the page on routing.
            methods: Request methods; HEAD comes with GET, and OPTIONS by itself.
            name: For `url_for`; the function's name if not given.
            tags: For documentation, after those of the router.
            status_code: Of the response to a result that is not itself a `Response`.
            response_model: Type that results are written as, if not the annotated one. What it does not have is left out.
            response_class: What is made of results that are no `Response` themselves. One that only names a media type, such as
                `HTMLResponse`, costs nothing; any other is called with the result and `status_code=`.
            dependencies: `Depends(...)` to run before the handler, for their effect.
            middleware: Around this route alone, inside that of the router.
            max_content_length: Bytes of request body that are accepted.
            timeout_seconds: What the handler and its dependencies may take together before the request is answered with 503.
            on_disconnect: What becomes of the handler when the client leaves; see `Router`.
            inline: Whether a plain function runs on the event loop; the default is a thread.
            pool: Name of the pool in `Velo(pools=...)` whose threads a plain function runs in.
            json: Reads and writes JSON, in place of the router's: `OrjsonJSON()`.
            produces: Media types that results can have, the favourite first, between which the `Accept` of a request chooses:
                `("application/json", "application/msgpack", "text/plain")`, or codecs. By the type of the result if `None`.
            consumes: Media types that bodies can have; JSON if `None`.
            exclude_none: Whether fields of models that are `None` are left out of results.
            exclude_unset: Whether fields that nobody has set are; pydantic models know.
            exclude_defaults: Whether fields that have their default are.
            by_alias: Whether fields have the names that their models give them in JSON, or those that they have in Python.
            summary: For documentation.
            description: For documentation; the function's docstring if not given.
            deprecated: For documentation.
            include_in_schema: Whether documentation shows it.
            host: Which hosts it is for; see `Router`.
            version: Version of the API that it belongs to, or several of them; see `Router`.
            deprecation: That it should not be used any more, which its responses tell.

        Raises:
            SetupError: `methods` is empty, or one text; the application has already started.
        """
        if isinstance(methods, str):
            raise SetupError(
                "VELO_ROUTE_METHOD", f"the methods of {path!r} are the text {methods!r}; write a tuple: methods=({methods!r},)"
            )
        if not methods:
            raise SetupError(
                "VELO_ROUTE_METHOD", f"the route {path!r} has no method, so nothing would be served; leave `methods` out for GET"
            )

        def register(handler: Handler) -> Handler:
            self._open_for(f"route {path}")
            self.own_routes.append(
                Route(
                    path=path,
                    methods=tuple(methods),
                    handler=handler,
                    name=name or str(getattr(handler, "__name__", type(handler).__name__)),
                    named=name is not None,
                    tags=tuple(tags),
                    status_code=status_code,
                    response_model=response_model,
                    response_class=response_class,
                    dependencies=tuple(checked_dependency(one) for one in dependencies),
                    middleware=tuple(middleware),
                    max_content_length=max_content_length,
                    timeout_seconds=timeout_seconds,
                    on_disconnect=on_disconnect,
                    inline=inline,
                    pool=pool,
                    json=json,
                    produces=media_of(produces, path),
                    consumes=media_of(consumes, path),
                    written=WriteOptions(exclude_none, exclude_unset, exclude_defaults, by_alias),
                    summary=summary,
                    description=description,
                    deprecated=deprecated,
                    include_in_schema=include_in_schema,
                    host=host,
                    versions=versions_of(version),
                    deprecation=deprecation,
                    namespace=locals_of_caller(),
                )
            )
            return handler

        return register

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves GET, and HEAD unless that has a route of its own; options as for `route`."""
        return self.route(path, methods=("GET",), **options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves POST; options as for `route`."""
        return self.route(path, methods=("POST",), **options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves PUT; options as for `route`."""
        return self.route(path, methods=("PUT",), **options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves PATCH; options as for `route`."""
        return self.route(path, methods=("PATCH",), **options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves DELETE; options as for `route`."""
        return self.route(path, methods=("DELETE",), **options)

    def head(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves HEAD in place of the GET route; options as for `route`."""
        return self.route(path, methods=("HEAD",), **options)

    def options(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves OPTIONS in place of the automatic answer; options as for `route`."""
        return self.route(path, methods=("OPTIONS",), **options)

    def websocket(
        self,
        path: str,
        *,
        name: str | None = None,
        tags: Sequence[str] = (),
        dependencies: Sequence[object] = (),
        middleware: Sequence[Middleware] = (),
        origins: Sequence[str] | None = None,
        max_message_size: int | None = None,
        timeout_seconds: float | None = None,
        on_disconnect: OnDisconnect | None = None,
        summary: str | None = None,
        description: str | None = None,
        deprecated: bool = False,
        include_in_schema: bool = True,
    ) -> Callable[[Handler], Handler]:
        """Serves websockets at `path` with the decorated `async def`, which has a parameter of type `WebSocket`. HTTP may share the path.

        Args:
            path: Pattern, as for `route`.
            name: For `url_for`; the function's name if not given.
            tags: For documentation, after those of the router.
            dependencies: `Depends(...)` to run before the handler, for their effect; what they raise refuses the handshake.
            middleware: Around this route alone, inside that of the router.
            origins: Pages that may open it besides those of our own origin; see `websocket_origins` of `Router`.
            max_message_size: Bytes that a message may have.
            timeout_seconds: What may pass until the handler has accepted, before the client is refused with 503.
            on_disconnect: What becomes of the handler when the client leaves; see `Router`.
            summary: For documentation.
            description: For documentation; the function's docstring if not given.
            deprecated: For documentation.
            include_in_schema: Whether documentation shows it.

        Raises:
            SetupError: the application has already started.
        """

        def register(handler: Handler) -> Handler:
            self._open_for(f"websocket {path}")
            self.own_routes.append(
                Route(
                    path=path,
                    methods=(),
                    handler=handler,
                    name=name or str(getattr(handler, "__name__", type(handler).__name__)),
                    named=name is not None,
                    tags=tuple(tags),
                    dependencies=tuple(checked_dependency(one) for one in dependencies),
                    middleware=tuple(middleware),
                    timeout_seconds=timeout_seconds,
                    on_disconnect=on_disconnect,
                    summary=summary,
                    description=description,
                    deprecated=deprecated,
                    include_in_schema=include_in_schema,
                    is_websocket=True,
                    origins=None if origins is None else texts_of(origins, "origins"),
                    max_message_size=max_message_size,
                    namespace=locals_of_caller(),
                )
            )
            return handler

        return register

    def mount(
        self,
        path: str,
        app: ASGIApplication | WSGIApplication,
        *,
        interface: Literal["asgi", "wsgi"] = "asgi",
        lifespan: bool = True,
        name: str | None = None,
        middleware: bool = True,
    ) -> None:
        """Hands the requests at and below `path` to another application; routes of this one that are more specific come first.

        Args:
            path: Pattern, such as `"/admin"`, below the prefix of the router.
            app: An ASGI application, another `Velo` among them, or a WSGI application.
            interface: Which of the two it is.
            lifespan: Whether an ASGI application is started and stopped with this one, in a task of its own.
            name: For `url_for`, which gives the path of the mount.
            middleware: Whether middleware and dependencies of this router and of those above are around it, as they are around routes.

        Raises:
            SetupError: this is no such application; or this application has already started.
        """
        self._open_for(f"mount {path}")
        if cast("object", app) is self:
            raise SetupError("VELO_MOUNT", f"an application cannot be mounted in itself, at {path!r}; include a Router")
        if isinstance(app, Router) and not app.is_application:
            raise SetupError("VELO_MOUNT", f"what is mounted at {path!r} is a Router; include it: router.include(..., prefix={path!r})")
        self.own_mounts.append(Mount(path, app, interface=interface, lifespan=lifespan, name=name, middleware=middleware))

    # What is around routes.

    def include(self, router: Router, prefix: str = "", *, tags: Sequence[str] = ()) -> None:
        """Serves the routes of `router` below this one. A router can be included more than once, in different places.

        Args:
            router: The child.
            prefix: Before the child's own prefix.
            tags: Before the child's own tags.

        Raises:
            SetupError: the child is this router, or contains it, or is an application; or the application has already started.
        """
        self._open_for("router")
        if not isinstance(router, Router):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            raise SetupError("VELO_ROUTER", f"{router!r} is no Router; put its routes on one, and include that")
        if router.is_application:  # its lifespan and its overrides would be lost without a word
            raise SetupError(
                "VELO_ROUTER",
                f"{router!r} is an application; mount it: router.mount(path, app), or include a Router that applications share",
            )
        if any(inner is self for inner in router.tree()):
            raise SetupError("VELO_ROUTER_CYCLE", "a router cannot be included in itself, or in one that it contains; make a second Router")
        self.children.append(Included(router, prefix, tuple(tags)))

    def middleware(self, function: IsMiddleware) -> IsMiddleware:
        """Puts the decorated `async def (request, call_next)` around all routes of this router, inside the middleware already there."""
        self.add_middleware(cast("Middleware", function))
        return function

    def add_middleware(self, function: Middleware) -> None:
        """Puts `function` around all routes of this router, inside the middleware that is already there."""
        self._open_for("middleware")
        self.own_middleware.append(function)

    def exception_handler(self, kind: type[Exception]) -> Callable[[HandlesError], HandlesError]:
        """Answers exceptions of class `kind`, and of those derived from it, with what the decorated `(request, exception)` returns."""

        def register(function: HandlesError) -> HandlesError:
            self.add_exception_handler(kind, cast("ExceptionHandler", function))
            return function

        return register

    def add_exception_handler(self, kind: type[Exception], function: ExceptionHandler) -> None:
        """See `exception_handler`.

        Raises:
            SetupError: this is no class of exceptions; this router already has a handler for exactly this class; or the application has
                already started.
        """
        self._open_for("exception handler")
        if not (isinstance(kind, type) and issubclass(kind, Exception)):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            message = f"{kind!r} is not a class of exceptions; give one that is derived from Exception, such as HTTPError"
            raise SetupError("VELO_EXCEPTION_HANDLER", message)
        known = self.own_exception_handlers.get(kind)
        if known is not None:
            name = getattr(known, "__qualname__", known)
            message = f"{kind.__qualname__} is already handled on this router by {name!s} ({where(known)}); remove one"
            raise SetupError("VELO_EXCEPTION_HANDLER_DUPLICATE", message)
        self.own_exception_handlers[kind] = function

    def add_dependency(self, dependency: object) -> None:
        """Runs `dependency`, a `Depends(...)`, before every handler of this router, after those that are already there."""
        self._open_for("dependency")
        self.own_dependencies.append(checked_dependency(dependency))

    def provide(self, kind: type[T], function: Factory[T], **options: Unpack[DependencyOptions]) -> None:
        """Gives every parameter of type `kind`, here and below, what `function` makes, in place of what is provided above.

        Of handlers and of dependencies alike; one that says itself where its value comes from, by a marker or `Depends`, is left alone.

        Args:
            kind: A class, or a generic one with its arguments. A parameter has to be annotated with exactly this.
            function: What `Depends` takes.
            options: What `Depends` takes besides: `lifetime`, `cached`, `inline`, `pool`.

        Raises:
            SetupError: this router already provides the type; it is no class, or one that requests are read as; or the application has
                already started.
        """
        self._open_for("provider")
        place = place_of_caller()
        made = kind if is_union(kind) else get_origin(kind) or kind
        if not isinstance(made, type) or made.__module__ == "builtins" or issubclass(made, Request):
            name = getattr(kind, "__qualname__", repr(kind))
            message = (
                f"{name} cannot be provided ({place}): parameters of that type are read from the request; make a class of your own for it"
            )
            raise SetupError("VELO_PROVIDER", message)
        known = self.own_providers.get(kind)
        if known is not None:
            message = (
                f"{made.__qualname__} is provided twice on one router, at {known.place} and at {place}; remove one, or use another router"
            )
            raise SetupError("VELO_PROVIDER_DUPLICATE", message)
        self.own_providers[kind] = Provider(dependency(function, **options), place)

    def add_extractor(
        self,
        marker: type[Marker],
        function: Callable[..., object],
        *,
        name: str,
        take: Take | None = None,
        location: Location = "",
        media_types: Sequence[str] = (),
        needs_body: bool = False,
        **options: Unpack[DependencyOptions],
    ) -> None:
        """Reads parameters that are marked with `marker`, here and below, from what `function` gives.

        Each parameter is taken by its name or `alias`. Text is converted, and checked against bounds, as in a query; what is no text has
        to be of the declared type. A model is taken field by field.

        Args:
            marker: A class of your own that is derived from `Marker`.
            function: What `Depends` takes, called once for a request whatever the number of parameters. It gives something with
                `get(name)`, and `get_all(name)` for lists if one name can have several values.
            name: Of the source, the first part of `loc` in errors: `"form"`.
            take: `take(source, marker, name)` in place of `get` and `get_all`; `None` is for a value that is not there.
            location: Where documentation says that values are: `"query"`, `"header"`, `"cookie"`, `"path"`, `"body"`, or nowhere.
            media_types: Of the body, for documentation.
            needs_body: Whether the function reads the body by its `Request`, so that it runs after all that does not need it.
            options: What `Depends` takes besides: `lifetime`, `cached`, `inline`, `pool`.

        Raises:
            SetupError: this router already has an extractor for the marker; the marker is none, or one that Velo reads; the name is one
                of Velo's own sources; or the application has already started.
        """
        self._open_for("extractor")
        if not (isinstance(marker, type) and issubclass(marker, Marker)):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            raise SetupError("VELO_EXTRACTOR", f"{marker!r} is no marker; derive a class from Marker, and mark parameters with that")
        if issubclass(marker, BUILT_IN) or marker is Marker:
            message = f"{marker.__qualname__} is read by Velo itself, or is everybody's; derive a class of your own from Marker"
            raise SetupError("VELO_EXTRACTOR", message)
        if name in RESERVED:
            raise SetupError("VELO_EXTRACTOR", f"{name!r} is a source of Velo's own; give that of {marker.__qualname__} another name")
        if marker in self.own_extractors:
            known = self.own_extractors[marker].dependency.function
            message = f"{marker.__qualname__} is already read on this router by {getattr(known, '__qualname__', known)!s} ({where(known)})"
            raise SetupError("VELO_EXTRACTOR_DUPLICATE", f"{message}; remove one, or use another router")
        source = replace(dependency(function, **options), needs_body=needs_body)
        self.own_extractors[marker] = Extractor(name, source, take, location, tuple(media_types))

    def add_model_backend(self, backend: ModelBackend) -> None:
        """Reads and writes classes of a family that Velo does not know, here and below. The last one that is added is asked first.

        Raises:
            SetupError: this is no backend; or the application has already started.
        """
        self._open_for("model backend")
        if not isinstance(backend, ModelBackend):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            raise SetupError(
                "VELO_MODEL_BACKEND", f"{backend!r} is no model backend; derive a class from ModelBackend, and give an instance"
            )
        self.own_backends.insert(0, backend)

    def add_converter(self, name: str, converter: Converter) -> None:
        """Makes `{parameter:name}` usable in the patterns of this router and of those below it, in place of one that is inherited.

        Raises:
            SetupError: this router already has another converter of that name; or the application has already started.
        """
        self._open_for(f"converter {name}")
        known = self.own_converters.get(name)
        if known is not None and known != converter:
            raise SetupError(
                "VELO_CONVERTER_DUPLICATE", f"a converter {name!r} is already on this router: {known!r}; give {converter!r} another name"
            )
        self.own_converters[name] = converter

    def add_slot(self, slot: Slot[T]) -> None:
        """Declares a slot, for this router and those below, and for their requests. The same line may do so more than once.

        Raises:
            SetupError: this router already has it, or another one of its name; or the application has already started.
        """
        self._open_for(f"slot {slot.name}")
        place = place_of_caller()
        for known, declared_at in self.own_slots.items():
            if known is slot and declared_at == place:  # a plugin that is installed twice
                return
            if known.name == slot.name:
                both = f"{label_of(known, declared_at)} and {label_of(slot, place)}"
                what = "is declared twice on one router" if known is slot else "is the name of two slots of one router"
                message = f"{slot.name!r} {what}: {both}; {'remove one' if known is slot else 'rename one'}"
                raise SetupError("VELO_SLOT_DUPLICATE", message)
        self.own_slots[cast("Slot[object]", slot)] = place

    def slot_scope(self) -> SlotScope | None:
        """See `HoldsSlots`."""
        return self.slots

    def add_health_check(self, name: str, check: Check, *, critical: bool = True, timeout_seconds: float = 5.0) -> None:
        """Adds a question to those that a health route asks, such as that of velo-health; nothing asks it by itself.

        Args:
            name: What is asked about, such as `"database"`; unique on this router.
            check: A coroutine function without parameters. What it raises is the trouble.
            critical: Whether the application cannot serve without it.
            timeout_seconds: What it may take.

        Raises:
            SetupError: this router already has a check of that name; or the application has already started.
        """
        self._open_for(f"health check {name}")
        place = place_of_caller()
        known = self.own_health_checks.get(name)
        if known is not None:
            message = f"the health check {name!r} is added twice to one router, at {known.place} and at {place}; rename one"
            raise SetupError("VELO_HEALTH_CHECK_DUPLICATE", message)
        self.own_health_checks[name] = HealthCheck(name, check, critical, timeout_seconds, place)

    def add_openapi(self, contribution: OpenAPIContribution) -> None:
        """Adds to what OpenAPI documents say of the operations of this router and of those below; see `OpenAPIContribution`."""
        self._open_for("OpenAPI contribution")
        self.own_openapi.append(contribution)

    def install(self, plugin: Plugin | str, **options: object) -> None:
        """Installs a plugin on this router: it can act on this router and on those below it, never on others.

        Args:
            plugin: An instance, or the name of an entry point in the group `velo.plugins`.
            options: For the plugin's constructor, when it is given by name.

        Raises:
            SetupError: options beside an instance; or the application has already started. What is wrong with the plugin itself is
                reported when the application starts, together with everything else.
        """
        self._open_for("plugin")
        if isinstance(plugin, Plugin) and options:
            raise SetupError(
                "VELO_PLUGIN_OPTIONS", f"options are for plugins installed by name; give them to {type(plugin).__qualname__}(...) itself"
            )
        self.installations.append(Installation(plugin, options, self, place_of_caller()))

    # The tree.

    def tree(self) -> Iterator[Router]:
        """This router and all below it."""
        yield self
        for child in self.children:
            yield from child.router.tree()

    def close(self) -> None:
        """Ends registration, here and below; the application does this when it starts."""
        for router in self.tree():
            router._closed = True

    def _open_for(self, thing: str) -> None:
        if self._closed:
            raise SetupError(
                "VELO_FROZEN", f"the application has started; this {thing} comes too late. Register everything before the first request."
            )
