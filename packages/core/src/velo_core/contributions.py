"""What routers say of themselves to whoever asks: documentation, and whether they are well. Nothing here runs for a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

from msgspec import Struct, field, json

from velo_core.errors import HTTPError, SetupError

__all__ = ["Check", "HealthCheck", "OpenAPIContribution", "openapi_of"]


def _nothing() -> dict[str, object]:
    return {}


class OpenAPIContribution(Struct, frozen=True, kw_only=True):
    """What a plugin or a guard adds to the OpenAPI document; everything is in the words of OpenAPI 3.1.

    Given to `Router.add_openapi`, it holds for the operations of that router and of those below. As the attribute `openapi` of a function
    in `Depends(...)`, it holds for the operations that run it.

    Attributes:
        security: Security requirements, of which one has to be met: `({"bearer": ()},)`. Those of several contributions must all be met.
            Who does not meet them gets what `responses` has of 401 and 403; if it has neither, a 401, and a 403 where scopes are named.
        responses: Response objects by status, a number or its text, `{429: {"description": "Too many requests"}}`, which of an error is a
            problem document if it has no `content`; or `HTTPError` for the problem document that one makes. What a route declares wins.
        headers: Header objects by name, for every response of the operation.
        parameters: Parameter objects, for what is read from the request without being in a signature.
        components: For the document, by kind and name: `{"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}`. Two
            different ones of one name are a mistake.
        tags: Tag objects, for the document.

    Raises:
        SetupError: `VELO_OPENAPI_CONTRIBUTION`, something is not in the words of OpenAPI, or has no form in JSON.
    """

    security: Sequence[Mapping[str, Sequence[str]]] = ()
    responses: Mapping[str, object] | Mapping[int, object] | Mapping[int | str, object] = field(default_factory=_nothing)
    headers: Mapping[str, object] = field(default_factory=_nothing)
    parameters: Sequence[Mapping[str, object]] = ()
    components: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    tags: Sequence[Mapping[str, object]] = ()

    def __post_init__(self) -> None:
        wrong = list(_mistakes(self))
        if wrong:
            raise SetupError("VELO_OPENAPI_CONTRIBUTION", f"this cannot be contributed: {'; '.join(wrong)}")


def openapi_of(dependency: object) -> OpenAPIContribution | None:
    """What a dependency adds to the operations that run it, if it says so."""
    found: object = getattr(dependency, "openapi", None)
    return found if isinstance(found, OpenAPIContribution) else None


def _mistakes(given: OpenAPIContribution) -> Iterator[str]:
    """Each mistake with an example of what is meant: they are made once, and found in a document by nobody."""
    for name, example in _OBJECTS.items():
        if not _is_object_of_objects(_written(given, name)):
            yield f"`{name}` takes objects by name, {example}, not {getattr(given, name)!r}"
    for name, members, example in _LISTS:
        value: object = getattr(given, name)
        if not _is_list_of_objects(value, members):
            yield f"`{name}` takes a tuple of objects, {example}, not {value!r}"
    if _is_list_of_objects(given.security):
        for scopes in (one for requirement in given.security for one in requirement.values()):
            if isinstance(scopes, str) or not isinstance(scopes, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped guards
                yield f'`security` takes the scopes of each scheme as a tuple, ({{"login": ("read",)}},), not {scopes!r}'
    for name in given.__struct_fields__:
        try:
            json.encode(_written(given, name))
        except (TypeError, ValueError, RecursionError) as error:
            yield f"`{name}` has no form in JSON: {error}"


def _written(given: OpenAPIContribution, name: str) -> object:
    """What is written as it is: all but the classes among responses that stand for problem documents."""
    value: object = getattr(given, name)
    if name != "responses" or not isinstance(value, Mapping):
        return value
    return {status: one for status, one in cast("Mapping[object, object]", value).items() if one is not HTTPError}


_OBJECTS = {
    "responses": '{"429": {"description": "Too many requests"}}',
    "headers": '{"x-left": {"schema": {"type": "integer"}}}',
    "components": '{"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}',
}
_LISTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("security", (), '({"bearer": ()},)'),
    ("parameters", ("name", "in"), '({"name": "x-key", "in": "header", "schema": {"type": "string"}},)'),
    ("tags", ("name",), '({"name": "items"},)'),
)


def _is_object_of_objects(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, Mapping) for one in cast("Mapping[object, object]", value).values())


def _is_list_of_objects(value: object, members: Sequence[str] = ()) -> bool:
    """Whether it is, and each object has the members, or refers to one that has."""
    if not isinstance(value, list | tuple):
        return False
    objects = cast("Sequence[object]", value)
    return all(isinstance(one, Mapping) and ("$ref" in one or all(name in one for name in members)) for one in objects)


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
