"""Where plain functions run: bounded pools with names, and threads of their own for tear-downs."""

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Annotated

import pytest

from velo_core import Depends, Request, SetupError, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


def thread() -> str:
    return threading.current_thread().name


def test_functions_run_in_the_pool_that_they_name(serve: Serve, protocol: str) -> None:
    """On WSGI, what names no pool runs in the thread of the server."""
    app = Velo(pools={"cpu": 2, "files": 1})

    class Image:
        def __init__(self) -> None:
            self.thread = thread()

    @contextmanager
    def open_file() -> Generator[str]:
        yield thread()

    @app.get("/", pool="files")
    def show(
        image: Annotated[Image, Depends(Image, pool="cpu")],
        file: Annotated[str, Depends(open_file, pool="files")],
        other: Annotated[str, Depends(thread)],
    ) -> list[str]:
        return [image.thread, file, other, thread()]

    image, file, other, handler = serve(app).get("/").json()

    assert image.startswith("velo-cpu_")
    assert file.startswith("velo-files_")
    assert other.startswith("velo-test-wsgi" if protocol == "wsgi" else "velo_")
    assert handler.startswith("velo-files_")


def test_neighbours_of_one_pool_are_one_visit(serve: Serve) -> None:
    app = Velo(pools={"cpu": 3})

    def one() -> int:
        return threading.get_ident()

    def two() -> int:
        return threading.get_ident()

    @app.get("/", pool="cpu")
    def show(one: Annotated[int, Depends(one, pool="cpu")], two: Annotated[int, Depends(two, pool="cpu")]) -> bool:
        return one == two == threading.get_ident()

    @app.get("/mixed", pool="cpu")
    def mixed(one: Annotated[int, Depends(one)], two: Annotated[int, Depends(two, pool="cpu")]) -> None: ...

    @app.get("/plain")
    def plain(one: Annotated[int, Depends(one)]) -> None: ...

    assert serve(app).get("/").json() is True
    assert app.plan("GET", "/").source.count("await in_cpu(hop)") == 1
    assert app.plan("GET", "/mixed").source.count("await in_thread(hop)") == 1
    assert app.plan("GET", "/mixed").source.count("await in_cpu(hop)") == 1
    assert "cpu" not in app.plan("GET", "/plain").source


async def test_a_pool_is_bounded_and_tells_who_waits() -> None:
    pool = Velo(pools={"cpu": 2}).pools["cpu"]
    go = threading.Event()
    running: list[int] = []
    began = threading.Semaphore(0)

    def work() -> int:
        running.append(1)
        began.release()
        assert go.wait(60)
        return running.pop()

    jobs = [asyncio.create_task(pool.run(work)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.to_thread(lambda: (began.acquire(timeout=60), began.acquire(timeout=60)))

    assert (pool.size, pool.busy, pool.waiting, len(running)) == (2, 2, 3, 2)
    jobs[-1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await jobs[-1]
    assert (pool.busy, pool.waiting) == (2, 2)
    go.set()
    assert await asyncio.gather(*jobs[:-1]) == [1, 1, 1, 1]
    assert (pool.busy, pool.waiting) == (0, 0)


def test_the_pool_of_handlers_has_forty_threads_and_is_shared() -> None:
    one, two, own = Velo(), Velo(pools={"cpu": 1}), Velo(pools={"handlers": 3})

    assert one.pools["handlers"] is two.pools["handlers"]
    assert one.pools["handlers"].size == 40
    assert own.pools["handlers"].size == 3
    assert list(two.pools) == ["handlers", "cpu"]


@pytest.mark.parametrize("threads", [1, 2])
def test_tear_downs_do_not_wait_behind_handlers_that_wait_for_them(serve: Serve, threads: int) -> None:
    """As in fastapi#3205: all threads wait for a connection that only a tear-down can give back."""
    app = Velo(pools={"handlers": threads})
    connections = threading.Semaphore(threads)

    def connection() -> Iterator[None]:
        assert connections.acquire(timeout=60), "deadlock"
        yield
        connections.release()

    @app.get("/")
    async def show(connection: Annotated[None, Depends(connection)]) -> str:
        await asyncio.sleep(0.01)  # others get the thread meanwhile
        return "shown"

    client = serve(app)
    with ThreadPoolExecutor(6) as executor:
        answers = [response.text for response in executor.map(client.get, ["/"] * 6)]

    assert answers == ["shown"] * 6


def test_a_pool_can_be_used_again_after_the_application_has_stopped(serve: Serve) -> None:
    app = Velo(pools={"cpu": 1})

    @app.get("/", pool="cpu")
    def show(request: Request) -> str:
        return thread()

    for _ in range(2):
        client = serve(app)
        assert client.get("/").text.startswith("velo-cpu_")
        client.close()


# What is wrong with them.


@pytest.mark.parametrize("pools", [{"cpu": 0}, {"cpu": -1}, {"": 1}], ids=str)
def test_a_pool_without_threads_or_name_is_refused(pools: dict[str, int]) -> None:
    with pytest.raises(SetupError) as caught:
        Velo(pools=pools)
    assert caught.value.code == "VELO_POOL"


def test_a_pool_that_is_not_there_or_not_used_is_reported() -> None:
    app = Velo(pools={"cpu": 1})

    @app.get("/unknown", dependencies=[Depends(thread, pool="gpu")])
    async def unknown() -> None: ...

    @app.get("/coroutine", pool="cpu")
    async def not_blocking() -> None: ...

    @app.get("/inline", dependencies=[Depends(thread, pool="cpu", inline=True)])
    async def inline() -> None: ...

    with pytest.raises(SetupError) as caught:
        app.freeze()

    first, second, third = caught.value.problems
    assert {first.code, second.code, third.code} == {"VELO_POOL"}
    assert "wants the pool 'gpu', but there are 'handlers', 'cpu'" in first.message
    assert "not_blocking" in second.message
    assert "runs on the event loop" in second.message
    assert "inline=True" in third.message
