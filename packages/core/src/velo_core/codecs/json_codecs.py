"""Other JSON codecs than msgspec's: the same JSON, as strict, whoever reads and writes it."""

from __future__ import annotations

from math import isfinite
from typing import Any, cast

from velo_core.errors import SetupError
from velo_core.json import malformed

__all__ = ["OrjsonJSON", "StdlibJSON"]


class OrjsonJSON:
    """orjson, with the extra `velo-core[orjson]`. Integers beyond 64 bits cannot be written, and are read as `float`.

    Args:
        option: Of `orjson.dumps`, such as `orjson.OPT_SORT_KEYS`.

    Raises:
        SetupError: orjson is not installed.
    """

    media_type: str = "application/json"

    def __init__(self, option: int | None = None) -> None:
        try:
            import orjson
        except ImportError as error:
            raise SetupError("VELO_EXTRA", "OrjsonJSON needs orjson; install velo-core[orjson]") from error
        self._dumps, self._loads, self._option = orjson.dumps, orjson.loads, option

    def encode(self, value: object) -> bytes:
        """UTF-8 JSON text of `value`; NaN and infinities are written as `null`."""
        return self._dumps(value, None, self._option)

    def decode(self, body: bytes) -> object:
        """See `JSONCodec.decode`."""
        try:
            return self._loads(body)
        except ValueError as error:
            raise malformed(str(error)) from None


class StdlibJSON:
    """Python's own `json`, made as strict as the others. Slower; for what only it has.

    Args:
        options: Of `json.JSONEncoder`, such as `indent=2` or `sort_keys=True`.
    """

    media_type: str = "application/json"

    def __init__(self, **options: Any) -> None:
        import json  # only where it is asked for

        separators = (",", ":") if options.get("indent") is None else (",", ": ")
        settings: dict[str, Any] = {"ensure_ascii": False, "separators": separators, "allow_nan": False, **options}
        self._encoder = json.JSONEncoder(**settings)
        self._decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)

    def encode(self, value: object) -> bytes:
        """UTF-8 JSON text of `value`; NaN and infinities are written as `null`."""
        try:
            text = self._encoder.encode(value)
        except ValueError:
            text = self._encoder.encode(_without_nan(value))
        return text.encode()

    def decode(self, body: bytes) -> object:
        """See `JSONCodec.decode`."""
        try:
            value = self._decoder.decode(body.decode())
            if b"\\u" in body:
                _only_unicode(value)
        except RecursionError:
            raise malformed("it nests too deep") from None
        except ValueError as error:
            raise malformed(str(error)) from None
        return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("Number out of range")
    return number


def _only_unicode(value: object) -> None:
    """Raises `ValueError` for half of a surrogate pair, which no text in UTF-8 can have."""
    import json

    json.dumps(value, ensure_ascii=False).encode()


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in cast("list[object]", value)]
    return value
