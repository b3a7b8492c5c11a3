"""Documentation pages: their files and policies. What they do in a browser is in `test_browser.py`."""

from __future__ import annotations

import gzip
import json
import re
from importlib.metadata import distribution
from importlib.resources import files
from typing import Any

import pytest

from velo_core import Router, Velo
from velo_openapi import OpenAPI, OpenAPIError
from velo_testing import ProtocolName, TestClient

PATHS = {"swagger-ui": "/docs", "redoc": "/redoc", "scalar": "/scalar"}


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
    assert ("worker-src blob:;" if path == "/redoc" else "worker-src 'none';") in policy
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


def test_the_package_carries_every_file_and_the_licence_of_each_library() -> None:
    carried = {file.name for file in (files("velo_openapi") / "assets").iterdir()}
    licences = (files("velo_openapi") / "assets" / "LICENSES.txt").read_text()
    installed = distribution("velo-openapi").read_text("licenses/src/velo_openapi/assets/LICENSES.txt")

    assert carried == {
        "LICENSES.txt",
        "oauth2-redirect.js.gz",
        "redoc.js.gz",
        "scalar.js.gz",
        "swagger-ui.css.gz",
        "swagger-ui.js.gz",
        "versions.json",
    }
    for library in json.loads((files("velo_openapi") / "assets" / "versions.json").read_text()):
        assert library in licences
    assert installed in (None, licences)  # an editable installation has no copy
    with TestClient(shop()) as client:
        for path in PATHS.values():
            page = client.get(path).text
            for file in re.findall(r'(?:src|href)="([^"]+)"', page):
                if not file.startswith("data:"):
                    assert client.get(f"/{file}").status_code == 200, file


def test_pages_and_documents_are_listed_and_their_files_are_not() -> None:
    """By `velo routes`, which asks the handlers."""
    listed = {one.place: one.name for one in shop().routes if not getattr(one.route.handler, "__velo_asset__", False)}

    assert listed == {
        "/openapi.json": "serve_document",
        "/docs": "swagger_ui",
        "/redoc": "redoc",
        "/scalar": "scalar",
        "/items/{number}": "show_item",
    }
