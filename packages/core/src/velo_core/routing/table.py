"""`Table`: what serves a method and a path, and what answers where nothing does."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import itemgetter
from typing import Final, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from velo_core.errors import SetupError
from velo_core.percent import quote, unquote_to_bytes
from velo_core.routing.converters import NO_MATCH
from velo_core.routing.pattern import PCHAR, Pattern, Segment, is_text
from velo_core.routing.tree import Answers, Clash, Parse, Tree, Values
from velo_core.types import WEBSOCKET, TrailingSlash

__all__ = ["Fallback", "Row", "Table"]

T = TypeVar("T")
U = TypeVar("U")

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MALFORMED: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_END: Final = Segment(("",))
"""What a slash at the end of a pattern adds."""
_ROOT: Final = Pattern("/", (_END,), ())
_PREFIX: Final = ""
"""Stands where the tree wants a method."""


class Fallback(Struct, Generic[T], frozen=True):
    """What answers below a prefix when no route does.

    Attributes:
        not_found: No pattern matches the path. Values: `()`.
        method_not_allowed: Patterns match, but not for the method. Values: `(allow,)`, the text of an `Allow` header. For GET and HEAD
            where only a websocket is: `(allow, "websocket")`.
        options: The same for `OPTIONS`. Values: `(allow,)`.
        redirect: The path with or without its last slash is served. Values: `(path,)`, percent-encoded, for `Location`.
    """

    not_found: T
    method_not_allowed: T
    options: T
    redirect: T


class Row(Struct, Generic[T], frozen=True):
    """What was added with one call of `Table.add`."""

    method: str
    pattern: Pattern
    value: T


class Table(Generic[T]):
    """What serves each method and path. Add everything, `freeze`, then look up, from any number of threads.

    Theory of operation: the tree knows every route. Before it stand two short cuts, which find what it would find, or nothing:

    1. Static paths in a dictionary, and for each its methods in another: two look-ups. A path that is there without the method is not
       missing yet: with `POST /users/me` and `GET /users/{id}`, `GET /users/me` is the second.
    2. Literal text and one parameter at the end, as in `/users/{id}`: one look-up for the text before the last slash. Most routes that
       are not static look like this: 0.50 us instead of 0.89 for them, and 0.15 more for the others (CPython 3.13.0, as in `tree`).

    And one that finds nothing: a path whose first two letters no route and no prefix begins with. What scanners ask for is mostly that, and
    two letters are there without taking the path apart (1 000 instructions of 4 800, and 250 more for those that are found behind it).

    What the tree does not find either is answered by the fallback of the longest prefix, unless a second tree knows that the path would be
    served with a slash more or less at its end. A slash that means nothing is no work at all: both paths are in the tree.
    """

    def __init__(self) -> None:
        self._tree: Tree[T] = Tree()
        self._redirects: Tree[T] = Tree()
        self._fallbacks: Tree[Fallback[T]] = Tree()
        self.static: dict[str, Answers[T]] = {}
        """What static paths have, by method: what `find` looks at first. Adapters may look there themselves, and nobody may change it."""
        self._last_places: dict[str, tuple[Parse, Answers[T]]] = {}
        self._rows: list[Row[T]] = []
        self._splits = 0
        self._prefixes: Collection[str] = ()
        self._beginnings: Collection[str] | None = None
        self._letters: Mapping[str, str] | None = None
        self._nowhere: tuple[T, Values] | None = None
        self._allow_anywhere = ""
        self._clashes: list[Clash[T]] | None = None

    @property
    def routes(self) -> tuple[Row[T], ...]:
        """All that was added, ordered by pattern and method."""
        return tuple(sorted(self._rows, key=lambda row: (row.pattern.text, row.method)))

    def add(self, method: str, pattern: Pattern, value: T, *, trailing_slash: TrailingSlash = TrailingSlash.STRICT) -> None:
        """Adds a route. One for `GET` also serves `HEAD`, unless there is one for `HEAD` with the same pattern.

        Args:
            method: Any token; upper and lower case are different (RFC 9110 section 9.1). `WEBSOCKET` for websockets.
            pattern: The empty one is the same as `/` (RFC 9110 section 4.2.3).
            value: What to find.
            trailing_slash: What becomes of the path with a slash more or less at its end.

        Raises:
            SetupError: `VELO_ROUTE_METHOD`: the method is not a token. `VELO_ROUTE_FROZEN`: the table is in use.
        """
        self._check_open(pattern)
        if not (_TOKEN.fullmatch(method) or method == WEBSOCKET):
            raise SetupError("VELO_ROUTE_METHOD", f"{method!r} cannot be the method of {pattern.text}: write a token such as 'GET'")
        self._rows.append(Row(method, pattern, value))
        placed = pattern if pattern.segments else _ROOT
        self._insert(placed, method, value, placed)
        twin = None if trailing_slash is TrailingSlash.STRICT else _other_slash(placed)
        if twin is not None and trailing_slash is TrailingSlash.IGNORE:
            self._insert(twin, method, value, placed)
        elif twin is not None:
            for served in ("GET", "HEAD") if method == "GET" else (method,):
                self._redirects.insert(twin, served, value, weak=True)

    def _insert(self, pattern: Pattern, method: str, value: T, declared: Pattern) -> None:
        answers = self._tree.insert(pattern, method, value, declared=declared, also="HEAD" if method == "GET" else "")
        if not pattern.parameters:
            self.static[pattern.path] = answers

    def add_fallback(self, prefix: Pattern, fallback: Fallback[T]) -> None:
        """Sets what answers at and below `prefix`, but for longer prefixes. Whole segments count: `/api` does not cover `/apiary`.

        Args:
            prefix: May have parameters; a slash at its end means nothing. The empty one covers all paths, and `*`.
            fallback: What answers there.

        Raises:
            SetupError: `VELO_ROUTE_PATTERN`: a parameter takes the rest of the path. `VELO_ROUTE_FROZEN`: the table is in use.
        """
        self._check_open(prefix)
        segments = prefix.segments[:-1] if prefix.segments[-1:] == (_END,) else prefix.segments
        if segments and segments[-1].is_catch_all:
            raise SetupError("VELO_ROUTE_PATTERN", f"the prefix {prefix.text!r} takes the rest of the path: end it before that parameter")
        self._fallbacks.insert(replace(prefix, segments=segments), _PREFIX, fallback)

    def freeze(self) -> list[Clash[T]]:
        """Makes the table ready. Returns what is wrong between routes: duplicates and ambiguities, and prefixes that cover the same paths.

        For two prefixes, `Clash.values` has their `not_found`, the code is `VELO_ROUTE_PREFIX`, and the first is in effect.
        """
        if self._clashes is None:
            self._clashes = _once(self._tree.freeze())
            self._redirects.freeze()
            for clash in self._fallbacks.freeze():
                message = f"the prefixes {clash.patterns[0].text!r} and {clash.patterns[1].text!r} cover the same paths"
                values = (clash.values[0].not_found, clash.values[1].not_found)
                self._clashes.append(Clash("VELO_ROUTE_PREFIX", message, _PREFIX, clash.patterns, values))
            methods = {row.method for row in self._rows} - {WEBSOCKET}
            self._allow_anywhere = _allow(methods | {"HEAD"} if "GET" in methods else methods)
            self._shorten()
        return list(self._clashes)

    def mapped(self, value: Callable[[str, T], U], fallback: Callable[[Fallback[T]], Fallback[U]]) -> Table[U]:
        """The same places with other values, frozen as this table is: what costs little beside adding everything again. Has no `routes`.

        Args:
            value: What is found in place of a value, from the method that finds it and the value. HEAD is asked for where GET is served.
            fallback: What answers in place of a fallback.

        Raises:
            SetupError: `VELO_ROUTE_FALLBACK`: `freeze` was not called.
        """
        if self._clashes is None:
            raise SetupError("VELO_ROUTE_FALLBACK", "the table was not frozen: call freeze() before mapped()")
        table: Table[U] = Table()
        table._tree, table._redirects = self._tree.mapped(value), self._redirects.mapped(value)
        table._fallbacks = self._fallbacks.mapped(lambda _, found: fallback(found))
        table.static = {path: table._tree.answers(path) for path in self.static}
        table._allow_anywhere, table._clashes = self._allow_anywhere, []
        table._shorten()
        return table

    def _shorten(self) -> None:
        """Prepares the short cuts."""
        self._last_places = self._tree.last_places()
        # One more than needed, so that the rest of a longer path, unsplit, is a segment too many.
        self._splits = max(self._tree.depth, self._redirects.depth, self._fallbacks.depth) + 1
        self._beginnings = self._tree.beginnings()
        everywhere = self._fallbacks.longest_prefix([""], _PREFIX)
        prefixes = self._fallbacks.beginnings()
        if everywhere is not None and prefixes is not None and not self._redirects.depth:
            # Nobody else can answer what no pattern matches and no prefix covers, so nobody has to look.
            self._nowhere, self._prefixes = (everywhere.not_found, ()), prefixes
            self._letters = None if self._beginnings is None else _letters((*self._beginnings, *prefixes))

    def find(self, method: str, path: str) -> tuple[T, Values]:
        """What answers a request, and its values: those of the path parameters for a route, else see `Fallback`.

        Args:
            method: As sent.
            path: Decoded, of a target that had no `%`; where a server keeps only the decoded path, that one.

        Raises:
            SetupError: `VELO_ROUTE_FALLBACK`: nothing matches, and there is no fallback for the path or `freeze` was not called.
        """
        answers = self.static.get(path)
        if answers is not None:
            answer = answers.get(method)
            if answer is not None:
                return answer
        return self.search(method, path)

    def search(self, method: str, path: str) -> tuple[T, Values]:
        """What `find` finds where `static` has nothing."""
        letters = self._letters
        if letters is not None:
            try:
                if path[2] not in letters.get(path[1], "") and self._nowhere is not None:
                    return self._nowhere
            except IndexError:  # `/`, `*`, and what is as short
                pass
        if "\0" in path or not (path.isascii() or is_text(path)):
            return self._fallback(path.split("/", self._splits)).not_found, ()
        beginning, _, text = path.rpartition("/")
        place = self._last_places.get(beginning)
        if place is not None and text:
            parse, answers = place
            value = parse(text)
            answer = answers.get(method)
            if value is not NO_MATCH and answer is not None:
                return answer[0], (value,)
        segments = path.split("/", self._splits)
        is_nowhere = self._nowhere is not None and len(segments) > 1 and segments[1] not in self._prefixes
        if is_nowhere and self._nowhere is not None and self._beginnings is not None and segments[1] not in self._beginnings:
            return self._nowhere  # what scanners ask for begins like nothing here, and the tree has not to be asked
        found = self._tree.find(method, segments)
        if found:
            return found
        if found is None and is_nowhere and self._nowhere is not None:
            return self._nowhere
        return self._miss(method, path, segments, other_methods=found is not None)

    def find_raw(self, method: str, raw_path: str) -> tuple[T, Values]:
        """The same for a path as it was sent. Each segment is decoded alone, so that a `%2F` does not end it.

        A path that is not UTF-8, has a `%` without two hexadecimal digits (RFC 3986 section 2.1) or a NUL matches nothing.

        Args:
            method: As sent.
            raw_path: Before percent-decoding, one character for each byte (latin-1), without query.

        Raises:
            SetupError: as for `find`.
        """
        segments = _decode(raw_path, self._splits)
        if segments is None:
            return self._fallback(raw_path.split("/", self._splits)).not_found, ()
        found = self._tree.find(method, segments)
        return found or self._miss(method, raw_path.encode("latin-1"), segments, other_methods=found is not None)

    def _check_open(self, pattern: Pattern) -> None:
        if self._clashes is not None:
            raise SetupError("VELO_ROUTE_FROZEN", f"{pattern.text!r} comes too late: the table is in use; add it before the start")

    def _miss(self, method: str, path: str | bytes, segments: list[str], *, other_methods: bool) -> tuple[T, Values]:
        """What answers where no route does. `path` is `bytes` if it is not decoded."""
        fallback = self._fallback(segments)
        if self._redirects.depth and self._redirects.find(method, segments):
            return fallback.redirect, (_location(path),)
        if other_methods and (methods := self._tree.methods(segments)):
            if WEBSOCKET in methods:
                methods = {*methods, "GET"} - {WEBSOCKET}  # that is how one is opened (RFC 6455 section 4.1)
                if method in ("GET", "HEAD"):
                    return fallback.method_not_allowed, (_allow(methods), "websocket")
            return fallback.options if method == "OPTIONS" else fallback.method_not_allowed, (_allow(methods),)
        if segments == ["*"] and method == "OPTIONS":  # for the server as a whole (RFC 9110 section 9.3.7)
            return fallback.options, (self._allow_anywhere,)
        return fallback.not_found, ()

    def _fallback(self, segments: list[str]) -> Fallback[T]:
        found = self._fallbacks.longest_prefix([""] if segments[0] else segments, _PREFIX)
        if found is None or self._clashes is None:
            state = "has no fallback" if self._clashes is not None else "was not frozen"
            raise SetupError(
                "VELO_ROUTE_FALLBACK", f"the table {state}: call add_fallback(parse('', {{}}), ...) and freeze() before find()"
            )
        return found


def _letters(beginnings: Iterable[str]) -> Mapping[str, str]:
    """What may stand second in a path below the root, by what stands first. An empty segment is never followed by another one."""
    letters: dict[str, str] = {}
    starts = {*map(itemgetter(slice(2)), beginnings)}  # not a loop of ours over all routes
    for start in filter(None, starts):
        letters[start[0]] = letters.get(start[0], "") + f"{start}/"[1]
    return letters


def _allow(methods: set[str]) -> str:
    return ", ".join(sorted(methods | {"OPTIONS"}))


def _decode(raw_path: str, splits: int) -> list[str] | None:
    """The segments, or `None` if the path matches nothing."""
    try:
        raw = raw_path.encode("latin-1")
        segments = [unquote_to_bytes(segment).decode() for segment in raw.split(b"/", splits)]
    except UnicodeError:
        return None
    return segments if is_text("".join(segments)) and not _MALFORMED.search(raw) else None


def _other_slash(pattern: Pattern) -> Pattern | None:
    """The pattern with a slash more or less at its end; none for `/`, nor for what takes the rest of the path."""
    segments = pattern.segments
    if segments[-1].is_catch_all or segments == (_END,):
        return None
    return replace(pattern, segments=segments[:-1] if segments[-1] == _END else (*segments, _END))


def _once(clashes: list[Clash[T]]) -> list[Clash[T]]:
    """The clashes without repetitions: two patterns that clash do so with and without a slash at their ends."""
    return list({(clash.code, clash.method, *(pattern.text for pattern in clash.patterns)): clash for clash in clashes}.values())


def _location(path: str | bytes) -> str:
    """The same as text for `Location`. It never begins with `//` (which would name another host): no pattern matches such a path.

    Percent-encoding also makes it one line, and keeps clients from reading a backslash as a slash.
    """
    encoded = quote(path, safe=PCHAR + "/") if isinstance(path, str) else quote(path, safe=PCHAR + "/%")
    return encoded[:-1] if encoded.endswith("/") else encoded + "/"
