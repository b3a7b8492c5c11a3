"""Markers: where a handler's parameter comes from.

    async def search(
        page: Annotated[int, Query(ge=1)] = 1,
        tags: Annotated[list[str], Query(alias="tag")] = [],
        x_request_id: Annotated[str | None, Header()] = None,
        user: Annotated[User, Depends(current_user)],
    ) -> Results: ...

A parameter without a marker is a path parameter if the path names it, the body if its type is a model, else a query parameter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, Unpack, cast, dataclass_transform, get_args, overload

from msgspec import Struct, StructMeta

from velo_core.errors import SetupError

__all__ = [
    "BUILT_IN",
    "Body",
    "Cookie",
    "Dependency",
    "DependencyOptions",
    "Depends",
    "Factory",
    "Header",
    "Lifetime",
    "Marker",
    "Path",
    "Query",
    "dependency",
]

T = TypeVar("T")
Lifetime: TypeAlias = Literal["request", "handler", "app"]
"""When a dependency is torn down: after the last byte, before the first one, or when the application stops."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Markers(StructMeta):
    """Makes what derives from `Marker` frozen, with arguments by name, without each class having to say so."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, frozen: bool = True, kw_only: bool = True, **options: Any
    ) -> _Markers:
        return super().__new__(cls, name, bases, namespace, frozen=frozen, kw_only=kw_only, **options)


class Marker(Struct, metaclass=_Markers, kw_only=True):
    """What all markers can say.

    One of your own derives from it, and so do its options: `class Part(Marker, kw_only=True): separator: str = ","`.

    Attributes:
        alias: Name on the wire, if it is not the parameter's.
        title: Short name for documentation.
        description: Text for documentation.
        deprecated: Whether documentation should discourage it.
        examples: Values for documentation.
        include_in_schema: Whether documentation shows it.
        ge: At least. Bounds of a list hold for each of its items.
        gt: More than.
        le: At most.
        lt: Less than.
        multiple_of: A whole multiple of.
        min_length: Characters, bytes or items, at least.
        max_length: Characters, bytes or items, at most.
        pattern: Regular expression that is found somewhere in the text (anchor it with `^` and `$` to match all of it).
    """

    alias: str | None = None
    title: str | None = None
    description: str | None = None
    deprecated: bool = False
    examples: tuple[object, ...] = ()
    include_in_schema: bool = True
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None


class Query(Marker, kw_only=True):
    """A query parameter. Of one that is repeated, the last counts; a list gets all. For a model, each of its fields is one.

    Attributes:
        extra: What a model does about parameters that nobody takes: `"ignore"` or `"forbid"` them, or what the model itself says if `None`.
    """

    extra: Literal["ignore", "forbid"] | None = None


class Header(Marker, kw_only=True):
    """A header field, or one for each field of a model. Underscores in names are hyphens on the wire; case does not matter."""


class Cookie(Marker, kw_only=True):
    """A cookie. For a model, each of its fields is one.

    Attributes:
        extra: As for `Query`.
    """

    extra: Literal["ignore", "forbid"] | None = None


class Path(Marker, kw_only=True):
    """A parameter of the path."""


class Body(Marker, kw_only=True):
    """The request body: JSON, or as it came for a parameter of type `bytes`.

    Several parameters share one JSON object, in which each has a member of its name.

    Attributes:
        alias: Name of the member, if there is such an object.
        embed: Whether the parameter is a member of an object even if it is the only one; `False` lets it not become one.
    """

    embed: bool | None = None


class Dependency(Struct, frozen=True):
    """What `Depends` makes. Equal dependencies run once in a request, unless `cached` is off.

    Attributes:
        function: Called with its own parameters bound like a handler's.
        cached: Whether all who ask in one request share one result.
        inline: Whether a plain function runs on the event loop instead of in a thread.
        lifetime: When it is torn down.
        pool: The threads that a plain function runs in; `None` for those of the handlers.
        needs_body: Whether it runs only when the body may be read, although none of its parameters tells.
    """

    function: Callable[..., object]
    cached: bool = True
    inline: bool = False
    lifetime: Lifetime = "request"
    pool: str | None = None
    needs_body: bool = False


class DependencyOptions(TypedDict, total=False):
    """What `Depends` and `Router.provide` take besides the function."""

    cached: bool
    inline: bool
    lifetime: Lifetime
    pool: str | None


Factory: TypeAlias = (
    Callable[..., AbstractAsyncContextManager[T]]
    | Callable[..., AbstractContextManager[T]]
    | Callable[..., AsyncIterator[T]]
    | Callable[..., Iterator[T]]
    | Callable[..., Awaitable[T]]
    | Callable[..., T]
)
"""What gives a `T` when it is asked for as a dependency."""


# In the order in which type checkers have to try them: a context manager is no awaitable, and everything is an object.
@overload
def Depends(function: Callable[..., AbstractAsyncContextManager[T]], **options: Unpack[DependencyOptions]) -> T: ...
@overload
def Depends(function: Callable[..., AbstractContextManager[T]], **options: Unpack[DependencyOptions]) -> T: ...
@overload
def Depends(function: Callable[..., AsyncIterator[T]], **options: Unpack[DependencyOptions]) -> T: ...
@overload
def Depends(function: Callable[..., Iterator[T]], **options: Unpack[DependencyOptions]) -> T: ...
@overload
def Depends(function: Callable[..., Awaitable[T]], **options: Unpack[DependencyOptions]) -> T: ...
@overload
def Depends(function: Callable[..., T], **options: Unpack[DependencyOptions]) -> T: ...
def Depends(  # noqa: N802 - the field's name for it
    function: Callable[..., object],
    *,
    cached: bool = True,
    inline: bool = False,
    lifetime: Lifetime = "request",
    pool: str | None = None,
) -> object:
    """Asks for what `function` returns, or yields.

    Use it in an annotation, `Annotated[Session, Depends(open_session)]`, or as a default, `session: Session = Depends(open_session)`.

    Args:
        function: A function, a coroutine function, a generator of one value (what follows the `yield` is tear-down), a function made with
            `@contextmanager` or `@asynccontextmanager`, or a class; one that is a context manager is entered. Its own parameters are bound
            like those of a handler, further dependencies included.
        cached: Whether everyone who asks for it in one request gets the same result.
        inline: Whether a plain function runs on the event loop; the default is a thread, for it may block.
        lifetime: `"request"`: torn down after the last byte of the response. `"handler"`: torn down after the handler has returned and
            before the response starts, so that what goes wrong then is answered. `"app"`: made once, when the application starts, and torn
            down when it stops; it can ask only for others that live as long.
        pool: Name of the pool in `Velo(pools=...)` whose threads a plain function, a generator or a context manager runs in.

    Raises:
        SetupError: the lifetime is none of these.
    """
    return cast(object, dependency(function, cached=cached, inline=inline, lifetime=lifetime, pool=pool))


def dependency(function: Callable[..., object], **options: Unpack[DependencyOptions]) -> Dependency:
    """What `Depends` returns, with its own type.

    Raises:
        SetupError: the lifetime is not one of the three.
    """
    made = Dependency(function, **options)
    if made.lifetime not in get_args(Lifetime):
        raise SetupError("VELO_LIFETIME", f"{made.lifetime!r} is no lifetime of a dependency; write 'request', 'handler' or 'app'")
    return made


BUILT_IN: tuple[type[Marker], ...] = (Path, Query, Header, Cookie, Body)
"""The markers that Velo reads itself."""
