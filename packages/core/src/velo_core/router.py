"""`Router`, the one surface for registration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar, Unpack, cast, get_origin, overload

from velo_core.errors import SetupError, where
from velo_core.hooks import OFFERED
from velo_core.registering import (
    Included,
    check_middleware,
    check_takes,
    checked_dependency,
    checked_exception,
    label_of,
    media_of,
    place_of_caller,
    texts_of,
    trailing_slash_of,
    versions_given,
)
from velo_core.route_registration import RegistersRoutes
from velo_core.slots import HoldsSlots

# As in `registering`: what a method needs beside this is imported by that method, for most applications call few of them.
if TYPE_CHECKING:
    from velo_core.answers import ExceptionHandler
    from velo_core.codecs import Media, ModelBackend
    from velo_core.contributions import Check, HealthCheck, OpenAPIContribution
    from velo_core.extractors import Extractor, Location, Take
    from velo_core.json import JSONCodec
    from velo_core.markers import Dependency, DependencyOptions, Factory, Marker
    from velo_core.middleware import Around, Band
    from velo_core.mounting import Mount
    from velo_core.phases import Phase
    from velo_core.plan import Middleware
    from velo_core.plugin import Installation, Plugin
    from velo_core.route import MiddlewareOptions, Route
    from velo_core.routing import Converter
    from velo_core.slots import Slot, SlotScope
    from velo_core.steps import Provider
    from velo_core.versioning import Deprecation
    from velo_core.watch import OnDisconnect

__all__ = ["Router"]

T = TypeVar("T")
Handler = TypeVar("Handler", bound=Callable[..., object])
HandlesError = TypeVar("HandlesError", bound=Callable[..., object])
IsMiddleware = TypeVar("IsMiddleware", bound=Callable[..., object])


class Router(RegistersRoutes, HoldsSlots):
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
        self.versions = versions_given(version)
        self.deprecation = deprecation
        self.websocket_origins = None if websocket_origins is None else texts_of(websocket_origins, "websocket_origins")
        self.max_message_size = max_message_size
        self.own_routes: list[Route] = []
        self.own_around: list[Around] = [_around(one) for one in middleware]
        self.own_phases: dict[str, list[Phase]] = {kind: [] for kind in OFFERED}
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

    @overload
    def middleware(self, function: IsMiddleware, /) -> IsMiddleware: ...
    @overload
    def middleware(self, /, **options: Unpack[MiddlewareOptions]) -> Callable[[IsMiddleware], IsMiddleware]: ...
    def middleware(
        self, function: IsMiddleware | None = None, /, **options: Unpack[MiddlewareOptions]
    ) -> IsMiddleware | Callable[[IsMiddleware], IsMiddleware]:
        """Puts the decorated `async def (request, call_next)` around all routes of this router, inside the middleware already there.

        With options as for `add_middleware`: `@app.middleware(band="security")`.
        """

        def register(function: IsMiddleware) -> IsMiddleware:
            self.add_middleware(cast("Middleware", function), **options)
            return function

        if isinstance(function, str):  # as in @app.middleware("http") of other frameworks
            raise SetupError("VELO_MIDDLEWARE", f"{function!r} is no middleware; write @app.middleware without arguments")
        return register if function is None else register(function)

    def add_middleware(
        self,
        function: Middleware,
        *,
        band: Band = "default",
        name: str | None = None,
        before: str | Sequence[str] = (),
        after: str | Sequence[str] = (),
    ) -> None:
        """Puts `function` around all routes of this router.

        Args:
            function: `async def (request, call_next)`.
            band: Where it belongs, from the outside inwards: `"outermost"`, `"observe"`, `"shed"`, `"security"`, `"session"`,
                `"default"` or `"innermost"`. Within a band, what was registered first is outermost.
            name: By which others name it; the function's name if not given.
            before: Names of middleware of this router that is to be inside of it, if it is there.
            after: Names of middleware that is to be around it, if it is there.

        Raises:
            SetupError: `function` cannot be called so; there is no such band; or the application has already started. Edges that cannot
                be are reported when it starts.
        """
        self._open_for("middleware")
        self.own_around.append(_around(function, name, band, before, after))

    def on_request(self, function: Handler) -> Handler:
        """Calls the decorated `(request)` before middleware, dependencies and handler; a response that it returns is the answer.

        As all hooks, it may be a coroutine function; a plain one runs on the event loop. Those of a parent are called first.

        Raises:
            SetupError: it takes something else; or the application has already started.
        """
        return self._add_phase("on_request", function)

    def on_response(self, function: Handler) -> Handler:
        """Calls the decorated `(request, response)` after all middleware; a response that it returns takes the place of the other.

        Those of a parent are called last. Raises as `on_request`.
        """
        return self._add_phase("on_response", function)

    def on_error(self, function: Handler) -> Handler:
        """Calls the decorated `(request, error)` with each exception that is about to be answered, `HTTPError` among them.

        It changes nothing: what answers is an exception handler. Those of a parent are called last. Raises as `on_request`.
        """
        return self._add_phase("on_error", function)

    def on_sent(self, function: Handler) -> Handler:
        """Calls the decorated `(request, response)` when the response has been sent, or the client has left, and all is closed.

        Those of a parent are called last. Raises as `on_request`.
        """
        return self._add_phase("on_sent", function)

    def _add_phase(self, kind: str, function: Handler) -> Handler:
        self._open_for(f"hook {kind}")
        from velo_core.phases import checked

        self.own_phases[kind].append(checked(kind, function))
        return function

    def exception_handler(self, kind: type[Exception]) -> Callable[[HandlesError], HandlesError]:
        """Answers exceptions of class `kind`, and of those derived from it, with what the decorated `(request, exception)` returns."""
        checked_exception(kind)

        def register(function: HandlesError) -> HandlesError:
            self.add_exception_handler(kind, cast("ExceptionHandler", function))
            return function

        return register

    def add_exception_handler(self, kind: type[Exception], function: ExceptionHandler) -> None:
        """See `exception_handler`.

        Raises:
            SetupError: this is no class of exceptions; `function` does not take two arguments; this router already has a handler for
                exactly this class; or the application has already started.
        """
        self._open_for("exception handler")
        checked_exception(kind)
        check_takes(function, ("request", "exception"), "VELO_EXCEPTION_HANDLER", "exception handler")
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
        from velo_core.hints import is_union
        from velo_core.markers import dependency
        from velo_core.request import Request
        from velo_core.steps import Provider

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
            media_types: Of the body, for documentation. Nothing else is refused because of them: that is up to the function.
            needs_body: Whether the function reads the body by its `Request`, so that it runs after all that does not need it.
            options: What `Depends` takes besides: `lifetime`, `cached`, `inline`, `pool`.

        Raises:
            SetupError: this router already has an extractor for the marker; the marker is none, or one that Velo reads; the name is one
                of Velo's own sources; or the application has already started.
        """
        self._open_for("extractor")
        from msgspec.structs import replace

        from velo_core.extractors import RESERVED, Extractor
        from velo_core.markers import BUILT_IN, Marker, dependency

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
        from velo_core.codecs import ModelBackend

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
        from velo_core.contributions import HealthCheck

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
        from velo_core.plugin import Installation, Plugin

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


def _around(
    function: Middleware, name: str | None = None, band: Band = "default", before: str | Sequence[str] = (), after: str | Sequence[str] = ()
) -> Around:
    from velo_core.middleware import Around

    return Around.of(check_middleware(function), name, band, before, after)
