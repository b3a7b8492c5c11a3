"""Mistakes at registration that would otherwise be found by the first request, or by nobody."""

from typing import cast

import pytest

from velo_core import SetupError, Velo


async def handler() -> str:
    return ""


@pytest.mark.parametrize("name", ["get", "post", "delete", "route", "websocket"])
def test_a_decorator_without_parentheses_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match=r"handler \(.*test_registering\.py:\d+\) stands where the path belongs") as raised:
        getattr(Velo(), name)(handler)
    assert raised.value.code == "VELO_ROUTE_PATTERN"


def test_a_path_that_is_no_text_is_refused() -> None:
    with pytest.raises(SetupError, match="the path 7 is no text"):
        Velo().get(cast("str", 7))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("max_content_length", "1MB", "the max_content_length of handler .* is '1MB'; it has to be a number of bytes"),
        ("max_content_length", -1, "the max_content_length of handler .* is -1"),
        ("timeout_seconds", "5", "the timeout_seconds of handler .* is '5'; it has to be more than 0"),
    ],
)
def test_an_option_of_the_application_without_meaning_is_reported(option: str, value: object, message: str) -> None:
    app = Velo(**{option: value})  # pyright: ignore[reportArgumentType]: the mistake
    app.get("/")(handler)
    with pytest.raises(SetupError, match=message) as raised:
        app.freeze()
    assert [problem.code for problem in raised.value.problems] == ["VELO_ROUTE_OPTION"]


def test_a_status_that_is_text_is_reported() -> None:
    app = Velo()
    app.get("/", status_code=cast("int", "201"))(handler)
    with pytest.raises(SetupError, match="the status of a response is from 200 to 599, not '201'"):
        app.freeze()
