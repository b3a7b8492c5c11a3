"""Documentation pages: their files and policies, and in a browser without a network."""

from __future__ import annotations

import gzip
import shutil
import socket
from collections.abc import Iterator
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from velo_core import Router, Velo
from velo_openapi import OpenAPI, OpenAPIError
from velo_testing import ProtocolName, TestClient

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATHS = {"swagger-ui": "/docs", "redoc": "/redoc", "scalar": "/scalar"}
CHROMIUM = shutil.which("chromium")


def shop(**options: Any) -> Velo:
    app, items = Velo(), Router("/items", tags=["items"])
    app.install(OpenAPI(title="Tea & salt", swagger_ui="/docs", redoc="/redoc", scalar="/scalar", **options))

    @items.get("/{number}")
    async def show_item(number: int, loud: bool = False) -> dict[str, int]:
        """Shows an item."""
        return {"doubled": 2 * number}

    app.include(items)
    return app


@pytest.mark.parametrize("protocol", ["asgi", "rsgi", "wsgi"])
@pytest.mark.parametrize("path", PATHS.values())
def test_a_page_has_nothing_that_is_not_beside_it(protocol: ProtocolName, path: str) -> None:
    with TestClient(shop(), protocol=protocol) as client:
        page = client.get(path)
        script = client.get(f"{path}/start.js")

    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none';" in policy
    assert "<title>Tea &amp; salt - " in page.text
    assert "http:" not in page.text
    assert "https:" not in page.text
    assert '"document":"./openapi.json"' in script.text
    assert script.headers["content-type"].startswith("text/javascript")


def test_files_are_sent_compressed_to_those_who_can_read_it() -> None:
    with TestClient(shop()) as client:
        plain = client.get("/docs/swagger-ui.js", headers={"accept-encoding": "identity"})
        refused = client.get("/docs/swagger-ui.js", headers={"accept-encoding": "br, gzip;q=0"})
        packed = client.get("/docs/swagger-ui.js", headers={"accept-encoding": "br, gzip"})

    assert "content-encoding" not in plain.headers
    assert refused.content == plain.content == packed.content
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(gzip.compress(plain.content, 1))
    assert packed.headers["vary"] == "Accept-Encoding"


def test_other_origins_are_named_in_the_policy() -> None:
    with TestClient(shop(connect=["https://login.example.com"])) as client:
        policy = client.get("/docs").headers["content-security-policy"]

    assert "connect-src 'self' https://login.example.com;" in policy


def test_pages_need_a_document() -> None:
    with pytest.raises(OpenAPIError) as caught:
        OpenAPI(path=None, redoc="/redoc")
    assert caught.value.code == "OPENAPI_OPTION"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Of an application that is mounted in another one, and served for real."""
    outer = Velo()
    outer.mount("/v1", shop())
    server = uvicorn.Server(uvicorn.Config(outer, log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        server.should_exit = True
        thread.join()


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser that reaches this machine and nothing else. What it wanted from elsewhere, or was refused, fails the test."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        opened = browser.new_page(viewport={"width": 1200, "height": 900})
        opened.set_default_timeout(60_000)
        opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on(
            "request",
            lambda request: None if request.url.startswith(("http://127.0.0.1:", "data:", "blob:")) else wrong.append(request.url),
        )
        yield opened
        browser.close()
    assert wrong == []


def test_swagger_ui_sends_real_requests(page: Page, url: str) -> None:
    page.goto(f"{url}/docs")
    page.get_by_text("Shows an item.").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_placeholder("number").fill("21")
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table")
    answer.get_by_text("doubled").wait_for()

    assert "42" in answer.inner_text()


def test_redoc_shows_the_operations(page: Page, url: str) -> None:
    page.goto(f"{url}/redoc")
    page.get_by_role("heading", name="Shows an item.").wait_for()

    assert page.get_by_role("heading", name="Tea & salt").count() == 1
    assert page.get_by_text("/v1/items/{number}").count() >= 1


def test_scalar_shows_the_operations(page: Page, url: str) -> None:
    page.goto(f"{url}/scalar")
    page.get_by_text("Shows an item.").first.wait_for()
