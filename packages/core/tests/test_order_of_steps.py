"""What comes first: the body, the guards, or what does not fit."""

from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec

from velo_core import Depends, Header, HTTPError, Query, Request, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


class Item(msgspec.Struct):
    name: str


async def authenticated(authorization: Annotated[str | None, Header()] = None) -> str:
    if authorization is None:
        raise HTTPError(401, headers={"www-authenticate": "Bearer"})
    return authorization


def test_authentication_answers_before_the_body_is_read_and_before_validation(serve: Serve) -> None:
    app = Velo()

    @app.post("/items")
    async def create(item: Item, user: Annotated[str, Depends(authenticated)], page: int) -> str:
        return f"{item.name} of {user}"

    client = serve(app)
    pulled: list[bytes] = []

    def body() -> Iterator[bytes]:
        pulled.append(b"{")
        yield b"{"

    response = client.post("/items?page=x", content=body(), headers={"content-type": "application/json"})

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json() == {"type": "about:blank", "title": "Unauthorized", "status": 401}
    assert pulled == []
    assert client.post("/items?page=x", json={}, headers={"authorization": "a"}).status_code == 422
    assert client.post("/items?page=1", json={"name": "n"}, headers={"authorization": "a"}).text == "n of a"


def test_all_that_does_not_fit_is_told_together_once_authentication_has_passed(serve: Serve) -> None:
    app = Velo()

    async def paging(page: int, size: Annotated[int, Query(le=10)] = 5) -> tuple[int, int]:
        return page, size

    @app.post("/{number}")
    async def create(
        number: int,
        item: Item,
        user: Annotated[str, Depends(authenticated)],
        paging: Annotated[tuple[int, int], Depends(paging)],
    ) -> None: ...

    response = serve(app).post("/x?size=11", json={"name": 1}, headers={"authorization": "a"})

    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["errors"]] == [
        ["path", "number"],
        ["query", "page"],
        ["query", "size"],
        ["body", "name"],
    ]


def test_a_dependency_does_not_run_when_its_own_values_do_not_fit(serve: Serve) -> None:
    app = Velo()
    calls: list[str] = []

    async def paging(page: int) -> int:
        calls.append("paging")
        return page

    async def on_top(page: Annotated[int, Depends(paging)]) -> int:
        calls.append("on top")
        return page

    async def beside() -> None:
        calls.append("beside")

    def beside_in_thread() -> None:
        calls.append("thread")

    @app.get("/", dependencies=[Depends(beside), Depends(beside_in_thread)])
    async def show(page: Annotated[int, Depends(on_top)]) -> int:
        calls.append("handler")
        return page

    client = serve(app)

    assert client.get("/?page=x").status_code == 422
    assert calls == ["beside", "thread"]


def test_a_dependency_that_needs_the_body_runs_after_it_is_read(serve: Serve) -> None:
    """And with it what depends on it; everything else runs before."""
    app = Velo()
    calls: list[str] = []

    async def owner(item: Item) -> str:
        calls.append("owner")
        return f"owner of {item.name}"

    async def audit(owner: Annotated[str, Depends(owner)]) -> str:
        calls.append("audit")
        return owner

    async def early() -> None:
        calls.append("early")

    @app.post("/")
    async def create(item: Item, audit: Annotated[str, Depends(audit)], early: Annotated[None, Depends(early)]) -> str:
        return audit

    client = serve(app)

    def body() -> Iterator[bytes]:
        calls.append("body")
        yield b'{"name": "n"}'

    response = client.post("/", content=body(), headers={"content-type": "application/json"})

    assert response.text == "owner of n"
    assert calls == ["early", "body", "owner", "audit"]
    assert client.post("/", content=b"{", headers={"content-type": "application/json"}).status_code == 400


def test_a_dependency_and_a_handler_can_ask_for_the_same_body(serve: Serve) -> None:
    app = Velo()

    async def name_of(item: Item) -> str:
        return item.name

    @app.post("/")
    async def create(item: Item, name: Annotated[str, Depends(name_of)]) -> bool:
        return item.name == name

    assert serve(app).post("/", json={"name": "n"}).json() is True


def test_a_dependency_that_reads_the_raw_body_leaves_it_for_the_model(serve: Serve) -> None:
    """A signature is checked over the bytes that the handler gets decoded."""
    app = Velo()

    async def signed(request: Request) -> int:
        return len(await request.body())

    @app.post("/")
    async def create(item: Item, size: Annotated[int, Depends(signed)]) -> str:
        return f"{item.name} {size}"

    assert serve(app).post("/", content=b'{"name": "n"}', headers={"content-type": "application/json"}).text == "n 13"
