"""What routers say of themselves to whoever asks: documentation, and whether they are well. Nothing here runs for a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field

__all__ = ["Check", "HealthCheck", "OpenAPIContribution", "openapi_of"]


def _nothing() -> dict[str, object]:
    return {}


class OpenAPIContribution(Struct, frozen=True, kw_only=True):
    """What a plugin or a guard adds to the OpenAPI document; everything is in the words of OpenAPI 3.1.

    Given to `Router.add_openapi`, it holds for the operations of that router and of those below. As the attribute `openapi` of a function
    in `Depends(...)`, it holds for the operations that run it.

    Attributes:
        security: Security requirements, of which one has to be met: `({"bearer": ()},)`. Those of several contributions must all be met.
        responses: Response objects by status, `{"429": {"description": "Too many requests"}}`. What a route declares itself wins.
        headers: Header objects by name, for every response of the operation.
        parameters: Parameter objects, for what is read from the request without being in a signature.
        components: For the document, by kind and name: `{"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}`. Two
            different ones of one name are a mistake.
        tags: Tag objects, for the document.
    """

    security: Sequence[Mapping[str, Sequence[str]]] = ()
    responses: Mapping[str, object] = field(default_factory=_nothing)
    headers: Mapping[str, object] = field(default_factory=_nothing)
    parameters: Sequence[Mapping[str, object]] = ()
    components: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    tags: Sequence[Mapping[str, object]] = ()


def openapi_of(dependency: object) -> OpenAPIContribution | None:
    """What a dependency adds to the operations that run it, if it says so."""
    found: object = getattr(dependency, "openapi", None)
    return found if isinstance(found, OpenAPIContribution) else None


Check: TypeAlias = Callable[[], Awaitable[object]]


class HealthCheck(Struct, frozen=True):
    """A question whether something works that the application needs.

    Attributes:
        name: Unique among the checks of the application, such as `"database"`.
        check: Asks it. What it raises is the trouble; what it returns is not looked at.
        critical: Whether the application cannot serve without it.
        timeout_seconds: What it may take.
        place: File and line of the registration.
    """

    name: str
    check: Check
    critical: bool
    timeout_seconds: float
    place: str
