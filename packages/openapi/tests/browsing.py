"""A browser without a network, and applications that are served to it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Generator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["opened_page", "served"]

CHROMIUM = shutil.which("chromium")


@contextmanager
def served(app: Any) -> Generator[str]:
    """The origin where the application is served for real."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def opened_page() -> Generator[tuple[Page, list[str]]]:
    """A page of a browser that reaches this machine and nothing else; what went wrong in it, or in what it opened, is in the list.

    That is what it wanted from elsewhere, what the policy refused, and every other error on the console.
    """
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []

    def check(url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            wrong.append(url)

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        context.set_default_timeout(60_000)
        context.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("request", lambda request: check(request.url))
        yield context.new_page(), wrong
        browser.close()
