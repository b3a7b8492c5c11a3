"""What routers say of themselves: health checks, and what goes into OpenAPI documents."""

from __future__ import annotations

import re
from typing import Any

import pytest

from velo_core import Depends, OpenAPIContribution, Router, SetupError, Velo, openapi_of


async def fine() -> None:
    """Works."""


def test_health_checks_are_listed_with_the_router_they_are_on() -> None:
    app, admin = Velo(), Router("/admin")
    app.add_health_check("database", fine, timeout_seconds=2)
    admin.add_health_check("database", fine, critical=False)
    app.include(admin)

    first, second = app.health_checks

    assert (first.name, first.check, first.critical, first.timeout_seconds) == ("database", fine, True, 2)
    assert (second.name, second.critical, second.timeout_seconds) == ("/admin: database", False, 5)
    assert "test_contributions.py:" in first.place


def test_two_health_checks_of_one_name_on_one_router_are_refused() -> None:
    app = Velo()
    app.add_health_check("database", fine)

    with pytest.raises(SetupError, match=r"the health check 'database' is added twice to one router, at .* and at ") as caught:
        app.add_health_check("database", fine)
    assert caught.value.code == "VELO_HEALTH_CHECK_DUPLICATE"


def test_openapi_contributions_hold_for_a_router_and_those_below() -> None:
    refused = OpenAPIContribution(responses={"429": {"description": "Too many requests"}})
    secured = OpenAPIContribution(security=({"bearer": ()},), components={"securitySchemes": {"bearer": {"type": "http"}}})
    app, admin = Velo(), Router("/admin")
    app.add_openapi(refused)
    admin.add_openapi(secured)
    for router in (app, admin):
        router.get("/x")(fine)
    app.include(admin)

    assert [route.inherited.openapi for route in app.routes] == [(refused,), (refused, secured)]


def test_a_dependency_can_say_what_it_adds_to_the_document() -> None:
    class Guard:
        openapi = OpenAPIContribution(security=({"key": ()},))

        async def __call__(self) -> None:
            """Lets all pass."""

    guard = Guard()

    assert openapi_of(guard) is Guard.openapi
    assert openapi_of(fine) is None
    Depends(guard)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"security": {"key": []}}, "`security` takes a tuple of objects, "),
        ({"security": [{"key": "read"}]}, "the scopes of each scheme as a tuple"),
        ({"responses": {"429": "Too many"}}, "`responses` takes objects by name, "),
        ({"components": {"securitySchemes": ["key"]}}, "`components` takes objects by name, "),
        ({"parameters": [{"name": "x-key"}]}, "`parameters` takes a tuple of objects, "),
        ({"tags": [{"description": "Tea."}]}, "`tags` takes a tuple of objects, "),
        ({"headers": {"x": {"schema": {"default": object()}}}}, "`headers` has no form in JSON: "),
    ],
)
def test_a_contribution_that_no_document_can_have_is_refused_where_it_is_made(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SetupError, match=re.escape(said)) as caught:
        OpenAPIContribution(**given)
    assert caught.value.code == "VELO_OPENAPI_CONTRIBUTION"
    assert len(caught.value.problems) == 1
