"""From what is registered to what runs: `freeze` walks the routers, makes a plan of each route, and collects everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast, get_args

from velo_core.answers import AnswerError, answers
from velo_core.binding import bind
from velo_core.codecs import Coding
from velo_core.contributions import HealthCheck
from velo_core.distributions import distribution_of
from velo_core.errors import HTTPError, Problem, SetupError, not_found, where
from velo_core.hosts import by_host, parse_host_pattern
from velo_core.inheritance import Included, Inherited, inherit
from velo_core.json import JSONCodec, MsgspecJSON
from velo_core.mounting import Mount
from velo_core.mounting.mount import METHODS
from velo_core.parsing import Origin
from velo_core.plan import Plan, Refusal, Served
from velo_core.plugin import Ready
from velo_core.request import Request
from velo_core.response import RedirectResponse, Response, check_status
from velo_core.results import result_of
from velo_core.route import Route
from velo_core.router import Router
from velo_core.routing import CONVERTERS, WEBSOCKET, Fallback, Parameter, Pattern, Segment, Table, TrailingSlash, join, parse
from velo_core.scope import Container, not_started
from velo_core.slots import SlotScope, not_declared
from velo_core.steps import Surroundings
from velo_core.threads import ThreadPool
from velo_core.watch import OnDisconnect
from velo_core.websocket import OpenSockets, SocketOptions, origins_of

__all__ = ["Covered", "Entry", "Freezer", "Frozen", "Mounted", "Settings", "as_started"]

JSON = MsgspecJSON()


@dataclass(frozen=True, slots=True)
class Mounted:
    """A route in its place.

    Attributes:
        route: What the user declared.
        pattern: The whole path.
        inherited: What lies above it.
        name: The whole name.
        host: The hosts that it is for; all if `None`.
    """

    route: Route
    pattern: Pattern
    inherited: Inherited
    name: str
    host: Pattern | None = None

    @property
    def place(self) -> str:
        """Host, if it is for one, and path, as they were written."""
        return self.pattern.text if self.host is None else self.host.text + self.pattern.text


@dataclass(frozen=True, slots=True)
class Entry:
    """A plan in its place.

    Attributes:
        method: What it serves.
        pattern: The whole path.
        plan: What runs.
        trailing_slash: What becomes of the path with a slash more or less at its end.
        host: The hosts that it is for; all if `None`.
    """

    method: str
    pattern: Pattern
    plan: Plan
    trailing_slash: TrailingSlash
    host: Pattern | None = None


@dataclass(frozen=True, slots=True)
class Covered:
    """What answers below the prefix of a router where no route does.

    Attributes:
        prefix: The whole prefix.
        fallback: What answers.
        host: The hosts that it is for; all if `None`.
    """

    prefix: Pattern
    fallback: Fallback[Plan]
    host: Pattern | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """What requests tell of their route; see `RouteInfo`."""

    path: str
    name: str | None
    parameters: tuple[str, ...]
    max_content_length: int
    url_for: Callable[..., str]
    host_for: Callable[[str, Mapping[str, object]], str | None]
    json_codec: JSONCodec
    slots: SlotScope


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is left of the registration when the application starts.

    Attributes:
        routes: In the order of registration.
        plans: One for each route and method.
        fallbacks: For each prefix, what answers where no route does.
        names: The routes by name.
        bad_host: Answers requests that do not name a host, where routes depend on that.
        plugins: In the order of installation.
        overrides: Those that the plans were made with.
        container: What lives as long as the application.
        mounts: What is mounted, and where.
        health_checks: Of all routers.
    """

    routes: tuple[Mounted, ...]
    plans: tuple[Entry, ...]
    fallbacks: tuple[Covered, ...]
    names: Mapping[str, Sequence[Mounted]]
    bad_host: Plan
    plugins: tuple[Ready, ...]
    overrides: Mapping[Callable[..., object], Callable[..., object]]
    container: Container
    mounts: tuple[tuple[Mount, str], ...]
    health_checks: tuple[HealthCheck, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the application says about all of its routes.

    Attributes:
        debug: Whether a 500 tells its traceback.
        overrides: Functions to call in place of others.
        pools: Threads, by name.
        validate_responses: Whether results are checked against all that their types say.
        url_for: The path of a route by its name.
        host_for: Its host.
        sockets: The conversations that the application is in.
    """

    debug: bool
    overrides: Mapping[Callable[..., object], Callable[..., object]]
    pools: Mapping[str, ThreadPool]
    validate_responses: bool
    url_for: Callable[..., str]
    host_for: Callable[[str, Mapping[str, object]], str | None]
    sockets: OpenSockets


class Freezer:
    """Turns what is registered into plans, and collects everything that is wrong with it. Lives as long as `freeze` runs."""

    def __init__(self, root: Router, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        self.problems: list[Problem] = []
        self.mounts: list[tuple[Mount, str]] = []
        self.surroundings = Surroundings(overrides=dict(settings.overrides), pools=settings.pools)

    def freeze(self, plugins: Sequence[Ready]) -> tuple[Frozen, list[Problem]]:
        """What runs, and what is wrong. Only without problems does the first mean anything."""
        routes: list[Mounted] = []
        plans: list[Entry] = []
        fallbacks: list[Covered] = []
        mounts: list[tuple[Mount, Inherited]] = []
        checks: dict[str, HealthCheck] = {}
        for included, inherited in self.routers():
            for check in included.router.own_health_checks.values():
                name = f"{inherited.prefix}: {check.name}" if inherited.prefix else check.name
                checks[name] = replace(check, name=name)
            self.check_slots(included.router, inherited)
            prefix = self.pattern(inherited.prefix, "", inherited, "a router")
            host = self.host(inherited.host, inherited, "a router")
            if prefix is not None and not any((prefix.text, host) == (known.prefix.text, known.host) for known in fallbacks):
                fallbacks.append(Covered(prefix, self.fallback(prefix, inherited), host))
            mounts += ((mount, inherited) for mount in included.router.own_mounts)
            for route in included.router.own_routes:
                self.route(route, inherited, routes, plans)
        for mount, inherited in mounts:  # at last, for they are looked up for every method that there is
            self.mount(mount, inherited, routes, plans, fallbacks)
        self.check_names(routes)
        self.check_tables(plans, fallbacks)
        container = Container(replace(self.surroundings, providers=self.root.own_providers), self.settings.pools)
        frozen = Frozen(
            tuple(routes),
            tuple(plans),
            tuple(fallbacks),
            _by_name(routes),
            self.refused("400", Refusal("bad_host", _bad_host)),
            tuple(plugins),
            self.surroundings.overrides,
            container,
            tuple(self.mounts),
            tuple(checks.values()),
        )
        return frozen, self.problems

    # Routers and routes.

    def routers(self) -> Iterator[tuple[Included, Inherited]]:
        """Every router in each of its places, parents first."""
        above = Inherited(converters=CONVERTERS)

        def below(included: Included, parent: Inherited) -> Iterator[tuple[Included, Inherited]]:
            try:
                inherited = inherit(parent, included)
            except SetupError as error:
                self.problems += error.problems
                return
            yield included, inherited
            for child in included.router.children:
                yield from below(child, inherited)

        yield from below(Included(self.root, "", ()), above)

    def pattern(self, prefix: str, path: str, inherited: Inherited, owner: str) -> Pattern | None:
        """The pattern, or a problem."""
        try:
            return parse(join(prefix, path), inherited.converters)
        except SetupError as error:
            self.problems += [Problem(one.code, f"{one.message} ({owner})") for one in error.problems]
            return None

    def host(self, text: str | None, inherited: Inherited, owner: str) -> Pattern | None:
        """The pattern of the hosts, if it is not for all of them, or a problem."""
        if text is None:
            return None
        try:
            return parse_host_pattern(text, inherited.converters)
        except SetupError as error:
            self.problems += [Problem(one.code, f"{one.message} ({owner})") for one in error.problems]
            return None

    def route(self, route: Route, inherited: Inherited, routes: list[Mounted], plans: list[Entry]) -> None:
        """Adds a route and its plans, or problems."""
        owner = f"{route.name}, {where(route.handler)}"
        pattern = self.pattern(inherited.prefix, route.path, inherited, owner)
        if pattern is None:
            return
        host = self.host(route.host or inherited.host, inherited, owner)
        mounted = Mounted(route, pattern, inherited, inherited.name + route.name, host)
        routes.append(mounted)
        timeout_seconds = inherited.timeout_seconds if route.timeout_seconds is None else route.timeout_seconds
        on_disconnect = route.on_disconnect or inherited.on_disconnect
        self.check_options(f"{route.name} ({where(route.handler)})", timeout_seconds, on_disconnect)
        declared = (*pattern.parameters, *(() if host is None else host.parameters))
        parameters = tuple(parameter.name for parameter in declared)
        self.check_parameters(parameters, pattern, host, owner)
        coding = self.coding(route, inherited)
        if coding is None:
            return
        binding, problems = bind(
            route.handler,
            parameters,
            dependencies=(*inherited.dependencies, *route.dependencies),
            surroundings=replace(self.surroundings, providers=inherited.providers, extractors=inherited.extractors, coding=coding),
            namespace=route.namespace,
            inline=route.inline,
            pool=route.pool,
            made={parameter.name: parameter.converter.makes for parameter in declared},
            is_websocket=route.is_websocket,
        )
        label = f"{', '.join(route.methods) or 'WEBSOCKET'} {mounted.place}"
        self.problems += [Problem(one.code, f"{label}: {one.message}") for one in problems]
        if binding is None:
            return
        try:
            if route.status_code is not None:
                check_status(route.status_code)
            result = result_of(binding.result, route.response_model, route.status_code, route.response_class, coding, yields=binding.yields)
        except (TypeError, ValueError) as error:
            self.problems.append(
                Problem("VELO_RESULT", f"{label}: the result of {route.name} ({where(route.handler)}) cannot be sent: {error}")
            )
            return
        limit = inherited.max_content_length if route.max_content_length is None else route.max_content_length
        socket = self.socket_options(route, inherited, label, timeout_seconds, on_disconnect) if route.is_websocket else None
        for method in (WEBSOCKET,) if route.is_websocket else route.methods:
            plan = Plan(
                label=label if route.is_websocket else f"{method} {mounted.place}",
                endpoint=Served(binding, result),
                middleware=(*inherited.middleware, *route.middleware),
                answer_error=self.answer_error(inherited),
                route=self.info(inherited, coding, limit, pattern.text, mounted.name, parameters),
                max_content_length=limit,
                pools=self.settings.pools,
                timeout_seconds=timeout_seconds,
                on_disconnect=on_disconnect,
                socket=socket,
            )
            plans.append(Entry(method, pattern, plan, inherited.trailing_slash, host))

    def mount(self, mount: Mount, inherited: Inherited, routes: list[Mounted], plans: list[Entry], fallbacks: list[Covered]) -> None:
        """Adds what serves another application: at its path and below, for every method."""
        path = join(inherited.prefix, mount.path)
        prefix = self.pattern(inherited.prefix, mount.path, inherited, f"a mount of {mount.app!r}")
        if prefix is None:
            return
        segments, options = len(prefix.segments), replace(inherited, trailing_slash=TrailingSlash.STRICT)
        if not mount.middleware:
            options = replace(options, middleware=(), dependencies=())
        name = mount.name or path
        route = Route(mount.path, ("ANY",), mount.handler(segments), name, mount.name is not None, on_disconnect="ignore")
        route = replace(route, include_in_schema=False)
        sockets = replace(route, methods=(), handler=mount.socket_handler(segments), is_websocket=True, origins=("*",))
        made: list[Entry] = []
        for one in (route, sockets) if mount.interface == "asgi" else (route,):
            self.route(one, options, routes, made)
        made = [replace(entry, plan=replace(entry.plan, direct=mount.direct(entry.plan, segments))) for entry in made]
        if not made:
            return
        methods = dict.fromkeys((*METHODS, *(entry.method for entry in plans if entry.method != WEBSOCKET)))
        everything = [*(replace(made[0], method=method) for method in methods), *made[1:]]
        rest = Parameter("rest", "path", CONVERTERS["path"])  # a name that may be taken, but nobody asks for it
        ends: tuple[tuple[Segment, ...], ...] = ((), (Segment(("",)),), (Segment(("", ""), (rest,)),))
        for end in ends:
            parameters = tuple(parameter for segment in end for parameter in segment.parameters)
            pattern = replace(prefix, segments=(*prefix.segments, *end), parameters=(*prefix.parameters, *parameters))
            if pattern.segments:
                plans += (replace(entry, pattern=pattern) for entry in everything)
        # Other methods, and paths such as /admin//x, which no pattern matches; another object, for it is what answers a miss.
        missed = replace(made[0].plan)
        fallbacks.insert(0, Covered(prefix, Fallback(missed, missed, missed, missed), made[0].host))
        if any(known is mount for known, _ in self.mounts):  # its router is included twice
            return
        for known, _ in self.mounts:
            if known.app is mount.app and not known.is_started_by_another:
                mount.share(known)
        self.mounts.append((mount, path or "/"))

    def info(
        self, inherited: Inherited, coding: Coding, limit: int, path: str, name: str | None = None, parameters: tuple[str, ...] = ()
    ) -> Info:
        """What requests tell of their route."""
        settings = self.settings
        return Info(path, name, parameters, limit, settings.url_for, settings.host_for, coding.json or JSON, inherited.slots)

    def check_parameters(self, names: Sequence[str], pattern: Pattern, host: Pattern | None, owner: str) -> None:
        """Reports a parameter of the host that the path has as well."""
        if host is not None and len(set(names)) < len(names):
            twice = ", ".join(sorted({name for name in names if names.count(name) > 1}))
            message = f"the host {host.text!r} and the path {pattern.text!r} both have a parameter {twice}; rename one ({owner})"
            self.problems.append(Problem("VELO_ROUTE_HOST", message))

    def socket_options(
        self, route: Route, inherited: Inherited, label: str, timeout_seconds: float | None, on_disconnect: OnDisconnect
    ) -> SocketOptions:
        """What holds for the websockets of a route."""
        size = inherited.max_message_size if route.max_message_size is None else route.max_message_size
        if size < 1:
            message = f"{label}: the max_message_size is {size!r}; it has to be a number of bytes, at least 1"
            self.problems.append(Problem("VELO_ROUTE_OPTION", message))
        try:
            origins = origins_of(inherited.websocket_origins if route.origins is None else route.origins)
        except ValueError as error:
            self.problems.append(Problem("VELO_WEBSOCKET_ORIGIN", f"{label}: {error}"))
            origins = frozenset[Origin]()
        return SocketOptions(origins, size, timeout_seconds, on_disconnect, self.settings.sockets)

    def coding(self, route: Route, inherited: Inherited) -> Coding | None:
        """How a route reads and writes, or a problem."""
        coding = inherited.coding.below(route.json, route.produces, route.consumes)
        options = replace(route.written, validate=self.settings.validate_responses)
        coding = replace(coding, options=options, produces_all=route.produces is not None)
        try:
            coding.codecs((*(coding.produces or ()), *coding.consumes))
        except TypeError as error:
            self.problems.append(Problem("VELO_CODEC", f"{route.name} ({where(route.handler)}): {error}"))
            return None
        return coding

    def check_options(self, place: str, timeout_seconds: float | None, on_disconnect: str) -> None:
        """Reports options of a route that have no meaning."""
        if timeout_seconds is not None and not timeout_seconds > 0:
            message = f"the timeout_seconds of {place} is {timeout_seconds!r}; it has to be more than 0, or None for no limit"
            self.problems.append(Problem("VELO_ROUTE_OPTION", message))
        if on_disconnect not in get_args(OnDisconnect):
            known = ", ".join(map(repr, get_args(OnDisconnect)))
            self.problems.append(
                Problem("VELO_ROUTE_OPTION", f"the on_disconnect of {place} is {on_disconnect!r}; it has to be one of {known}")
            )

    def answer_error(self, inherited: Inherited) -> AnswerError:
        """What answers exceptions below a router."""
        return answers(inherited.exception_handlers, debug=self.settings.debug)

    def fallback(self, prefix: Pattern, inherited: Inherited) -> Fallback[Plan]:
        """What answers below a router where no route does."""
        watched = HTTPError in inherited.exception_handlers
        answer_error = self.answer_error(inherited)
        info = self.info(inherited, inherited.coding, inherited.max_content_length, prefix.text)

        def plan(label: str, refusal: Refusal) -> Plan:
            limit = inherited.max_content_length
            return Plan(f"{label} {prefix.text or '/'}", refusal, inherited.middleware, answer_error, info, limit, self.settings.pools)

        return Fallback(
            not_found=plan("404", Refusal("not_found", lambda request: not_found(), None if watched else not_found())),
            method_not_allowed=plan("405", Refusal("method_not_allowed", _method_not_allowed)),
            options=plan("OPTIONS", Refusal("allowed_methods", _allowed_methods)),
            redirect=plan("308", Refusal("other_slash", _other_slash)),
        )

    def refused(self, label: str, refusal: Refusal) -> Plan:
        """What answers requests for which no route can be looked up."""
        inherited = next((inherited for _, inherited in self.routers()), Inherited())
        limit, settings = inherited.max_content_length, self.settings
        info = self.info(inherited, inherited.coding, limit, "")
        return Plan(label, refusal, inherited.middleware, self.answer_error(inherited), info, limit, settings.pools)

    def check_slots(self, router: Router, inherited: Inherited) -> None:
        """Lets a router know its slots; reports values in others, and two slots of one name."""
        router.slots = router.slots or inherited.slots  # of its first place, if it is included more than once
        names: dict[str, object] = {}
        for slot in inherited.slots.declared:
            if names.setdefault(slot.name, slot) is not slot:
                message = f"two slots of one name can be used on one router: {names[slot.name]!r} and {slot!r}; rename one"
                self.problems.append(Problem("VELO_SLOT_DUPLICATE", message))
        for slot in router.own_values():
            if slot not in inherited.slots.declared:
                self.problems.append(Problem("VELO_SLOT_UNKNOWN", not_declared(slot, repr(router), inherited.slots.declared)))

    # What is wrong between routes.

    def check_names(self, routes: Sequence[Mounted]) -> None:
        """Reports names that were given to more than one route; one whose router is included twice may keep its own."""
        named: dict[str, Mounted] = {}
        for mounted in routes:
            if not mounted.route.named:
                continue
            first = named.setdefault(mounted.name, mounted)
            if first.route is not mounted.route and first.place != mounted.place:
                places = " and to ".join(f"{one.place} ({where(one.route.handler)})" for one in (first, mounted))
                message = f"the name {mounted.name!r} is given to {places}; rename one, or name their routers"
                self.problems.append(Problem("VELO_ROUTE_NAME", message))

    def check_tables(self, plans: Sequence[Entry], fallbacks: Sequence[Covered]) -> None:
        """Reports methods and prefixes that cannot be, and routes that cannot be told apart: those of one host."""
        placed: list[Entry | Covered] = [*plans, *fallbacks]
        everywhere, groups = by_host(placed, lambda one: one.host)
        for members in (everywhere, *(members for _, members in groups)):
            entries = [one for one in members if isinstance(one, Entry)]
            self.check_table(entries, [one for one in members if isinstance(one, Covered)])

    def check_table(self, plans: Sequence[Entry], fallbacks: Sequence[Covered]) -> None:
        """Reports what is wrong between the routes of one host."""
        table: Table[Plan] = Table()
        for entry in plans:
            try:
                table.add(entry.method, entry.pattern, entry.plan, trailing_slash=entry.trailing_slash)
            except SetupError as error:
                self.problems += [Problem(one.code, f"{one.message} ({_served_by(entry.plan)})") for one in error.problems]
        for covered in fallbacks:
            try:
                table.add_fallback(covered.prefix, covered.fallback)
            except SetupError as error:
                self.problems += error.problems
        for clash in table.freeze():
            if clash.code == "VELO_ROUTE_PREFIX":  # the first router answers below a prefix that two have
                continue
            places = " and ".join(f"{_served_by(plan)}" for plan in clash.values)
            self.problems.append(Problem(clash.code, f"{clash.message}: {places}; remove one or give it another path"))


def _by_name(routes: Sequence[Mounted]) -> dict[str, list[Mounted]]:
    names: dict[str, list[Mounted]] = {}
    for mounted in routes:
        names.setdefault(mounted.name, []).append(mounted)
    return names


def as_started(plan: Plan) -> Plan:
    """The plan, or one that answers that the application has not been started, if it takes what is made then."""
    missing = not_started(plan.endpoint.binding.constants) if isinstance(plan.endpoint, Served) else None
    return plan if missing is None else replace(plan, endpoint=Refusal("not_started", lambda request: missing), socket=None)


def _served_by(plan: Plan) -> str:
    handler = cast("Served", plan.endpoint).binding.handler.function
    origin = distribution_of(getattr(handler, "__module__", None))
    return f"{getattr(handler, '__qualname__', handler)!s} ({f'{origin}, ' if origin else ''}{where(handler)})"


def _method_not_allowed(request: Request) -> HTTPError:
    _, _, values = request.parts
    if len(values) > 1:  # RFC 9110 section 15.5.22, and section 7.8 for the second field
        return HTTPError(426, "A websocket is served at this path.", headers={"upgrade": cast("str", values[1]), "connection": "upgrade"})
    return HTTPError(405, "This path does not answer to this method.", headers={"allow": _value(request)})


def _allowed_methods(request: Request) -> Response:
    return Response(b"", 204, {"allow": _value(request)})


def _bad_host(request: Request) -> HTTPError:
    return HTTPError(400, "The request does not name the host that it is for.")


def _other_slash(request: Request) -> Response:
    """308 to the path with a slash more or less, seen from the path of the request (RFC 3986 section 5.2).

    So it is right behind proxies that take a prefix away and do not tell, and there is no host in it.
    """
    path = _value(request)
    last = path.removesuffix("/").rpartition("/")[2]
    query = f"?{request.query_string}" if request.query_string else ""
    return RedirectResponse((f"./{last}/" if path.endswith("/") else f"../{last}") + query, 308)


def _value(request: Request) -> str:
    """What the table has to say beside a `Fallback`."""
    return cast("str", request.parts[2][0])
