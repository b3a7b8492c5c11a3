"""From the plans of an application to what an adapter asks: one table or, where more than the path decides, several.

A table is asked for a method and a path, and that is all that most applications need. Where routes belong to hosts, or to versions that are
named by a header, there is a table for each, and which of them to ask is known when the request is there. So the adapter is given a
`Selector`, a table that finds itself: what it finds runs with the request at hand, looks at host and version and asks the tables. An
application without such routes never meets one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from msgspec import Struct

from velo_core.frozen import Frozen
from velo_core.parsing.host import parse_host
from velo_core.placing import place
from velo_core.plan import Plan, Run
from velo_core.request import Adapter
from velo_core.routing import Fallback, Table

if TYPE_CHECKING:
    from velo_core.hosts import Hosts
    from velo_core.versioning import Versioning

__all__ = ["Selector", "table_of"]

Values: TypeAlias = tuple[object, ...]
Compile: TypeAlias = Callable[[str, Plan], Run]

Found: TypeAlias = tuple[Run, Values, str]
"""What runs, its values, and whether it is a route or a miss of some kind."""

_ROUTE = "route"
_REDIRECT = "redirect"
_OTHER_METHOD = "other method"
_NOT_FOUND = "not found"
_ELSEWHERE = "elsewhere"
_MISSES = (_REDIRECT, _OTHER_METHOD, _NOT_FOUND, _ELSEWHERE)
"""What it means that a table has found no route, the best news first."""


class Site(Struct, frozen=True):
    """The routes of one host, or those of all hosts.

    Attributes:
        tables: What serves each path there, by version; under `None` what is no version's.
        misses: What the tables find where nothing is served, by identity, and what that means.
    """

    tables: Mapping[str | None, Table[Run]]
    misses: Mapping[int, str]


def table_of(frozen: Frozen, run: Compile, adapter: Adapter, versioning: Versioning | None) -> Table[Run]:
    """What an adapter asks.

    Args:
        frozen: The application.
        run: Makes of a method, or of none, and a plan what runs on the protocol.
        adapter: How the protocol is read.
        versioning: Where requests name the version that they want.
    """
    places = frozen.places
    if adapter.channel is not None:
        places, _ = place([entry for entry in frozen.plans if entry.plan.socket is not None], frozen.fallbacks, frozen.versions)
    everywhere = _site(places.everywhere, run, None)
    if not places.hosts and not frozen.versions:
        return everywhere.tables[None]
    from velo_core.hosts import Hosts

    hosts: Hosts[Site] = Hosts()
    for host, tables in places.hosts:
        hosts.add(host, _site(tables, run, places.elsewhere))
    refusals = run("", frozen.bad_host), run("", frozen.bad_version)
    return Selector(
        hosts if places.hosts else None, everywhere, versioning if frozen.versions else None, frozen.versions, refusals, adapter
    )


class Selector(Table[Run]):
    """A table that finds itself: what it finds is what looks at host and version and asks the table of these.

    The most specific host that has a route for the method and the path serves it, and routes for all hosts come last.

    Args:
        hosts: What there is for each host; `None` if hosts do not matter.
        everywhere: What there is for all of them.
        versioning: Where requests name the version that they want; `None` if versions do not matter.
        versions: Those that there are.
        refusals: What answers a request that does not name a host, and one that does not name a version.
        adapter: How the protocol is read.
    """

    def __init__(
        self,
        hosts: Hosts[Site] | None,
        everywhere: Site,
        versioning: Versioning | None,
        versions: Sequence[str],
        refusals: tuple[Run, Run],
        adapter: Adapter,
    ) -> None:
        super().__init__()
        self._hosts = hosts
        self._everywhere = everywhere
        self._versioning = versioning
        self._versions = versions
        self._bad_host, self._bad_version = refusals
        self._adapter = adapter

    def search(self, method: str, path: str) -> tuple[Run, Values]:
        """See `Table.search`."""
        return self._serve, (method, path, False)

    def find_raw(self, method: str, raw_path: str) -> tuple[Run, Values]:
        """See `Table.find_raw`."""
        return self._serve, (method, raw_path, True)

    def _serve(self, scope: Any, receive: Any, send: Any, asked: Values) -> Coroutine[Any, Any, None]:
        method, path, is_raw = cast("tuple[str, str, bool]", asked)
        authority = "" if self._hosts is None else self._adapter.authority(scope) or ""
        run, values = self.find_at(authority, method, path, is_raw=is_raw, version=self._version(scope))
        return run(scope, receive, send, values)

    def find_at(self, authority: str, method: str, path: str, *, is_raw: bool, version: str | None = None) -> tuple[Run, Values]:
        """What serves a request.

        Args:
            authority: Host, and port if there is one, that it is for.
            method: Of the request.
            path: Of the request.
            is_raw: Whether the path is still encoded.
            version: That it asks for, if it does so.
        """
        sites: list[tuple[Site, Values]] = [(self._everywhere, ())]
        if self._hosts is not None:
            host = parse_host(authority)
            if host is None:
                return self._bad_host, ()
            sites = [*self._hosts.find(host[0]), *sites]
        known = version if version in self._versions else None
        run, values, kind = _choose(sites, known, method, path, is_raw=is_raw)
        if known is not None or kind == _ROUTE:
            return run, values
        in_versions = [_choose(sites, one, method, path, is_raw=is_raw) for one in self._versions]
        kinds = {kind for _, _, kind in in_versions}
        if method == "OPTIONS" and version is None and _OTHER_METHOD in kinds and _ROUTE not in kinds:
            # What asks for leave to send a request to another origin cannot carry the header that names its version.
            return _with_all_methods([miss for miss in in_versions if miss[2] == _OTHER_METHOD])
        if _ROUTE in kinds or (kind in (_NOT_FOUND, _ELSEWHERE) and not kinds <= {_NOT_FOUND, _ELSEWHERE}):
            return self._bad_version, (version,)
        return run, values

    def _version(self, scope: Any) -> str | None:
        """The version that a request asks for, or the one for requests that ask for none."""
        if self._versioning is None:
            return None
        adapter, headers = self._adapter, self._adapter.raw_headers(scope)
        asked = self._versioning.read(lambda name: adapter.find_all_headers(headers, adapter.header_key(name)), self._versions)
        return self._versioning.default if asked is None else asked


def _choose(sites: Sequence[tuple[Site, Values]], version: str | None, method: str, path: str, *, is_raw: bool) -> Found:
    """What the first table with a route for the request finds, or the best of what they have in its place."""
    missed: list[Found] = []
    for site, host_values in sites:
        table = site.tables[version]
        run, values = table.find_raw(method, path) if is_raw else table.find(method, path)
        kind = site.misses.get(id(run))
        if kind is None:
            return run, (*values, *host_values), _ROUTE
        missed.append((run, values, kind))
    run, values, kind = min(missed, key=lambda miss: _MISSES.index(miss[2]))
    if kind == _OTHER_METHOD:  # what one host allows, another one may add to
        run, values = _with_all_methods([miss for miss in missed if miss[2] == kind])
    return run, values, kind


def _with_all_methods(missed: Sequence[Found]) -> tuple[Run, Values]:
    """The first of the misses, with the methods that any of them has."""
    run, values, _ = missed[0]
    allowed = {name for _, found, _ in missed for name in cast("str", found[0]).split(", ")}
    return run, (", ".join(sorted(allowed)), *values[1:])


def _site(tables: Mapping[str | None, Table[Plan]], run: Compile, elsewhere: Fallback[Plan] | None) -> Site:
    """The tables with what runs in place of the plans."""
    misses: dict[int, str] = {}

    def fallback(plans: Fallback[Plan]) -> Fallback[Run]:
        made = Fallback(run("", plans.not_found), run("", plans.method_not_allowed), run("", plans.options), run("", plans.redirect))
        misses[id(made.not_found)] = _ELSEWHERE if plans is elsewhere else _NOT_FOUND
        misses[id(made.method_not_allowed)] = misses[id(made.options)] = _OTHER_METHOD
        misses[id(made.redirect)] = _REDIRECT
        return made

    return Site({version: table.mapped(run, fallback) for version, table in tables.items()}, misses)
