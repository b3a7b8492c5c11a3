"""What a valid document still lacks, each rule by an application that breaks it and by one that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import pytest

import velo_core
from velo_core import Depends, FileResponse, Header, HTTPError, OpenAPIContribution, Query, RedirectResponse, Request, Response, Velo
from velo_openapi import OpenAPI, operation
from velo_openapi.checks import RULES, Finding, check


class Item(msgspec.Struct):
    name: str


class Bag(msgspec.Struct):
    inside: Any
    items: list[Item]


@dataclass
class Model:
    """Of a library whose models do not say what is in them."""


def findings(handler: Callable[..., object], *, method: str = "GET", path: str = "/", **options: Any) -> list[Finding]:
    app, plugin = Velo(), OpenAPI(**cast("Any", {"title": "Shop", **options}))
    app.install(plugin)
    app.route(path, methods=[method])(handler)
    return check(plugin.document(app), plugin.operations(app))


def codes(handler: Callable[..., object], **options: Any) -> set[str]:
    return {one.code for one in findings(handler, **options)}


async def good(word: Annotated[str, Query(description="To look for.")]) -> Item:
    """Finds an item."""
    return Item(word)


async def without_words() -> Item:
    return Item("tea")


async def returns_nothing_known():  # that is the point
    """Returns something."""


async def returns_a_response() -> Response:
    """Returns a response."""
    return Response(b"")


async def returns_a_file() -> FileResponse:
    """Sends a file."""
    return FileResponse(__file__)


async def moves() -> RedirectResponse:
    """Is elsewhere."""
    return RedirectResponse("/")


async def returns_anything() -> list[Any]:
    """Returns several things."""
    return []


async def returns_bag() -> Bag:
    """Returns a bag."""
    return Bag(1, [])


async def returns_table() -> dict[str, Any]:
    """Returns an object, which may have anything in it: that is what its type says."""
    return {}


async def bare_parameter(word: str) -> Item:
    """Finds an item."""
    return Item(word)


async def reads_body(item: Item) -> Item:
    """Takes an item."""
    return item


async def raises() -> Item:
    """Fails."""
    raise HTTPError(410)


async def raises_by_name() -> Item:
    """Fails, with a status that has a name, and an error that has its module's."""
    raise velo_core.HTTPError(HTTPStatus.CONFLICT, "No.")


async def raises_what_is_documented() -> Item:
    """Fails."""
    raise HTTPError(status_code=410)


async def raises_what_is_other_than_documented() -> Item:
    """Fails."""
    raise HTTPError(410)


async def raises_other_than_nothing() -> Item:
    """Fails."""
    raise HTTPError(410)


async def raises_inside_another() -> Item:
    """Has a function that fails, and is not called here."""

    def fail() -> None:
        raise HTTPError(410)

    return Item(str(fail))


async def guard() -> None:
    raise HTTPError(402)


async def guarded(who: Annotated[None, Depends(guard)]) -> Item:
    """Is guarded."""
    return Item("tea")


async def telling_guard() -> None:
    raise HTTPError(402)


async def reads_token(authorization: Annotated[str | None, Header()] = None) -> None:
    """Looks at the token."""


async def reads_headers(request: Request) -> None:
    """Looks at the token."""
    request.headers.get("Authorization")


class Bearer:
    """Looks at the token, and says so."""

    openapi = OpenAPIContribution(
        security=({"bearer": ()},), components={"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
    )

    async def __call__(self, authorization: Annotated[str | None, Header()] = None) -> None:
        """Looks at the token."""


async def behind_token(who: Annotated[None, Depends(reads_token)]) -> Item:
    """Is guarded."""
    return Item("tea")


async def behind_headers(who: Annotated[None, Depends(reads_headers)]) -> Item:
    """Is guarded."""
    return Item("tea")


async def behind_bearer(who: Annotated[None, Depends(Bearer())]) -> Item:
    """Is guarded."""
    return Item("tea")


async def reads_token_itself(authorization: Annotated[str, Header()]) -> Item:
    """Looks at the token."""
    return Item(authorization)


telling_guard.openapi = OpenAPIContribution(responses={"402": {"description": "Pay."}})  # pyright: ignore[reportFunctionMemberAccess]: a guard says it so


async def guarded_by_one_that_tells(who: Annotated[None, Depends(telling_guard)]) -> Item:
    """Is guarded."""
    return Item("tea")


@pytest.mark.parametrize(
    ("handler", "options", "code"),
    [
        (good, {"title": "API"}, "default-title"),
        (good, {"tags": [{"name": "tea"}]}, "undescribed-tag"),
        (without_words, {}, "no-summary"),
        (returns_nothing_known, {}, "unknown-response"),
        (returns_a_response, {}, "unknown-response"),
        (returns_anything, {}, "anything"),
        (returns_bag, {}, "anything"),
        (bare_parameter, {}, "undescribed-parameter"),
        (reads_body, {}, "body-of-get"),
        (raises, {}, "undocumented-status"),
        (raises_by_name, {}, "undocumented-status"),
        (guarded, {}, "undocumented-status"),
        (operation(responses={410: Item})(raises_what_is_other_than_documented), {}, "unlike-problem"),
        (operation(responses={410: None})(raises_other_than_nothing), {}, "unlike-problem"),
        (behind_token, {}, "undocumented-security"),
        (behind_headers, {}, "undocumented-security"),
        (reads_token_itself, {}, "undocumented-security"),
    ],
)
def test_what_is_missing_is_a_warning(handler: Callable[..., object], options: dict[str, Any], code: str) -> None:
    assert codes(handler, **options) == {code}


@pytest.mark.parametrize(
    "handler",
    [
        good,
        returns_a_file,
        moves,
        returns_table,
        operation(responses={410: HTTPError})(raises_what_is_documented),
        operation(responses={"4XX": {"description": "No."}})(raises_what_is_documented),
        operation(responses={410: {"content": {"*/*": {}}}})(raises_what_is_documented),
        raises_inside_another,
        guarded_by_one_that_tells,
        behind_bearer,
    ],
)
def test_what_is_well_described_is_no_warning(handler: Callable[..., object]) -> None:
    assert findings(handler) == []


def test_a_warning_says_where_and_what_to_do() -> None:
    (found,) = findings(guarded)

    assert found.place.startswith("GET / (")
    assert found.line.startswith("warning: GET / (")
    assert "guard raises 402 in line " in found.message
    assert found.message.endswith("give the dependency the attribute openapi = OpenAPIContribution(responses={402: HTTPError})")


def test_who_reads_the_header_authorization_is_named() -> None:
    (by_another,), (by_itself,) = findings(behind_token), findings(reads_token_itself)

    assert by_another.message.startswith("reads_token reads the header authorization, which the document does not have; give it the ")
    assert by_itself.message.startswith("reads_token_itself reads the header authorization, which the document does not have; read it in ")


def test_a_schema_that_allows_anything_is_told_with_its_place() -> None:
    (found,) = findings(returns_bag)

    assert (found.place, found.message) == ("#/components/schemas/Bag", "member 'inside' is anything; give it a type that has a schema")


def test_a_body_that_may_be_anything_is_told_too() -> None:
    async def take(value: Annotated[Any, velo_core.Body()]) -> Item:
        """Takes something."""
        return Item(str(value))

    (found,) = findings(take, method="POST")

    assert found.message.startswith("the body (application/json) is anything;")


def test_components_and_security_schemes_go_together() -> None:
    app, plugin = Velo(), OpenAPI(title="Shop")
    app.install(plugin)
    app.get("/")(good)
    app.add_openapi(
        OpenAPIContribution(
            security=({"basic": ()},),
            components={"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}, "headers": {"x-used": {}}},
        )
    )
    app.add_openapi(OpenAPIContribution(headers={"x-used": {"$ref": "#/components/headers/x-used"}}))
    found = {(one.code, one.place.partition(" (")[0]) for one in check(plugin.document(app), plugin.operations(app))}

    assert found == {("unknown-security-scheme", "GET /"), ("unused-component", "#/components/securitySchemes/bearer")}


def test_operations_without_success_are_told() -> None:
    @operation(extra={"responses": {"404": {"description": "Never."}}})
    async def never() -> None:
        """Never answers."""

    assert codes(never) == {"no-success"}


def test_routes_that_have_no_place_are_told() -> None:
    app, plugin = Velo(), OpenAPI(title="Shop")
    app.install(plugin)

    @app.get("/{number:int}")
    async def by_number(number: int) -> str:
        """Shows one by number."""
        return str(number)

    @app.get("/{word}")
    async def by_word(word: str) -> str:
        """Shows one by word."""
        return word

    assert "not-in-document" in {one.code for one in check(plugin.document(app), plugin.operations(app))}


def test_each_rule_is_broken_by_a_test_above() -> None:
    source = Path(__file__).read_text(encoding="utf-8")

    assert [code for code in RULES if f'"{code}"' not in source] == []
