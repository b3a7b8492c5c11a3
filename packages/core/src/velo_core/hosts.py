"""Which of several sites a host belongs to.

A host is read like a path, from its end: `{tenant}.example.com` is the pattern `/com/example/{tenant}`, so converters, labels with text
around a parameter, and the order of specificity are those of paths. No text of a pattern becomes a regular expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, TypeVar

from msgspec.structs import replace

from velo_core.errors import SetupError
from velo_core.later import later
from velo_core.parsing.host import parse_host
from velo_core.routing import Converter, PathBuildError, Pattern, parse

__all__ = ["Hosts", "build_host", "by_host", "parse_host_pattern"]

T = TypeVar("T")

_PARTS: Final = later(r"\{[^{}]*\}|[^{}]+|[{}]")


def parse_host_pattern(text: str, converters: Mapping[str, Converter]) -> Pattern:
    """The pattern of the hosts that `text` describes; its segments are the labels, the last one first.

    Args:
        text: Such as `api.example.com` or `{tenant}.example.com`. Upper and lower case are the same, and there is no port.
        converters: By the name that patterns use.

    Raises:
        SetupError: `VELO_ROUTE_HOST`: the text has a mistake; the message says how to write it.
    """
    parts = [part if part.startswith("{") else part.lower() for part in _PARTS.findall(text)]
    example = parse_host("".join("x" if part.startswith("{") else part for part in parts))
    if "*" in text:
        raise _mistake(text, "has a '*': write a parameter, such as '{tenant}.example.com'")
    if example is None or text.endswith("."):
        raise _mistake(text, "is none: write a name such as 'api.example.com' or '{tenant}.example.com'")
    if example[1] is not None or text.endswith(":"):
        raise _mistake(text, "has a port, and ports do not count: leave it out")
    try:
        pattern = parse("/" + "/".join(reversed(_labels("".join(parts)))), converters)
    except SetupError as error:
        raise _mistake(text, f"cannot be read: {error.problems[0].message}") from error
    if any(segment.is_catch_all for segment in pattern.segments):
        raise _mistake(text, "has a parameter for more than one label: write one for each")
    return replace(pattern, text=text)


def build_host(pattern: Pattern, values: Mapping[str, object]) -> str:
    """The host that is read as `values`.

    Raises:
        PathBuildError: a value is missing, unknown, or makes no host that would be read as that.
    """
    if pattern.is_static:
        pattern.build(values)
        return _host(pattern)
    labels = pattern.build(values)[1:].split("/")
    host = ".".join(reversed(labels))
    if parse_host(host) is None or len(host.split(".")) != len(pattern.segments):
        raise PathBuildError(f"{host!r} is no host of {pattern.text!r}: a value is to be letters, digits, hyphens and underscores")
    return host


def _labels(host: str) -> list[str]:
    """The labels; an IPv6 address is one, and so is a name without a dot. The name of a converter may have a dot in it, too."""
    if host.startswith("["):
        return [host]
    labels = [""]
    for part in _PARTS.findall(host):
        first, *more = [part] if part.startswith("{") else part.split(".")
        labels[-1] += first
        labels += more
    return labels


def _mistake(text: str, problem: str) -> SetupError:
    return SetupError("VELO_ROUTE_HOST", f"the host {text!r} {problem}")


class Hosts(Generic[T]):
    """Values by the pattern of a host. Add everything, then look up."""

    def __init__(self) -> None:
        self._static: dict[str, T] = {}
        self._others: list[tuple[Pattern, T]] = []

    def get(self, pattern: Pattern) -> T | None:
        """The value of exactly this pattern, or of one that differs by the names of its parameters."""
        if pattern.is_static:
            return self._static.get(_host(pattern))
        return next((value for known, value in self._others if _key(known) == _key(pattern)), None)

    def add(self, pattern: Pattern, value: T) -> None:
        """Adds a value; there must be none for this pattern yet."""
        if pattern.is_static:
            self._static[_host(pattern)] = value
            return
        self._others.append((pattern, value))
        self._others.sort(key=lambda other: [(1, segment.order) if segment.parameters else (0, ()) for segment in other[0].segments])

    def find(self, host: str) -> list[tuple[T, tuple[object, ...]]]:
        """The values of all patterns that match, the most specific first, with the values of their parameters.

        One look-up for those without parameters; the others are tried one by one, for an application has few of them.

        Args:
            host: As `parse_host` gives it. A dot at its end means nothing here.
        """
        host = host.removesuffix(".")
        static = self._static.get(host)
        found: list[tuple[T, tuple[object, ...]]] = [] if static is None else [(static, ())]
        labels = [host] if host.startswith("[") else host.split(".")[::-1]
        for pattern, value in self._others:
            values = _match(pattern, labels)
            if values is not None:
                found.append((value, values))
        return found


def by_host(things: Iterable[T], host_of: Callable[[T], Pattern | None]) -> tuple[list[T], list[tuple[Pattern, list[T]]]]:
    """The things that are for all hosts, and those of each host, in their order."""
    everywhere: list[T] = []
    hosts: Hosts[list[T]] = Hosts()
    groups: list[tuple[Pattern, list[T]]] = []
    for thing in things:
        host = host_of(thing)
        members = everywhere if host is None else hosts.get(host)
        if members is None and host is not None:
            members = list[T]()
            hosts.add(host, members)
            groups.append((host, members))
        (everywhere if members is None else members).append(thing)
    return everywhere, groups


def _host(pattern: Pattern) -> str:
    return ".".join(segment.literals[0] for segment in reversed(pattern.segments))


def _key(pattern: Pattern) -> object:
    return [(segment.literals, segment.converters) for segment in pattern.segments]


def _match(pattern: Pattern, labels: list[str]) -> tuple[object, ...] | None:
    if len(labels) != len(pattern.segments):
        return None
    found: tuple[object, ...] = ()
    for segment, label in zip(pattern.segments, labels, strict=True):
        values = segment.match(label)
        if values is None:
            return None
        found += values
    return found
