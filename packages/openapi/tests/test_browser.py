"""Documentation pages in a browser without a network, below a mount, under their policy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from browsing import opened_page, served
from playwright.sync_api import expect

from velo_core import Body, Router, Velo
from velo_openapi import OpenAPI

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PATHS: dict[str, Any] = {"swagger_ui": "/docs", "redoc": "/redoc", "scalar": "/scalar"}


def shop(title: str = "Tea & salt", description: str = "") -> Velo:
    """An application with a document of its own, and one of those who administrate, mounted in another application."""
    app, items, admin = Velo(), Router("/items", tags=["items"]), Router("/admin", tags=["admin"])
    info = {"description": description} if description else {}
    app.install(OpenAPI(title=title, info=info, include=lambda one: not one.path.startswith("/admin"), **PATHS))
    admin.install(OpenAPI(title="Back office", **PATHS))

    @items.get("/{number}", description=f"Shows an item.\n\n{description}")
    async def show_item(number: int, loud: bool = False) -> dict[str, int]:
        return {"doubled": 2 * number}

    @admin.get("/orders")
    async def orders() -> dict[str, str]:
        """Lists orders."""
        return {"order": "of tea"}

    app.include(items)
    app.include(admin)
    outer = Velo()
    outer.mount("/v1", app)
    return outer


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(shop()) as origin:
        yield f"{origin}/v1"


@pytest.fixture
def page() -> Iterator[Page]:
    """Fails the test for whatever went wrong in it, violations of the policy included."""
    with opened_page() as (page, wrong):
        yield page
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


def bodies() -> Velo:
    """An application whose bodies are neither forms nor JSON."""
    app = Velo()
    app.install(OpenAPI(title="Bodies", swagger_ui="/docs"))

    @app.put("/bytes")
    async def measure(content: Annotated[bytes, Body()]) -> dict[str, int]:
        """Takes any bytes."""
        return {"measured": len(content)}

    @app.get("/lines")
    async def lines() -> AsyncIterator[dict[str, str]]:
        """Streams lines."""
        yield {"name": "tea"}
        yield {"name": "salt"}

    return app


def test_swagger_ui_shows_lines_of_json_and_sends_files(page: Page, tmp_path: Path) -> None:
    (tmp_path / "tea.txt").write_text("tea")
    with served(bodies()) as origin:
        page.goto(f"{origin}/docs")

        def execute(summary: str, file: Path | None = None) -> Locator:
            page.get_by_text(summary).click()
            operation = page.locator(".opblock", has=page.get_by_text(summary, exact=True))
            operation.get_by_role("button", name="Try it out").click()
            if file is not None:
                operation.locator("input[type=file]").set_input_files(file)
            operation.get_by_role("button", name="Execute").click()
            return operation.locator(".live-responses-table")

        expect(execute("Streams lines.")).to_contain_text('{"name":"tea"}\n{"name":"salt"}', timeout=60_000)
        expect(execute("Takes any bytes.", tmp_path / "tea.txt")).to_contain_text('"measured": 3', timeout=60_000)


def test_scalar_sends_real_requests(page: Page, url: str) -> None:
    page.goto(f"{url}/admin/scalar")
    page.get_by_role("button", name="Test Request").first.click()
    client = page.get_by_role("dialog")
    with page.expect_response("**/v1/admin/orders") as sent:
        client.get_by_role("button", name="Send get request").click()
    client.get_by_text("of tea").first.wait_for()

    assert sent.value.json() == {"order": "of tea"}


def test_redoc_shows_the_operations_and_finds_them(page: Page, url: str) -> None:
    page.goto(f"{url}/redoc")
    page.get_by_role("heading", name="Shows an item.").wait_for()
    page.get_by_placeholder("Search...").fill("item")
    page.locator("[data-role='search:results']").get_by_text("Shows an item.").wait_for()

    page.get_by_role("heading", name="Tea & salt").wait_for()
    page.get_by_text("/v1/items/{number}").first.wait_for(state="attached")


@pytest.mark.parametrize("path", PATHS.values())
def test_a_router_has_pages_of_its_own_document(page: Page, url: str, path: str) -> None:
    page.goto(f"{url}/admin{path}")
    page.get_by_text("Lists orders.").filter(visible=True).first.wait_for()

    page.get_by_text("Back office").first.wait_for(state="attached")
    assert page.get_by_text("Shows an item.").count() == 0


@pytest.mark.parametrize("path", PATHS.values())
def test_no_words_of_a_document_become_a_script(path: str) -> None:
    markup = (
        "</script><script>window.ran = 1</script><img src='data:,' onerror='window.ran = 2'><a href='javascript:window.ran = 3'>here</a> "
        "[there](javascript:window.ran=4) <iframe srcdoc='<script>parent.ran = 5</script>'></iframe>"
    )
    with served(shop(f"Tea {markup}", f"Much of it: {markup}")) as origin, opened_page() as (page, wrong):
        page.goto(f"{origin}/v1{path}")
        page.get_by_text("Much of it").filter(visible=True).first.wait_for()
        page.evaluate("for (const a of document.querySelectorAll('a')) if (['here', 'there'].includes(a.textContent)) a.click()")

        assert page.evaluate("window.ran") is None
        expect(page).to_have_title(re.compile("^Tea </script>"), timeout=60_000)
        assert page.locator("[onerror], iframe, a[href^='javascript:']").count() == 0
        # What ReDoc cleans, it lets the browser read first; the policy is what keeps that from running.
        assert all("inline event handler" in one for one in wrong)
