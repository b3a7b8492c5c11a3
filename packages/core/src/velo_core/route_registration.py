"""The part of `Router` that registers what serves paths: routes, websockets, mounts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar, Unpack, cast

from velo_core.errors import SetupError
from velo_core.registering import check_middleware, check_path, checked_dependency, locals_of_caller, media_of, texts_of, versions_given
from velo_core.types import MISSING

# As in `registering`: an import of `Velo` alone is to cost little, and one that nobody uses nothing at all.
if TYPE_CHECKING:
    from velo_core.codecs import Media
    from velo_core.json import JSONCodec
    from velo_core.mounting import Mount
    from velo_core.mounting.asgi import ASGIApplication
    from velo_core.mounting.wsgi import WSGIApplication
    from velo_core.phases import Hooks, Phase
    from velo_core.plan import Middleware
    from velo_core.response import Response
    from velo_core.route import Route, RouteOptions
    from velo_core.versioning import Deprecation
    from velo_core.watch import OnDisconnect

__all__ = ["RegistersRoutes"]

Handler = TypeVar("Handler", bound=Callable[..., object])


class RegistersRoutes(ABC):
    """See `Router`."""

    is_application: ClassVar[bool]
    own_routes: list[Route]
    own_mounts: list[Mount]

    @abstractmethod
    def _open_for(self, thing: str) -> None:
        """Refuses what comes too late."""

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
        hooks: Hooks | None = None,
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
            hooks: For this route alone, inside those of the router: `{"on_response": function, "on_sent": [several, functions]}`.
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
            SetupError: `path` is no text; `methods` is empty, or one text; the application has already started.
        """
        check_path(path)
        if isinstance(methods, str):
            raise SetupError(
                "VELO_ROUTE_METHOD", f"the methods of {path!r} are the text {methods!r}; write a tuple: methods=({methods!r},)"
            )
        if not methods:
            raise SetupError(
                "VELO_ROUTE_METHOD", f"the route {path!r} has no method, so nothing would be served; leave `methods` out for GET"
            )

        from velo_core.route import Route, written_as

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
                    middleware=tuple(check_middleware(one) for one in middleware),
                    hooks={} if hooks is None else _sorted(hooks),
                    max_content_length=max_content_length,
                    timeout_seconds=timeout_seconds,
                    on_disconnect=on_disconnect,
                    inline=inline,
                    pool=pool,
                    json=json,
                    produces=media_of(produces, path),
                    consumes=media_of(consumes, path),
                    written=written_as(exclude_none, exclude_unset, exclude_defaults, by_alias),
                    summary=summary,
                    description=description,
                    deprecated=deprecated,
                    include_in_schema=include_in_schema,
                    host=host,
                    versions=versions_given(version),
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
        hooks: Hooks | None = None,
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
            hooks: For this route alone, inside those of the router: `{"on_response": function, "on_sent": [several, functions]}`.
            origins: Pages that may open it besides those of our own origin; see `websocket_origins` of `Router`.
            max_message_size: Bytes that a message may have.
            timeout_seconds: What may pass until the handler has accepted, before the client is refused with 503.
            on_disconnect: What becomes of the handler when the client leaves; see `Router`.
            summary: For documentation.
            description: For documentation; the function's docstring if not given.
            deprecated: For documentation.
            include_in_schema: Whether documentation shows it.

        Raises:
            SetupError: `path` is no text; the application has already started.
        """
        check_path(path)

        from velo_core.route import Route

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
                    middleware=tuple(check_middleware(one) for one in middleware),
                    hooks={} if hooks is None else _sorted(hooks),
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
        check_path(path)
        self._open_for(f"mount {path}")
        given = cast("object", app)
        if given is self:
            raise SetupError("VELO_MOUNT", f"an application cannot be mounted in itself, at {path!r}; include a Router")
        if isinstance(given, RegistersRoutes) and not given.is_application:
            raise SetupError("VELO_MOUNT", f"what is mounted at {path!r} is a Router; include it: router.include(..., prefix={path!r})")
        from velo_core.mounting import Mount  # most applications mount nothing

        self.own_mounts.append(Mount(path, app, interface=interface, lifespan=lifespan, name=name, middleware=middleware))


def _sorted(hooks: Hooks) -> dict[str, list[Phase]]:
    from velo_core.phases import sorted_hooks

    return sorted_hooks(hooks)
