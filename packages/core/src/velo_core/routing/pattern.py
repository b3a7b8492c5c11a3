"""Patterns: `/users/{id:int}` as segments, and paths made of values.

A pattern is written as text that is already decoded: `/caffè`, not `/caff%C3%A8`. What is between two slashes is a segment; a segment
is literal text with parameters in it, `{name}` or `{name:converter}`. A brace that is meant literally is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from velo_core.errors import SetupError, VeloError
from velo_core.later import later
from velo_core.percent import quote
from velo_core.routing.converters import CATCH_ALL, NO_MATCH, Converter

__all__ = ["PCHAR", "Parameter", "PathBuildError", "Pattern", "Segment", "is_text", "join", "parse"]

_TOKEN: Final = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<parameter>[^{}]*)\}|(?P<stray>[{}])|(?P<text>[^{}]+)")
_ALONE: Final = re.compile(r"\{[^{}]*\}")
_ANGLED: Final = later(r"/<(?:(?P<converter>\w+):)?(?P<name>[^\W\d]\w*)>(?=/|$)")
"""Parameters as other frameworks write them. No URL has angle brackets (RFC 3986 section 2), so nobody means them literally."""
_PERCENT_ENCODED: Final = later(r"%[0-9A-Fa-f]{2}")
_NOTEWORTHY: Final = re.compile(r"[^A-Za-z0-9_\-.~/{}:]")
"""What paths seldom have, and all that can be wrong with the text of one has."""
PCHAR: Final = "!$&'()*+,;=:@"
"""What RFC 3986 section 3.3 allows in a segment besides letters, digits and `-._~`, which `quote` keeps anyway."""
_DOT_SEGMENTS: Final = frozenset({".", ".."})
_MAX_ATTEMPTS: Final = 1_000
"""How often a parameter of one segment is tried on a part of the text, before the segment is taken not to match. Arbitrary, and far more
than a text needs that was not made for it: `{year:int}-{month:int}-{slug}` needs two for each hyphen."""


class PathBuildError(VeloError, ValueError):
    """The values given do not make a path: one is missing, unknown, or has no text that would be read as the same value."""

    code = "VELO_PATH_BUILD"


class Parameter(Struct, frozen=True):
    """One `{name:converter_name}` of a pattern."""

    name: str
    converter_name: str
    converter: Converter


class Segment(Struct, frozen=True):
    """What is between two slashes.

    Attributes:
        literals: The text before, between and after the parameters: one more than there are parameters.
        parameters: From left to right; never two without a text between them.
    """

    literals: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()

    @property
    def is_static(self) -> bool:
        """Whether there is no parameter."""
        return not self.parameters

    @property
    def is_compound(self) -> bool:
        """Whether there are parameters and literal text."""
        return bool(self.parameters) and any(self.literals)

    @property
    def is_catch_all(self) -> bool:
        """Whether the rest of the path belongs to this segment."""
        return bool(self.parameters) and not self.is_compound and self.parameters[0].converter.rank >= CATCH_ALL

    @property
    def converters(self) -> tuple[Converter, ...]:
        """The converters of the parameters. Segments with equal `literals` and `converters` are alike: they match the same texts."""
        return tuple([parameter.converter for parameter in self.parameters])

    @property
    def literal_lengths(self) -> tuple[int, int, int]:
        """The lengths of all literal text, of that at the beginning and of that at the end."""
        return sum(map(len, self.literals)), len(self.literals[0]), len(self.literals[-1])

    @property
    def order(self) -> tuple[object, ...]:
        """Sorts the segments with parameters that may stand at one place, the most specific first.

        Compound segments come before single parameters, and those by the rank of their converter. Among compound segments more literal
        text wins, then a longer beginning, then a longer end, then the ranks. What is left is decided by the literal text, so that the
        order in which routes were added never matters. Segments that are not alike and have equal keys are told apart by converters of
        the same rank, and nothing else.
        """
        ranks = tuple(converter.rank for converter in self.converters)
        if not self.is_compound:
            return (1, ranks)
        return (0, *(-length for length in self.literal_lengths), ranks, self.literals)

    def match(self, text: str) -> tuple[object, ...] | None:
        """The values of the parameters if `text`, percent-decoded, is an instance of this segment.

        Of several ways to divide the text, the first in which every part fits its converter is taken, where the first parameter has
        as much as possible, then the second, and so on: `{name}.{ext}` divides `a.tar.gz` into `a.tar` and `gz`,
        `{id:int}-{slug}` divides `7-of-9` into `7` and `of-9`.
        """
        before, after = self.literals[0], self.literals[-1]
        if not self.parameters:
            return () if text == before else None
        if len(text) <= len(before) + len(after) or not text.startswith(before) or not text.endswith(after):
            return None
        body = text[len(before) : len(text) - len(after)]
        if len(self.parameters) == 1:
            value = self.parameters[0].converter.parse(body)
            return None if value is NO_MATCH else (value,)
        return _divide(self, body)

    def build(self, values: Mapping[str, object]) -> str:
        """The segment with `values` in place of the parameters, percent-encoded.

        Raises:
            PathBuildError: a value does not fit, or the segment would be read as other values.
        """
        texts = [_format(parameter, values[parameter.name]) for parameter in self.parameters]
        text = self.literals[0] + "".join(part + literal for part, literal in zip(texts, self.literals[1:], strict=True))
        if not _DOT_SEGMENTS.isdisjoint(text.split("/") if self.is_catch_all else (text,)):
            raise PathBuildError(f"the path would have a segment `.` or `..`, which clients remove before they ask (from {text!r})")
        if len(self.parameters) > 1:
            wanted = tuple(parameter.converter.parse(part) for parameter, part in zip(self.parameters, texts, strict=True))
            if self.match(text) != wanted:
                names = ", ".join(parameter.name for parameter in self.parameters)
                raise PathBuildError(f"the values of {names} make {text!r}, which is read as other values")
        return quote(text, safe=PCHAR + "/" if self.is_catch_all else PCHAR)


class Pattern(Struct, frozen=True):
    """What `parse` makes of a text.

    Attributes:
        text: As it was written.
        segments: One for each `/`: `/` alone has one empty segment, the empty text has none.
        parameters: Those of all segments, in order. The values of a match come in this order.
    """

    text: str
    segments: tuple[Segment, ...]
    parameters: tuple[Parameter, ...]

    @property
    def is_static(self) -> bool:
        """Whether there is no parameter, so that exactly one path matches."""
        return not self.parameters

    @property
    def path(self) -> str:
        """The only path that a static pattern matches, decoded: its text without the doubled braces."""
        return "".join("/" + segment.literals[0] for segment in self.segments)

    def build(self, values: Mapping[str, object]) -> str:
        """The path that is read as `values`, percent-encoded (RFC 3986 section 3.3).

        `/` in a value becomes `%2F`, except in a catch-all.

        Args:
            values: One for each parameter, by name.

        Raises:
            PathBuildError: a value is missing, unknown or does not fit.
        """
        names = [parameter.name for parameter in self.parameters]
        if missing := [name for name in names if name not in values]:
            raise PathBuildError(f"a path for {self.text!r} needs a value for {', '.join(missing)}")
        if unknown := [name for name in values if name not in names]:
            raise PathBuildError(f"{self.text!r} has no parameter {', '.join(unknown)}; it has {', '.join(names) or 'none'}")
        try:
            return "".join("/" + segment.build(values) for segment in self.segments)
        except PathBuildError as error:
            raise PathBuildError(f"no path for {self.text!r}: {error}") from error


def parse(text: str, converters: Mapping[str, Converter]) -> Pattern:
    """The pattern that `text` describes.

    Args:
        text: Such as `/users/{id:int}`, `/files/{name}.{ext}`, `/static/{rest:path}`; `""` is the prefix of all paths.
        converters: By the name that patterns use, `CONVERTERS` and the user's own. `str` is the one of `{name}`.

    Raises:
        SetupError: `VELO_ROUTE_PATTERN`: the text has a mistake; the message says how to write it.
    """
    if not text:
        return Pattern(text, (), ())
    if not text.startswith("/"):
        raise _mistake(text, f"must begin with a slash: write {'/' + text!r}")
    _check_text(text)
    pieces = text[1:].split("/")
    segments = tuple([_segment(piece, text, converters) for piece in pieces])
    if "//" in text:
        raise _mistake(text, "has two slashes in a row, and slashes are never merged: write one")
    parameters = tuple([parameter for segment in segments for parameter in segment.parameters])
    if len(parameters) < 2 and (not parameters or segments[-1].parameters):  # nothing else can be wrong, which is so for most
        return Pattern(text, segments, parameters)
    if any(segment.is_catch_all for segment in segments[:-1]):
        raise _mistake(text, "goes on after a parameter that takes the rest of the path: put that one last")
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise _mistake(text, f"has more than one parameter {', '.join(twice)}: give each a name of its own")
    return Pattern(text, segments, parameters)


def join(prefix: str, path: str) -> str:
    """The text of the pattern `path` below `prefix`; either may be empty.

    Args:
        prefix: A slash at its end means nothing: `/api` and `/api/` are the same prefix.
        path: `""` for the prefix itself, `/` for the prefix and a slash.

    Raises:
        SetupError: `VELO_ROUTE_PATTERN`: one of them is not empty and does not begin with a slash.
    """
    for text in (prefix, path):
        if text and not text.startswith("/"):
            raise _mistake(text, f"must begin with a slash: write {'/' + text!r}")
    return prefix.removesuffix("/") + path


def is_text(text: str) -> bool:
    """Whether `text` can be part of a path that matches something: characters that UTF-8 has, without NUL and U+FFFD.

    Servers put U+FFFD (or lone surrogates) in place of bytes that are not UTF-8: different requests would become one.
    """
    if "\0" in text or "\ufffd" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mistake(text: str, problem: str) -> SetupError:
    return SetupError("VELO_ROUTE_PATTERN", f"the path {text!r} {problem}")


def _check_text(text: str) -> None:
    if not _NOTEWORTHY.search(text):
        return
    if mark := re.search("[?#]", text):
        raise _mistake(text, f"has a {mark[0]!r}, which ends the path of a URL: write the path alone")
    if encoded := _PERCENT_ENCODED.search(text):
        raise _mistake(text, f"has the percent-encoded text {encoded[0]!r}: write the character itself")
    if angled := _ANGLED.search(text):
        written = f"{{{angled['name']}:{angled['converter']}}}" if angled["converter"] else f"{{{angled['name']}}}"
        raise _mistake(text, f"has the segment {angled[0][1:]!r}: write {written} for a parameter")
    if not is_text(text):
        raise _mistake(text, "has a NUL, a U+FFFD or a lone surrogate, and no request with one of them is matched: leave it out")


def _segment(piece: str, text: str, converters: Mapping[str, Converter]) -> Segment:
    if "{" not in piece and "}" not in piece and piece not in _DOT_SEGMENTS:  # this and the next are nearly all there are
        return Segment((piece,))
    if piece.startswith("{") and _ALONE.fullmatch(piece):
        return Segment(("", ""), (_parameter(piece[1:-1], text, converters),))
    literals, parameters = [""], list[Parameter]()
    for token in _TOKEN.finditer(piece):
        if token["stray"]:
            raise _mistake(text, f"has a {token['stray']!r} without its partner: write {{name}} for a parameter, {{{{ or }}}} for a brace")
        if token["parameter"] is None:
            literals[-1] += token["text"] or token["brace"][0]
            continue
        if parameters and not literals[-1]:
            raise _mistake(text, f"has nothing between the parameters {parameters[-1].name} and {token['parameter']}: put a text there")
        parameters.append(_parameter(token["parameter"], text, converters))
        literals.append("")
    if piece in _DOT_SEGMENTS:
        raise _mistake(text, f"has a segment {piece!r}, which clients remove before they ask: write the path that it leads to")
    if any(literals) and any(parameter.converter.rank >= CATCH_ALL for parameter in parameters):
        raise _mistake(text, f"has more than a parameter in {piece!r}, but one that takes the rest of the path must stand alone")
    return Segment(tuple(literals), tuple(parameters))


def _parameter(content: str, text: str, converters: Mapping[str, Converter]) -> Parameter:
    name, colon, converter_name = content.partition(":")
    if not name.isidentifier():
        named = f"a parameter with the name {name!r}" if name else "a parameter without a name"
        raise _mistake(text, f"has {named}: write letters, digits and underscores, such as {{user_id}} or {{user_id:int}}")
    if not colon:
        converter_name = "str"
    if converter_name not in converters:
        known = ", ".join(sorted(converters))
        raise _mistake(text, f"asks for a converter {converter_name!r} in {{{content}}}: there are {known}")
    return Parameter(name, converter_name, converters[converter_name])


def _format(parameter: Parameter, value: object) -> str:
    try:
        text = parameter.converter.format(value)
    except (TypeError, ValueError) as error:
        raise PathBuildError(f"{value!r} is no value for {parameter.name} ({parameter.converter_name}): {error}") from error
    if not text or not is_text(text) or parameter.converter.parse(text) is NO_MATCH:
        raise PathBuildError(f"{value!r} is no value for {parameter.name} ({parameter.converter_name}): {text!r} would not be matched")
    return text


def _divide(segment: Segment, body: str) -> tuple[object, ...] | None:
    """The values of several parameters that share `body` with the literals between them.

    Each parameter ends as late as leaves room for what is to come; when one does not fit, it is made shorter, and when it cannot be, the
    one before it is. So a text without typed parameters is divided at once, and for others `_MAX_ATTEMPTS` sees to it that a text made
    to be taken back often costs little. One loop, because recursion took half as long again.
    """
    parameters, literals = segment.parameters, segment.literals
    last = len(parameters) - 1
    latest = [len(body)] * len(parameters)
    for number in range(last, 0, -1):
        latest[number - 1] = body.rfind(literals[number], 1, latest[number] - 1)
        if latest[number - 1] < 0:
            return None
    number, starts, end, values = 0, [0], latest[0], list[object]()
    for _ in range(_MAX_ATTEMPTS):
        value = parameters[number].converter.parse(body[starts[number] : end])
        if value is not NO_MATCH:
            values.append(value)
            if number == last:
                return tuple(values)
            number += 1
            starts.append(end + len(literals[number]))
            end = latest[number]
            continue
        end = -1 if number == last else body.rfind(literals[number + 1], starts[number] + 1, end + len(literals[number + 1]) - 1)
        while end < 0:
            if number == 0:
                return None
            number -= 1
            values.pop()
            separator = literals[number + 1]
            end = body.rfind(separator, starts[number] + 1, starts.pop() - 1)
    return None
