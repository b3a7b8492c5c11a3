"""What schemathesis has to know besides the document: media types and formats that it has not, and what no schema can say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
import schemathesis
from hypothesis import strategies as st

# Its own annotations are not complete.
hook = cast("Callable[[Callable[..., Any]], Callable[..., Any]]", schemathesis.hook)  # pyright: ignore[reportUnknownMemberType]: see above

_moments = st.datetimes().map(lambda one: one.isoformat(timespec="seconds"))
schemathesis.openapi.format("date-time-local", _moments)
schemathesis.openapi.format("time-local", _moments.map(lambda one: one.partition("T")[2]))
schemathesis.openapi.format("decimal", st.decimals(-1000, 1000, places=2).map(str))
# Of ISO 8601, those without years, months and weeks, which have no length.
schemathesis.openapi.format("duration", st.integers(0, 1000).map(lambda one: f"P{one}D"))


@schemathesis.serializer("application/msgpack")
def pack(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """Writes MessagePack, whose integers have 64 bits."""
    return msgspec.msgpack.encode(_numbers(value, lambda one: float(one) if isinstance(one, int) and abs(one) >= 2**63 else one))


@schemathesis.deserializer("application/msgpack")
def unpack(ctx: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """Reads MessagePack."""
    return msgspec.msgpack.decode(response.content)


@schemathesis.serializer("text/x-lines")
def write_lines(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """Writes the lines of which this media type is, whose schema cannot say what is in a name: so it is always the same."""
    return b"name: value\n"


@hook
def before_call(ctx: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Writes integers without a fraction. `1.0` is an integer to JSON Schema, which cannot ask for `1`; Velo reads it as a float."""
    body = _numbers(case.body, lambda one: int(one) if isinstance(one, float) and one.is_integer() else one)
    if repr(body) != repr(case.body):  # what has been set is looked at anew
        case.body = body


def _numbers(value: Any, write: Callable[[float], float]) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(one, write) for key, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_numbers(one, write) for one in cast("list[Any]", value)]
    return write(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@hook
def filter_case(ctx: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Leaves out what is wrong only before it is written: a form has no other way to write a list of one than to write that one.

    A media type of our own has no negative form that its writer above would not make a valid one of.
    """
    if case.media_type == "application/x-www-form-urlencoded" and isinstance(case.body, dict):
        return isinstance(cast("dict[str, Any]", case.body).get("topic", []), list)
    return case.media_type != "text/x-lines" or case.meta is None or not case.meta.generation.mode.is_negative
