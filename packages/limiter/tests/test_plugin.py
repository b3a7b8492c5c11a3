"""The limiter in an application: guards, the plugin, who is counted, and what the client reads."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from importlib.metadata import entry_points
from math import inf
from typing import Annotated, Literal

import pytest

from velo_core import Depends, HTTPError, Request, Router, SetupError, Velo
from velo_limiter import (
    Decision,
    KeyFunction,
    Limiter,
    MemoryStorage,
    Outcome,
    RateLimit,
    RateLimitAlgorithm,
    RateLimitRule,
    RuleError,
    rate_limit,
    too_many_requests,
)
from velo_testing import TestClient

FIXED, TOKEN = RateLimitAlgorithm.FIXED_WINDOW, RateLimitAlgorithm.TOKEN_BUCKET
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def stopped() -> MemoryStorage:
    """Counters for which no time passes."""
    return MemoryStorage(clock=lambda: 1000.0)


def rule(name: str = "burst", limit: int = 2, *, key: KeyFunction | None = None, cost: int = 1, per_route: bool = True) -> RateLimitRule:
    return RateLimitRule(name, limit, 60, FIXED, key=key, cost=cost, per_route=per_route)


def guarded(*rules: RateLimitRule, key: KeyFunction | None = None) -> Velo:
    """An application with two guarded routes and a free one."""
    app = Velo()
    guard = rate_limit(Limiter(stopped()), rules, key=key)

    @app.get("/items/{number}", dependencies=[Depends(guard)])
    async def item(number: int) -> int:
        if number == 0:
            raise HTTPError(404)
        return number

    @app.get("/users", dependencies=[Depends(guard)])
    async def users() -> str:
        return "users"

    @app.get("/free")
    async def free() -> str:
        return "free"

    return app


def statuses(client: TestClient, *paths: str, headers: dict[str, str] | None = None) -> list[int]:
    return [client.get(path, headers=headers).status_code for path in paths]


@pytest.mark.parametrize("protocol", ["asgi", "rsgi", "wsgi"])
def test_a_client_is_refused_when_its_quota_is_used_up(protocol: Literal["asgi", "rsgi", "wsgi"]) -> None:
    with TestClient(guarded(rule()), protocol=protocol) as client:
        assert statuses(client, "/users", "/users", "/users", "/free") == [200, 200, 429, 200]


def test_a_refusal_tells_what_was_exceeded_and_when_to_come_back() -> None:
    with TestClient(guarded(rule())) as client:
        statuses(client, "/users", "/users")
        response = client.get("/users")

    assert response.headers.get_list("ratelimit-policy") == ['"burst";q=2;w=60']
    assert response.headers.get_list("ratelimit") == ['"burst";r=0;t=60']
    assert response.headers.get_list("retry-after") == ["60"]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": QUOTA_EXCEEDED,
        "title": "Quota Exceeded",
        "status": 429,
        "detail": "The quota of burst is used up; try again in 60 s.",
        "violated-policies": ["burst"],
    }


def test_a_response_within_the_quota_tells_what_is_left() -> None:
    with TestClient(guarded(rule(limit=60), rule("daily", 1000))) as client:
        response = client.get("/users")

    assert response.headers["ratelimit-policy"] == '"burst";q=60;w=60, "daily";q=1000;w=60'
    assert response.headers["ratelimit"] == '"burst";r=59;t=60, "daily";r=999;t=60'
    assert "retry-after" not in response.headers


def test_an_error_of_the_handler_is_counted_and_tells_what_is_left() -> None:
    with TestClient(guarded(rule())) as client:
        response = client.get("/items/0")

    assert response.status_code == 404
    assert response.headers["ratelimit"] == '"burst";r=1;t=60'


def test_a_request_that_one_rule_refuses_is_not_charged_to_the_others() -> None:
    with TestClient(guarded(rule("burst", 2), rule("daily", 9))) as client:
        statuses(client, "/users", "/users", "/users", "/users")
        response = client.get("/users")

    assert response.headers["ratelimit"] == '"burst";r=0;t=60, "daily";r=7;t=60'
    assert response.json()["violated-policies"] == ["burst"]


def test_a_handler_can_look_at_the_outcome() -> None:
    app = Velo()
    guard = rate_limit(Limiter(stopped()), [rule(limit=5, cost=2)])

    @app.get("/")
    async def left(outcome: Annotated[Outcome, Depends(guard)]) -> int:
        return outcome.decisions[0].remaining

    with TestClient(app) as client:
        assert [client.get("/").json() for _ in range(2)] == [3, 1]


def test_a_header_that_clients_send_does_not_say_who_they_are() -> None:
    """CVE-2025-59152 and others: each new X-Forwarded-For was a new budget."""
    with TestClient(guarded(rule())) as client:
        found = [client.get("/users", headers={"x-forwarded-for": f"203.0.113.{n}", "forwarded": f"for=203.0.113.{n}"}) for n in range(3)]

    assert [response.status_code for response in found] == [200, 200, 429]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["192.0.2.1", "192.0.2.2", "192.0.2.3"], [200, 200, 200]),
        (["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"], [200, 200, 429]),
        (["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::"], [200, 200, 429]),
        (["2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:4::1"], [200, 200, 200]),
    ],
)
def test_who_shares_a_budget_by_address(hosts: list[str], expected: list[int]) -> None:
    app, found = guarded(rule()), list[int]()
    for host in hosts:
        with TestClient(app, client=(host, 50000)) as client:
            found += statuses(client, "/users")

    assert found == expected


def test_clients_without_an_address_share_a_budget() -> None:
    """As behind a Unix socket."""

    async def status(app: Velo) -> int:
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/users"}
        sent: list[int] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, object]) -> None:
            if isinstance(code := message.get("status"), int):
                sent.append(code)

        await app({**scope, "raw_path": b"/users", "query_string": b"", "headers": [], "client": None, "server": None}, receive, send)
        return sent[0]

    async def three() -> list[int]:
        app = guarded(rule())
        return [await status(app) for _ in range(3)]

    assert asyncio.run(three()) == [200, 200, 429]


def test_a_path_counts_by_its_route_however_it_is_spelled() -> None:
    with TestClient(guarded(rule())) as client:
        assert statuses(client, "/items/1", "/items/%32?page=1", "/items/3?page=2", "/users") == [200, 200, 429, 200]


def test_a_head_request_counts_like_a_get() -> None:
    with TestClient(guarded(rule())) as client:
        found = [client.request(method, "/users").status_code for method in ("HEAD", "GET", "HEAD", "GET")]

    assert found == [200, 200, 429, 429]


def test_a_rule_can_be_one_budget_for_all_routes() -> None:
    with TestClient(guarded(rule(per_route=False))) as client:
        assert statuses(client, "/items/1", "/users", "/items/2", "/users") == [200, 200, 429, 429]


def api_key(request: Request) -> str | None:
    return request.headers.get("x-api-key")


async def looked_up_api_key(request: Request) -> str | None:
    await asyncio.sleep(0)
    return request.headers.get("x-api-key")


@pytest.mark.parametrize("key", [api_key, looked_up_api_key])
def test_a_key_function_says_who_is_counted_and_the_address_is_where_it_does_not(key: KeyFunction) -> None:
    with TestClient(guarded(rule(), key=key)) as client:
        of_ann = [statuses(client, "/users", headers={"x-api-key": "ann"})[0] for _ in range(3)]
        of_bob = statuses(client, "/users", headers={"x-api-key": "bob"})
        of_address = statuses(client, "/users", "/users", "/users")
        posing = statuses(client, "/users", headers={"x-api-key": "127.0.0.1"})

    assert (of_ann, of_bob, of_address, posing) == ([200, 200, 429], [200], [200, 200, 429], [200])


def test_each_rule_can_have_a_key_of_its_own() -> None:
    """Ten for each user, three for each address."""
    users = rule("user", 10, key=lambda request: request.headers.get("x-user"))

    with TestClient(guarded(users, rule("address", 3))) as client:
        found = [client.get("/users", headers={"x-user": f"user {number}"}) for number in range(4)]

    assert [response.status_code for response in found] == [200, 200, 200, 429]
    assert found[2].headers["ratelimit"] == '"user";r=9;t=60, "address";r=0;t=60'
    assert found[3].json()["violated-policies"] == ["address"]


def test_the_key_of_a_rule_comes_before_that_of_its_guard() -> None:
    everyone = rule("everyone", 9, key=lambda request: "everyone")

    with TestClient(guarded(rule("each", 9), everyone, key=api_key)) as client:
        client.get("/users", headers={"x-api-key": "ann"})
        response = client.get("/users", headers={"x-api-key": "bob"})

    assert response.headers["ratelimit"] == '"each";r=8;t=60, "everyone";r=7;t=60'


def test_a_key_that_is_no_text_is_a_mistake_that_is_named() -> None:
    def key(request: Request) -> str:
        return 7  # pyright: ignore[reportReturnType]: the mistake itself

    with TestClient(guarded(rule(), key=key)) as client, pytest.raises(TypeError, match="rule 'burst' returned int"):
        client.get("/users")


def test_a_plugin_guards_every_route_of_its_router_and_below_and_no_other() -> None:
    app, api, inner = Velo(), Router("/api"), Router("/inner")
    api.install(RateLimit([rule(per_route=False)], storage=stopped()))

    @app.get("/free")
    async def free() -> str:
        return "free"

    @api.get("/a")
    async def a() -> str:
        return "a"

    @inner.get("/b")
    async def b() -> str:
        return "b"

    api.include(inner)
    app.include(api)

    with TestClient(app) as client:
        assert statuses(client, "/api/a", "/api/inner/b", "/api/a", "/api/inner/b", "/free") == [200, 200, 429, 429, 200]


def test_a_plugin_and_a_guard_of_a_route_both_speak_in_one_response() -> None:
    """Both fields are lists, and a list may come in several lines."""
    app, limiter = Velo(), Limiter(stopped())
    app.install(RateLimit([rule("all", 9)], limiter=limiter))

    @app.get("/", dependencies=[Depends(rate_limit(limiter, [rule("this", 1)]))])
    async def index() -> str:
        return "index"

    with TestClient(app) as client:
        first, second = client.get("/"), client.get("/")

    assert first.headers.get_list("ratelimit-policy") == ['"all";q=9;w=60', '"this";q=1;w=60']
    assert first.headers.get_list("ratelimit") == ['"all";r=8;t=60', '"this";r=0;t=60']
    assert second.status_code == 429
    assert second.headers.get_list("ratelimit-policy") == ['"this";q=1;w=60', '"all";q=9;w=60']
    assert sorted(second.headers.get_list("ratelimit")) == ['"all";r=7;t=60', '"this";r=0;t=60']


def test_guards_of_one_limiter_and_one_rule_share_its_budget() -> None:
    app, limiter = Velo(), Limiter(stopped())

    @app.get("/a", dependencies=[Depends(rate_limit(limiter, [rule(per_route=False)]))])
    async def a() -> str:
        return "a"

    @app.get("/b", dependencies=[Depends(rate_limit(limiter, [rule(per_route=False)]))])
    async def b() -> str:
        return "b"

    with TestClient(app) as client:
        assert statuses(client, "/a", "/b", "/a") == [200, 200, 429]


@pytest.mark.skipif(not entry_points(group="velo.plugins", name="limiter"), reason="velo-limiter is on the path, but not installed")
def test_a_plugin_can_be_installed_by_its_name() -> None:
    app = Velo()
    app.install("limiter", rules=[rule(limit=1)], storage=stopped())

    @app.get("/")
    async def index() -> str:
        return "index"

    with TestClient(app) as client:
        assert statuses(client, "/", "/") == [200, 429]


def test_two_plugins_on_one_router_are_refused_at_start_up() -> None:
    """One with all rules decides for all of them at once."""
    app = Velo()
    app.install(RateLimit([rule()]))
    app.install(RateLimit([rule("daily")]))

    with pytest.raises(SetupError, match="installed twice"):
        app.freeze()


def test_what_cannot_work_is_refused_where_it_is_written() -> None:
    limiter = Limiter()

    with pytest.raises(RuleError, match="at least one"):
        rate_limit(limiter, [])
    with pytest.raises(RuleError, match="2 rules are named"):
        RateLimit([rule(), rule(limit=9)])
    with pytest.raises(RuleError, match="rate_limit has the key 'x-api-key'"):
        rate_limit(limiter, [rule()], key="x-api-key")  # pyright: ignore[reportArgumentType]: the mistake itself
    with pytest.raises(RuleError, match="leave one out"):
        RateLimit([rule()], storage=stopped(), limiter=limiter)


def test_a_refusal_that_waiting_does_not_mend_has_no_retry_after() -> None:
    outcome = Outcome((rule("batch", 60), rule("daily", 99)), (Decision(False, 60, 60, 60.0, inf), Decision(True, 99, 99, 60.0, 0.0)))

    error = too_many_requests(outcome)

    assert dict(error.headers) == {
        "ratelimit-policy": '"batch";q=60;w=60, "daily";q=99;w=60',
        "ratelimit": '"batch";r=60;t=60, "daily";r=99;t=60',
    }
    assert error.document()["detail"] == "The quota of batch is smaller than what this request costs; waiting does not help."
    assert error.document()["violated-policies"] == ["batch"]


def test_documentation_knows_the_refusal_and_the_fields_of_guarded_routes() -> None:
    by_path = {one.path: one.contributions for one in guarded(rule()).operations}
    (contribution,) = by_path["/users"]

    assert by_path["/free"] == ()
    assert contribution.responses.keys() == {"429"}
    assert {name.lower() for name in contribution.headers} == {"ratelimit-policy", "ratelimit"}


def test_the_plugin_documents_all_routes_of_its_router() -> None:
    app = Velo()
    app.install(RateLimit([rule()]))

    @app.get("/items")
    async def items() -> str:
        return "items"

    (operation,) = app.operations
    assert [contribution.responses.keys() for contribution in operation.contributions] == [{"429"}]
