"""What schemathesis has to know besides the document: media types and formats that it has not, and what no schema can say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
import schemathesis
from hypothesis import strategies as st

DATA = 10
"""Characters of the text that `/places/query-types` reads as so many bytes."""

# Its own annotations are not complete.
hook = cast("Callable[[Callable[..., Any]], Callable[..., Any]]", schemathesis.hook)  # pyright: ignore[reportUnknownMemberType]: see above

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
    """Writes lines of one kind, for no schema says what may be in a name; and what is no line, for what is no mapping of texts."""
    is_mapping = isinstance(value, dict) and all(isinstance(one, str) for one in cast("dict[str, object]", value).values())
    return b"name: value\n" if is_mapping else b"no line\n"


@hook
def before_load_schema(ctx: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Has no operation on other hosts: their names resolve to nothing here, so `schemathesis.toml` gives them in the `Host` header."""
    for item in raw_schema["paths"].values():
        for operation in item.values():
            operation.pop("servers", None)


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
    """Leaves out what no schema can tell.

    A form has no other way to write a list of one than to write that one. And bytes in a query have a length of their own, which is more
    than that of the text if there are characters beyond ASCII.
    """
    if case.media_type == "application/x-www-form-urlencoded" and isinstance(case.body, dict):
        return isinstance(cast("dict[str, Any]", case.body).get("topic", []), list)
    data = case.query.get("data") if case.path == "/places/query-types" else None
    return not isinstance(data, str) or data.isascii() or len(data) > DATA
