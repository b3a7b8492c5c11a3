"""What routers provide by type, and the same dependencies outside of any request."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Generic, TypeVar

import pytest

from velo_core import Depends, HTTPError, Manifest, Plugin, Query, Request, Router, SetupError, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]
T = TypeVar("T")


class Session:
    def __init__(self, name: str = "session") -> None:
        self.name = name


class Users:
    def __init__(self, session: Session) -> None:
        self.session = session


class Repository(Generic[T]):
    def __init__(self, of: str) -> None:
        self.of = of


@dataclass
class Settings:
    theme: str = "dark"


def make_session() -> Session:
    return Session()


# Bound by type.


def test_a_parameter_of_a_type_gets_what_is_provided_for_it(serve: Serve) -> None:
    app = Velo()
    app.provide(Session, make_session)

    @app.get("/plain")
    def plain(session: Session) -> str:
        return session.name

    @app.get("/annotated")
    async def annotated(session: Annotated[Session, "of the shop"]) -> str:
        return session.name

    @app.get("/optional")
    async def optional(session: Session | None = None) -> str:
        return session.name if session else "none"

    client = serve(app)

    assert [client.get(path).text for path in ("/plain", "/annotated", "/optional")] == ["session"] * 3


def test_dependencies_and_providers_get_what_is_provided_too(serve: Serve) -> None:
    app = Velo()
    app.provide(Session, make_session)
    app.provide(Users, Users)

    async def named(session: Session, users: Users) -> bool:
        return users.session is session

    @app.get("/")
    async def show(same: Annotated[bool, Depends(named)], users: Users, session: Session) -> bool:
        return same and users.session is session

    assert serve(app).get("/").json() is True


def test_what_is_provided_is_torn_down_by_its_lifetime(serve: Serve) -> None:
    app = Velo()

    async def transaction() -> AsyncIterator[Session]:
        yield Session()
        raise HTTPError(409)

    app.provide(Session, transaction, lifetime="handler")

    @app.get("/")
    async def show(session: Session) -> None: ...

    assert serve(app).get("/").status_code == 409


def test_a_model_that_is_provided_is_no_body(serve: Serve) -> None:
    app = Velo()
    app.provide(Settings, Settings, lifetime="app")

    @app.get("/")
    async def show(settings: Settings) -> str:
        return settings.theme

    assert serve(app).get("/").text == "dark"


def test_a_parameter_that_says_where_it_comes_from_is_left_alone(serve: Serve) -> None:
    app = Velo()
    app.provide(Session, make_session)

    async def other() -> Session:
        return Session("other")

    @app.get("/")
    async def show(session: Annotated[Session, Depends(other)]) -> str:
        return session.name

    assert serve(app).get("/").text == "other"


def test_a_generic_type_is_told_apart_by_its_arguments(serve: Serve) -> None:
    app = Velo()
    app.provide(Repository[int], lambda: Repository("int"))
    app.provide(Repository[str], lambda: Repository("str"))

    @app.get("/")
    async def show(one: Repository[int], two: Repository[str]) -> str:
        return one.of + two.of

    assert serve(app).get("/").text == "intstr"


def test_a_subclass_is_not_the_type(serve: Serve) -> None:
    class Special(Session): ...

    app = Velo()
    app.provide(Session, make_session)

    @app.get("/")
    async def show(session: Special) -> None: ...

    with pytest.raises(SetupError) as caught:
        app.freeze()
    assert caught.value.code == "VELO_NOT_PROVIDED"


# Inherited.


def test_providers_are_inherited_and_replaced_below(serve: Serve) -> None:
    app = Velo()
    app.provide(Session, make_session)
    app.provide(Users, Users)
    same, other = Router("/same"), Router("/other")
    other.provide(Session, lambda: Session("replica"))

    async def show(session: Session, users: Users) -> list[str]:
        return [session.name, users.session.name]

    for router in (same, other):
        router.get("")(show)
        app.include(router)
    client = serve(app)

    assert client.get("/same").json() == ["session", "session"]
    assert client.get("/other").json() == ["replica", "replica"]


def test_app_values_are_made_of_what_is_provided_where_they_are_used(serve: Serve) -> None:
    app = Velo()
    app.provide(Session, make_session, lifetime="app")
    app.provide(Users, Users, lifetime="app")
    other = Router("/other")
    other.provide(Session, lambda: Session("replica"), lifetime="app")

    async def show(users: Users) -> str:
        return users.session.name

    app.get("/")(show)
    other.get("")(show)
    app.include(other)
    client = serve(app)

    assert client.get("/").text == "session"
    assert client.get("/other").text == "replica"


def test_a_plugin_provides_for_its_router_and_below(serve: Serve) -> None:
    class Database(Plugin):
        manifest = Manifest(name="database")

        def install(self, router: Router) -> None:
            router.provide(Session, make_session)

    app, shop = Velo(), Router("/shop")
    shop.install(Database())

    @shop.get("")
    async def show(session: Session) -> str:
        return session.name

    app.include(shop)

    assert serve(app).get("/shop").text == "session"


# Overrides.


def test_what_is_provided_can_be_overridden_by_function_and_by_type(serve: Serve) -> None:
    app = Velo()
    app.provide(Session, make_session)

    def fake(name: str = "fake") -> Session:
        return Session(name)

    @app.get("/")
    async def show(session: Session) -> str:
        return session.name

    for key in (make_session, Session):
        app.dependency_overrides = {key: fake}
        client = serve(app)
        assert client.get("/").text == "fake"
        assert client.get("/?name=mine").text == "mine"
        client.close()


# What is wrong with them.


def test_two_providers_of_one_type_on_one_router_are_reported_with_both_places() -> None:
    app = Velo()
    app.provide(Session, make_session)

    with pytest.raises(SetupError, match=r"Session is provided twice.*test_providers\.py:\d+ and at .*test_providers\.py:\d+") as caught:
        app.provide(Session, Session)
    assert caught.value.code == "VELO_PROVIDER_DUPLICATE"


@pytest.mark.parametrize("kind", [str, int, dict[str, int], object, Request, 3, Session | None], ids=str)
def test_types_that_requests_are_read_as_cannot_be_provided(kind: type[object]) -> None:
    with pytest.raises(SetupError, match="cannot be provided") as caught:
        Velo().provide(kind, make_session)
    assert caught.value.code == "VELO_PROVIDER"


def test_a_class_that_nobody_provides_is_reported_with_what_to_do() -> None:
    app = Velo()

    async def dependency(session: Session) -> Session:
        return session

    @app.get("/handler")
    async def show(session: Session) -> None: ...

    @app.get("/dependency", dependencies=[Depends(dependency)])
    async def other() -> None: ...

    with pytest.raises(SetupError) as caught:
        app.freeze()

    first, second = caught.value.problems
    assert first.code == second.code == "VELO_NOT_PROVIDED"
    assert first.message.startswith("GET /handler: parameter 'session' of show (")
    assert "is a Session, which nobody provides" in first.message
    assert "router.provide(Session, ...)" in first.message
    assert "install the plugin" in first.message
    assert "parameter 'session' of dependency (" in second.message


# Outside of any request.


async def test_a_scope_gives_what_is_provided_and_closes_it() -> None:
    app = Velo()
    events: list[str] = []

    async def make_engine() -> AsyncIterator[str]:
        events.append("engine opened")
        yield "engine"
        events.append("engine closed")

    async def open_session(engine: Annotated[str, Depends(make_engine, lifetime="app")]) -> AsyncIterator[Session]:
        yield Session(f"session on {engine}")
        events.append("session closed")

    app.provide(Session, open_session)
    app.provide(Users, Users)

    async with app.scope() as scope:
        session = await scope.get(Session)
        users = await scope.get(Users)
        assert session.name == "session on engine"
        assert users.session is session
        assert events == ["engine opened"]

    assert events == ["engine opened", "session closed", "engine closed"]


async def test_scopes_of_a_running_application_share_its_values() -> None:
    app = Velo()
    app.provide(Session, make_session, lifetime="app")
    app.provide(Users, Users)

    @app.get("/")
    async def show(session: Session) -> None: ...

    await app.startup()
    async with app.scope() as one, app.scope() as two:
        assert await one.get(Session) is await two.get(Session)
        assert await one.get(Users) is not await two.get(Users)
    async with app.scope() as three:
        assert (await three.get(Session)).name == "session"
    await app.shutdown()


async def test_a_scope_calls_functions_with_their_dependencies() -> None:
    app = Velo()
    app.provide(Session, make_session)

    async def import_users(path: str, session: Session, limit: int = 3) -> str:
        return f"{path} {session.name} {limit}"

    def in_thread(session: Session) -> str:
        return session.name

    async with app.scope() as scope:
        assert await scope.call(partial(import_users, "users.csv")) == "users.csv session 3"
        assert await scope.call(in_thread) == "session"


async def test_what_lives_as_long_as_the_handler_ends_with_each_call() -> None:
    app = Velo()
    events: list[str] = []

    async def transaction() -> AsyncIterator[Session]:
        events.append("begin")
        try:
            yield Session()
        except ValueError:
            events.append("roll back")
            raise
        events.append("commit")

    app.provide(Session, transaction, lifetime="handler")

    async def work(session: Session) -> None:
        events.append("work")

    async def fail(session: Session) -> None:
        raise ValueError("no")

    async with app.scope() as scope:
        await scope.call(work)
        with pytest.raises(ValueError, match="no"):
            await scope.call(fail)
        await scope.call(work)
        events.append("end")

    assert events == ["begin", "work", "commit", "begin", "roll back", "begin", "work", "commit", "end"]


async def test_what_a_scope_was_asked_for_by_itself_is_open_until_its_end() -> None:
    app = Velo()
    events: list[str] = []

    async def transaction() -> AsyncIterator[Session]:
        yield Session()
        events.append("commit")

    app.provide(Session, transaction, lifetime="handler")

    async def work(session: Session) -> Session:
        return session

    async with app.scope() as scope:
        session = await scope.get(Session)
        assert await scope.call(work) is session
        assert events == []

    assert events == ["commit"]


async def test_an_error_in_a_scope_reaches_what_it_opened() -> None:
    app = Velo()
    events: list[str] = []

    async def open_session() -> AsyncIterator[Session]:
        try:
            yield Session()
        except ValueError:
            events.append("roll back")
            raise

    app.provide(Session, open_session)

    async def fail() -> None:
        async with app.scope() as scope:
            await scope.get(Session)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    assert events == ["roll back"]


async def test_what_a_tear_down_raises_at_the_end_of_a_scope_is_raised() -> None:
    app = Velo()

    async def open_session() -> AsyncIterator[Session]:
        yield Session()
        raise ValueError("not committed")

    app.provide(Session, open_session)

    with pytest.raises(ValueError, match="not committed"):
        async with app.scope() as scope:
            await scope.get(Session)


async def test_what_needs_a_request_is_refused_in_a_scope() -> None:
    app = Velo()

    async def by_marker(page: Annotated[int, Query()]) -> None: ...
    async def by_name(page: int) -> None: ...
    async def by_request(request: Request) -> None: ...
    async def nested(it: Annotated[None, Depends(by_name)]) -> None: ...
    async def unknown(session: Session) -> None: ...

    async with app.scope() as scope:
        for function, parameter in (
            (by_marker, "'page' of by_marker"),
            (by_name, "'page' of by_name"),
            (by_request, "'request' of by_request"),
            (nested, "'page' of by_name"),
            (unknown, "'session' of unknown"),
        ):
            with pytest.raises(SetupError, match=f"parameter {parameter}.*there is no request here") as caught:
                await scope.call(function)
            assert caught.value.code == "VELO_NO_REQUEST"
        with pytest.raises(SetupError, match="nobody provides Session") as caught:
            await scope.get(Session)
        assert caught.value.code == "VELO_NOT_PROVIDED"


async def test_overrides_hold_in_scopes() -> None:
    app = Velo()
    app.provide(Session, make_session)
    app.dependency_overrides[make_session] = lambda: Session("fake")

    async with app.scope() as scope:
        assert (await scope.get(Session)).name == "fake"
