"""The RSGI side does what the real server does: one table of requests, sent to both."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from velo_testing import ProtocolViolation, TestClient

HERE = Path(__file__).parent
LEFT_OUT = {"server", "date", "transfer-encoding", "connection"}  # the server's own, about the connection and not the response

Call = partial[httpx2.Response] | Callable[[httpx2.Client], httpx2.Response]


def get(path: str, headers: list[tuple[bytes, bytes]] | None = None) -> list[Any]:
    """GET and HEAD."""

    def call(client: httpx2.Client, method: str) -> httpx2.Response:
        return client.request(method, path, headers=headers)

    return [pytest.param(partial(call, method=method), id=f"{method} {path}") for method in ("GET", "HEAD")]


def post(path: str, name: str, **options: Any) -> list[Any]:
    def call(client: httpx2.Client) -> httpx2.Response:
        return client.post(path, **options)

    return [pytest.param(call, id=f"POST {path} {name}")]


DUPLICATES = [(b"x-dup", b"1"), (b"x-between", b"2"), (b"X-Dup", b"3"), (b"x-latin", b"\xe9"), (b"x-mixed", b"\xe9"), (b"x-mixed", b"e\t!")]

REQUESTS = [
    *get("/describe/a%2Fb%ff%E2%82%AC%20?q=%20x&%ff"),
    *get("/describe"),
    *get("/headers", headers=DUPLICATES),
    *post("/whole", "bytes", content=b"body"),
    *post("/whole", "nothing"),
    *post("/whole", "form", data={"a": "b c"}),
    *post("/chunks", "bytes", content=b"body"),
    *post("/chunks", "nothing"),
    *get("/chunks"),
    *get("/awaitables"),
    *(case for kind in ("empty", "str", "bytes") for status in (200, 404, 599) for case in get(f"/plain/{kind}/{status}")),
    *get("/plain/empty/204"),
    *get("/plain/empty/304"),
    *get("/defaults"),
    *get("/length"),
    *get("/length_of_nothing?304"),
    *get("/stream"),
    *get("/stream_kept"),
    *get("/stream_over"),
    *get("/stream_second"),
    *get("/file"),
    *get("/file_missing"),
    *get("/file_range?2-5"),
    *get("/file_range?2-999999"),
    *get("/file_range?999990-999999"),
    *post("/late_read", "bytes", content=b"body"),
    *get("/failing"),
    *get("/failing_stream"),
]


def seen(response: httpx2.Response) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    headers = [(name, value) for name, value in response.headers.raw if name.decode() not in LEFT_OUT]
    # hyper writes the length after everything else, where the application has not given it.
    return response.status_code, sorted(headers, key=lambda pair: pair[0] == b"content-length"), response.content


@pytest.fixture(scope="module")
def granian() -> Iterator[httpx2.Client]:
    if importlib.util.find_spec("granian") is None:
        pytest.skip("GRANIAN IS NOT INSTALLED: what the test client does on RSGI was not compared with the real server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "rsgi", "--port", str(port), "--no-log", "rsgi_cases:app"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    server = subprocess.Popen(command, cwd=HERE, env=environment)  # noqa: S603  # nothing in it comes from outside
    try:
        wait_for(port, server)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"host": "testserver"}, trust_env=False) as client:
            yield client
    finally:
        server.terminate()
        server.wait(60)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)  # there is no other sign that a process listens
    pytest.fail("granian did not start")


@pytest.fixture(scope="module")
def emulation() -> Iterator[httpx2.Client]:
    specification = importlib.util.spec_from_file_location("rsgi_cases", HERE / "rsgi_cases.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    with TestClient(module.app, protocol="rsgi", raise_app_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("call", REQUESTS)
def test_granian_and_the_test_client_agree(call: Call, granian: httpx2.Client, emulation: httpx2.Client) -> None:
    answered = seen(call(granian))
    refused: ProtocolViolation | None = None
    try:
        emulated = seen(call(emulation))
    except ProtocolViolation as violation:  # what Granian sends over HTTP/2 is not for the test client to hide
        refused, emulated = violation, answered
    method = call.keywords["method"] if isinstance(call, partial) else "POST"

    assert emulated == answered
    assert refused is None or (method, refused.code) == ("HEAD", "VELO_VIOLATION_BODY")
