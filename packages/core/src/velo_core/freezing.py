"""From what is registered to what runs: `freeze` walks the routers, makes a plan of each route, and collects everything that is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, get_args

from msgspec import Struct
from msgspec.structs import replace

from velo_core.answers import AnswerError, answers
from velo_core.binding import bind
from velo_core.codecs import PLAIN, Coding, UnsoundModel
from velo_core.errors import HTTPError, Problem, SetupError, not_found, where
from velo_core.frozen import Covered, Entry, Frozen, Info, Mounted, Settings, by_name
from velo_core.inheritance import Inherited, inherit
from velo_core.json import MsgspecJSON
from velo_core.phases import NO_PHASES, around, sending, watching
from velo_core.placing import check_names, check_versions, place
from velo_core.plan import Middleware, Plan, Refusal, Served
from velo_core.refusals import allowed_methods, bad_host, method_not_allowed, other_slash
from velo_core.registering import Included
from velo_core.remembering import remembering
from velo_core.response import Response, check_status
from velo_core.results import result_of
from velo_core.route import Route
from velo_core.routing import CONVERTERS, WEBSOCKET, Fallback, Parameter, Pattern, Segment, TrailingSlash, join, parse
from velo_core.scope import Container, not_started
from velo_core.slots import not_declared
from velo_core.steps import Surroundings
from velo_core.watch import OnDisconnect

if TYPE_CHECKING:
    from velo_core.contributions import HealthCheck
    from velo_core.mounting import Mount
    from velo_core.negotiation import Negotiate, Offer
    from velo_core.plugin import Ready
    from velo_core.request import Request
    from velo_core.router import Router
    from velo_core.versioning import Deprecation
    from velo_core.websocket import SocketOptions

__all__ = ["Freezer", "as_started"]

JSON = MsgspecJSON()


class Freezer:
    """Turns what is registered into plans, and collects everything that is wrong with it. Lives as long as `freeze` runs.

    What routes have in common is found out once: what a router hands down in `common`, what types and dependencies are in `remembering`.
    Two things would save more and were refused. Reading signatures at the first request would let mistakes out of the start. And stopping
    the garbage collector meanwhile, a third of the time of 10 000 routes and nothing of that of 1 000, is the process's own affair.
    """

    def __init__(self, root: Router, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        self.problems: list[Problem] = []
        self.mounts: list[tuple[Mount, str]] = []
        self.surroundings = Surroundings(overrides=dict(settings.overrides), pools=settings.pools)
        self._commons: dict[int, _Common] = {}

    def freeze(self, plugins: Sequence[Ready]) -> tuple[Frozen, list[Problem]]:
        """What runs, and what is wrong. Only without problems does the first mean anything."""
        with remembering():
            return self._freeze(plugins)

    def _freeze(self, plugins: Sequence[Ready]) -> tuple[Frozen, list[Problem]]:
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
            host = self.host(inherited.host, inherited, "a router")
            for _, placed in self.versions(inherited.versions, inherited, "a router"):
                prefix = self.pattern(placed.prefix, "", placed, "a router")
                if prefix is not None and not any((prefix.text, host) == (known.prefix.text, known.host) for known in fallbacks):
                    fallbacks.append(Covered(prefix, self.fallback(prefix, placed), host))
            mounts += ((mount, inherited) for mount in included.router.own_mounts)
            for route in included.router.own_routes:
                self.route(route, inherited, routes, plans)
        for mount, inherited in mounts:  # at last, for they are looked up for every method that there is
            for version, placed in self.versions(inherited.versions, inherited, "a mount"):
                self.mount(mount, placed, version, routes, plans, fallbacks)
        policy = self.settings.versioning  # without one there are no versions, and nobody refuses them
        versions = tuple(dict.fromkeys(entry.version for entry in plans if entry.version is not None))
        self.problems += check_names(routes)
        self.problems += check_versions(routes, self.settings.versioning)
        places, clashes = place(plans, fallbacks, versions)
        self.problems += clashes
        container = Container(replace(self.surroundings, providers=self.root.own_providers), self.settings.pools)
        frozen = Frozen(
            tuple(routes),
            tuple(plans),
            tuple(fallbacks),
            places,
            by_name(routes),
            self.refused("400", Refusal("bad_host", bad_host)),
            self.refused("400", Refusal("bad_version", bad_host if policy is None else policy.refusal(versions))),
            versions,
            tuple(plugins),
            self.surroundings.overrides,
            container,
            tuple(self.mounts),
            tuple(checks.values()),
        )
        return frozen, list(dict.fromkeys(self.problems))

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

    def pattern(self, prefix: str, path: str, inherited: Inherited, owner: str | Route) -> Pattern | None:
        """The pattern, or a problem."""
        try:
            return parse(join(prefix, path), inherited.converters)
        except SetupError as error:
            self.problems += [Problem(one.code, f"{one.message} ({_owner(owner)})") for one in error.problems]
            return None

    def host(self, text: str | None, inherited: Inherited, owner: str | Route) -> Pattern | None:
        """The pattern of the hosts, if it is not for all of them, or a problem."""
        if text is None:
            return None
        from velo_core.hosts import parse_host_pattern

        try:
            return parse_host_pattern(text, inherited.converters)
        except SetupError as error:
            self.problems += [Problem(one.code, f"{one.message} ({_owner(owner)})") for one in error.problems]
            return None

    def versions(self, versions: Sequence[str], inherited: Inherited, owner: str) -> Iterator[tuple[str | None, Inherited]]:
        """Each version, and what holds there; a version in the path comes before all of it."""
        policy = self.settings.versioning
        if versions and policy is None:
            message = f"{owner} has the version {versions[0]!r}, but the application has none; write Velo(versioning=Versioning.path())"
            self.problems.append(Problem("VELO_VERSION", message))
        if not versions or policy is None:
            yield None, inherited
            return
        for version in versions:
            try:
                prefix = join(policy.prefix(version), inherited.prefix) if policy.by == "path" else inherited.prefix
            except SetupError as error:
                self.problems += error.problems
                continue
            yield version, replace(inherited, prefix=prefix)

    def route(self, route: Route, inherited: Inherited, routes: list[Mounted], plans: list[Entry]) -> None:
        """Adds a route and its plans in each of its versions, or problems."""
        versions = route.versions or inherited.versions
        if not versions:
            self.one_route(route, inherited, None, routes, plans)
            return
        for version, placed in self.versions(versions, inherited, _named(route)):
            self.one_route(route, placed, version, routes, plans)

    def one_route(self, route: Route, inherited: Inherited, version: str | None, routes: list[Mounted], plans: list[Entry]) -> None:
        """Adds a route and its plans, or problems."""
        if route.hooks:
            inherited = replace(inherited, phases=inherited.phases.below(route.hooks))
        policy = self.settings.versioning
        deprecation = route.deprecation or inherited.deprecation
        if deprecation is None and policy is not None and version is not None:
            deprecation = policy.deprecated.get(version)
        if deprecation is not None:
            route = replace(route, deprecated=True, deprecation=deprecation)
        common = self.common(inherited)
        pattern = self.pattern(inherited.prefix, route.path, inherited, route)
        if pattern is None:
            return
        host = self.host(route.host or inherited.host, inherited, route if route.host else "a router")  # said once, for it is the same
        mounted = Mounted(route, pattern, inherited, inherited.name + route.name, host, version)
        routes.append(mounted)
        timeout_seconds = inherited.timeout_seconds if route.timeout_seconds is None else route.timeout_seconds
        on_disconnect = route.on_disconnect or inherited.on_disconnect
        limit = inherited.max_content_length if route.max_content_length is None else route.max_content_length
        self.check_options(route, limit, timeout_seconds, on_disconnect)
        declared = pattern.parameters if host is None else (*pattern.parameters, *host.parameters)
        parameters = tuple([parameter.name for parameter in declared])
        if host is not None:
            self.check_parameters(parameters, pattern, host, route)
        surroundings = self.around_route(route, common)
        if surroundings is None:
            return
        coding = surroundings.coding
        binding, problems = bind(
            route.handler,
            parameters,
            dependencies=(*inherited.dependencies, *route.dependencies),
            surroundings=surroundings,
            namespace=route.namespace,
            inline=route.inline,
            pool=route.pool,
            made={parameter.name: parameter.converter.makes for parameter in declared},
            is_websocket=route.is_websocket,
        )
        if binding is None:
            self.problems += [
                one if one.code == "VELO_MODEL" else Problem(one.code, f"{_served(mounted)}: {one.message}") for one in problems
            ]
            return
        try:
            if route.status_code is not None:
                check_status(route.status_code)
            result = result_of(binding.result, route.response_model, route.status_code, route.response_class, coding, yields=binding.yields)
        except UnsoundModel as error:
            self.problems.append(Problem("VELO_MODEL", str(error)))
            return
        except (TypeError, ValueError) as error:
            self.problems.append(Problem("VELO_RESULT", f"{_served(mounted)}: the result of {_named(route)} cannot be sent: {error}"))
            return
        asked = None if policy is None or policy.by == "path" else version
        announced = () if deprecation is None else _announced(deprecation)
        if asked is not None and policy is not None and policy.by == "media type" and result.negotiate is not None:
            negotiate, plain = result.negotiate, policy.without_versions

            def by_form(accept: Sequence[str], negotiate: Negotiate = negotiate) -> Offer:
                return negotiate(plain(accept))

            result = replace(result, negotiate=by_form)
        socket = self.socket_options(route, inherited, _served(mounted), timeout_seconds, on_disconnect) if route.is_websocket else None
        for method in (WEBSOCKET,) if route.is_websocket else route.methods:
            plan = Plan(
                label=_served(mounted) if route.is_websocket else f"{method} {mounted.place}",
                endpoint=Served(binding, result),
                middleware=(*common.varying, *announced, *common.around, *route.middleware),
                sent=common.sent,
                answer_error=common.answer_error,
                watches_errors=common.watches_errors,
                route=self.info(inherited, coding, limit, pattern.text, mounted.name, parameters, version),
                max_content_length=limit,
                pools=self.settings.pools,
                timeout_seconds=timeout_seconds,
                on_disconnect=on_disconnect,
                socket=socket,
            )
            plans.append(Entry(method, pattern, plan, inherited.trailing_slash, host, asked))

    def varying(self) -> tuple[Middleware, ...]:
        """What tells caches that answers depend on the version that is asked for."""
        policy = self.settings.versioning
        if policy is None or policy.by == "path":
            return ()
        from velo_core.versioning import varying

        return (varying(policy.request_field),)

    def mount(
        self,
        mount: Mount,
        inherited: Inherited,
        version: str | None,
        routes: list[Mounted],
        plans: list[Entry],
        fallbacks: list[Covered],
    ) -> None:
        """Adds what serves another application: at its path and below, for every method."""
        from velo_core.mounting.mount import METHODS

        path = join(inherited.prefix, mount.path)
        prefix = self.pattern(inherited.prefix, mount.path, inherited, f"a mount of {mount.app!r}")
        if prefix is None:
            return
        segments, options = len(prefix.segments), replace(inherited, trailing_slash=TrailingSlash.STRICT)
        if not mount.middleware:
            options = replace(options, around=(), phases=NO_PHASES, dependencies=())
        name = mount.name or path
        route = Route(mount.path, ("ANY",), mount.handler(segments), name, mount.name is not None, on_disconnect="ignore")
        route = replace(route, include_in_schema=False)
        sockets = replace(route, methods=(), handler=mount.socket_handler(segments), is_websocket=True, origins=("*",))
        made: list[Entry] = []
        for one in (route, sockets) if mount.interface == "asgi" else (route,):
            self.one_route(one, options, version, routes, made)
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
        self,
        inherited: Inherited,
        coding: Coding,
        limit: int,
        path: str,
        name: str | None = None,
        parameters: tuple[str, ...] = (),
        version: str | None = None,
    ) -> Info:
        """What requests tell of their route."""
        settings = self.settings
        return Info(path, name, parameters, limit, settings.url_for, settings.host_for, coding.json or JSON, inherited.slots, version)

    def check_parameters(self, names: Sequence[str], pattern: Pattern, host: Pattern, route: Route) -> None:
        """Reports a parameter of the host that the path has as well."""
        if len(set(names)) < len(names):
            twice = ", ".join(sorted({name for name in names if names.count(name) > 1}))
            message = f"the host {host.text!r} and the path {pattern.text!r} both have a parameter {twice}; rename one ({_owner(route)})"
            self.problems.append(Problem("VELO_ROUTE_HOST", message))

    def socket_options(
        self, route: Route, inherited: Inherited, label: str, timeout_seconds: float | None, on_disconnect: OnDisconnect
    ) -> SocketOptions:
        """What holds for the websockets of a route."""
        from velo_core.parsing.origin import Origin
        from velo_core.websocket import SocketOptions, origins_of

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

    def common(self, inherited: Inherited) -> _Common:
        """What the routes of a router have in common."""
        common = self._commons.get(id(inherited))
        if common is None:
            surroundings = replace(self.surroundings, providers=inherited.providers, extractors=inherited.extractors)
            answer_error = self.answer_error(inherited)
            around_all = (*around(inherited.phases, answer_error), *inherited.middleware)
            watches_errors = HTTPError in inherited.exception_handlers or bool(inherited.phases.error)
            common = _Common(inherited, surroundings, self.varying(), around_all, sending(inherited.phases), answer_error, watches_errors)
            self._commons[id(inherited)] = common
        return common

    def around_route(self, route: Route, common: _Common) -> Surroundings | None:
        """What a route finds around it, and how it reads and writes; or a problem."""
        is_plain = route.json is None and route.produces is None and route.consumes is None and route.written is PLAIN
        if is_plain and common.plain is not None:
            return common.plain
        coding = self.coding(route, common.inherited)
        if coding is None:
            return None
        surroundings = replace(common.surroundings, coding=coding)
        if is_plain:
            common.plain = surroundings
        return surroundings

    def coding(self, route: Route, inherited: Inherited) -> Coding | None:
        """How a route reads and writes, or a problem."""
        coding = inherited.coding.below(route.json, route.produces, route.consumes)
        options = replace(route.written, validate=self.settings.validate_responses)
        coding = replace(coding, options=options, produces_all=route.produces is not None)
        try:
            coding.codecs((*(coding.produces or ()), *coding.consumes))
        except TypeError as error:
            self.problems.append(Problem("VELO_CODEC", f"{_named(route)}: {error}"))
            return None
        return coding

    def check_options(self, route: Route, limit: int, timeout_seconds: float | None, on_disconnect: str) -> None:
        """Reports options of a route that have no meaning."""
        if not isinstance(limit, int) or limit < 0:  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            message = f"the max_content_length of {_named(route)} is {limit!r}; it has to be a number of bytes"
            self.problems.append(Problem("VELO_ROUTE_OPTION", message))
        if timeout_seconds is not None and not (isinstance(timeout_seconds, int | float) and timeout_seconds > 0):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            message = f"the timeout_seconds of {_named(route)} is {timeout_seconds!r}; it has to be more than 0, or None for no limit"
            self.problems.append(Problem("VELO_ROUTE_OPTION", message))
        if on_disconnect not in _ON_DISCONNECT:
            known = ", ".join(map(repr, _ON_DISCONNECT))
            message = f"the on_disconnect of {_named(route)} is {on_disconnect!r}; it has to be one of {known}"
            self.problems.append(Problem("VELO_ROUTE_OPTION", message))

    def answer_error(self, inherited: Inherited) -> AnswerError:
        """What answers exceptions below a router."""
        return watching(inherited.phases, answers(inherited.exception_handlers, debug=self.settings.debug))

    def fallback(self, prefix: Pattern, inherited: Inherited) -> Fallback[Plan]:
        """What answers below a router where no route does."""
        common = self.common(inherited)
        info = self.info(inherited, inherited.coding, inherited.max_content_length, prefix.text)

        def plan(label: str, refusal: Refusal) -> Plan:
            limit = inherited.max_content_length
            middleware, place = (*common.varying, *common.around), prefix.text or "/"
            return Plan(
                f"{label} {place}",
                refusal,
                middleware,
                common.answer_error,
                info,
                limit,
                self.settings.pools,
                sent=common.sent,
            )

        return Fallback(
            not_found=plan("404", Refusal("not_found", lambda request: not_found(), None if common.watches_errors else not_found())),
            method_not_allowed=plan("405", Refusal("method_not_allowed", method_not_allowed)),
            options=plan("OPTIONS", Refusal("allowed_methods", allowed_methods)),
            redirect=plan("308", Refusal("other_slash", other_slash)),
        )

    def refused(self, label: str, refusal: Refusal) -> Plan:
        """What answers requests for which no route can be looked up."""
        inherited = next((inherited for _, inherited in self.routers()), Inherited())
        limit, settings = inherited.max_content_length, self.settings
        info = self.info(inherited, inherited.coding, limit, "")
        common = self.common(inherited)
        middleware = (*common.varying, *common.around)
        return Plan(label, refusal, middleware, common.answer_error, info, limit, settings.pools, sent=common.sent)

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


def _announced(deprecation: Deprecation) -> tuple[Middleware, ...]:
    from velo_core.versioning import announcing

    return (announcing(deprecation),)


def as_started(plan: Plan) -> Plan:
    """The plan, or one that answers that the application has not been started, if it takes what is made then."""
    missing = not_started(plan.endpoint.binding.constants) if isinstance(plan.endpoint, Served) else None
    return plan if missing is None else replace(plan, endpoint=Refusal("not_started", lambda request: missing), socket=None)


class _Common(Struct):
    """What the routes of a router have in common: found out once, not for each of them.

    Attributes:
        inherited: What holds there. Kept, for it is known by its `id`.
        surroundings: What functions find around them, but for the coding.
        varying: The outermost middleware, for caches.
        around: Hooks and middleware around all.
        sent: Called when a response has been sent.
        answer_error: Answers exceptions.
        watches_errors: Whether exception handlers or hooks see an `HTTPError`.
        plain: The surroundings of routes that say nothing about codecs and how results are shaped, once there is one.
    """

    inherited: Inherited
    surroundings: Surroundings
    varying: tuple[Middleware, ...]
    around: tuple[Middleware, ...]
    sent: Callable[[Request, Response], Awaitable[None]] | None
    answer_error: AnswerError
    watches_errors: bool
    plain: Surroundings | None = None


_ON_DISCONNECT: Final = get_args(OnDisconnect)


def _named(route: Route) -> str:
    """A route, for messages. Most have nothing wrong, so it is written when it is needed."""
    return f"{route.name} ({where(route.handler)})"


def _served(mounted: Mounted) -> str:
    """What a route serves, for messages."""
    return f"{', '.join(mounted.route.methods) or 'WEBSOCKET'} {mounted.place}"


def _owner(owner: str | Route) -> str:
    """Whose a pattern is, for messages."""
    return owner if isinstance(owner, str) else f"{owner.name}, {where(owner.handler)}"
