"""What is left of the registration when the application starts: plans in their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from velo_core.routing import Fallback, Pattern, Table, TrailingSlash
from velo_core.slots import SlotScope

if TYPE_CHECKING:
    from velo_core.contributions import HealthCheck
    from velo_core.inheritance import Inherited
    from velo_core.json import JSONCodec
    from velo_core.mounting import Mount
    from velo_core.open_sockets import OpenSockets
    from velo_core.plan import Plan
    from velo_core.plugin import Ready
    from velo_core.route import Route
    from velo_core.scope import Container
    from velo_core.threads import ThreadPool
    from velo_core.versioning import Versioning

__all__ = ["Covered", "Entry", "Frozen", "Info", "Mounted", "Places", "Settings", "by_host", "by_name"]


class Mounted(Struct, frozen=True):
    """A route in its place.

    Attributes:
        route: What the user declared.
        pattern: The whole path.
        inherited: What lies above it.
        name: The whole name.
        host: The hosts that it is for; all if `None`.
        version: The version of the API that it belongs to, if it has versions.
    """

    route: Route
    pattern: Pattern
    inherited: Inherited
    name: str
    host: Pattern | None = None
    version: str | None = None

    @property
    def place(self) -> str:
        """Host, if it is for one, and path, as they were written."""
        return self.pattern.text if self.host is None else self.host.text + self.pattern.text


class Entry(Struct, frozen=True):
    """A plan in its place.

    Attributes:
        method: What it serves.
        pattern: The whole path.
        plan: What runs.
        trailing_slash: What becomes of the path with a slash more or less at its end.
        host: The hosts that it is for; all if `None`.
        version: The version that a request has to ask for; `None` if that does not matter, or is said by the path.
    """

    method: str
    pattern: Pattern
    plan: Plan
    trailing_slash: TrailingSlash
    host: Pattern | None = None
    version: str | None = None


class Covered(Struct, frozen=True):
    """What answers below the prefix of a router where no route does.

    Attributes:
        prefix: The whole prefix.
        fallback: What answers.
        host: The hosts that it is for; all if `None`.
    """

    prefix: Pattern
    fallback: Fallback[Plan]
    host: Pattern | None = None


class Places(Struct, frozen=True):
    """The plans in tables, by version; under `None` what is no version's.

    Attributes:
        everywhere: What is for all hosts.
        hosts: What is for some of them.
        elsewhere: What tables of `hosts` have, by identity, where nothing of these hosts answers.
    """

    everywhere: Mapping[str | None, Table[Plan]]
    hosts: tuple[tuple[Pattern, Mapping[str | None, Table[Plan]]], ...]
    elsewhere: Fallback[Plan] | None


class Info(Struct, frozen=True):
    """What requests tell of their route; see `RouteInfo`."""

    path: str
    name: str | None
    parameters: tuple[str, ...]
    max_content_length: int
    url_for: Callable[..., str]
    host_for: Callable[[str, Mapping[str, object]], str | None]
    json_codec: JSONCodec
    slots: SlotScope
    version: str | None = None


class Frozen(Struct, frozen=True):
    """What is left of the registration when the application starts.

    Attributes:
        routes: In the order of registration.
        plans: One for each route and method.
        fallbacks: For each prefix, what answers where no route does.
        places: Both in their tables.
        names: The routes by name.
        bad_host: Answers requests that do not name a host, where routes depend on that.
        bad_version: Answers requests that name no version or one that there is not, where routes depend on that.
        versions: Those that requests have to ask for.
        plugins: In the order of installation.
        overrides: Those that the plans were made with.
        container: What lives as long as the application.
        mounts: What is mounted, and where.
        health_checks: Of all routers.
    """

    routes: tuple[Mounted, ...]
    plans: tuple[Entry, ...]
    fallbacks: tuple[Covered, ...]
    places: Places
    names: Mapping[str, Sequence[Mounted]]
    bad_host: Plan
    bad_version: Plan
    versions: tuple[str, ...]
    plugins: tuple[Ready, ...]
    overrides: Mapping[Callable[..., object], Callable[..., object]]
    container: Container
    mounts: tuple[tuple[Mount, str], ...]
    health_checks: tuple[HealthCheck, ...]


class Settings(Struct, frozen=True):
    """What the application says about all of its routes.

    Attributes:
        debug: Whether a 500 tells its traceback.
        overrides: Functions to call in place of others.
        pools: Threads, by name.
        validate_responses: Whether results are checked against all that their types say.
        url_for: The path of a route by its name.
        host_for: Its host.
        sockets: The conversations that the application is in.
        versioning: Where requests name the version that they want.
    """

    debug: bool
    overrides: Mapping[Callable[..., object], Callable[..., object]]
    pools: Mapping[str, ThreadPool]
    validate_responses: bool
    url_for: Callable[..., str]
    host_for: Callable[[str, Mapping[str, object]], str | None]
    sockets: OpenSockets
    versioning: Versioning | None = None


def by_name(routes: Sequence[Mounted]) -> dict[str, list[Mounted]]:
    """The routes by name; one that has a version also by `name@version`."""
    names: dict[str, list[Mounted]] = {}
    for mounted in routes:
        for name in (mounted.name, *(() if mounted.version is None else (f"{mounted.name}@{mounted.version}",))):
            names.setdefault(name, []).append(mounted)
    return names


def by_host(placed: Sequence[Entry | Covered]) -> tuple[list[Entry | Covered], list[tuple[Pattern, list[Entry | Covered]]]]:
    """What is for all hosts, and what is for each host, in their order."""
    if not any(one.host for one in placed):  # as in most applications, which do not need what knows hosts
        return list(placed), []
    from velo_core.hosts import by_host

    return by_host(placed, lambda one: one.host)
