"""Routes with one parameter each, and how its texts are sent, by the marker that takes them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated
from urllib.parse import quote

import httpx2

from velo_core import Cookie, Header, Path, Query, Velo
from velo_testing import TestClient

__all__ = ["MARKERS", "SEND", "app_for", "can_be_in", "in_cookie", "in_header", "in_query", "locations", "problem", "taking"]


def in_path(client: TestClient, number: int, texts: list[str]) -> httpx2.Response:
    (text,) = texts
    return client.get("/", extensions={"target": f"/path/{number}/{quote(text, safe='')}".encode()})


def in_query(client: TestClient, number: int, texts: list[str]) -> httpx2.Response:
    return client.get(f"/query/{number}", params=[("value", text) for text in texts])


def in_header(client: TestClient, number: int, texts: list[str]) -> httpx2.Response:
    return client.get(f"/header/{number}", headers=[("value", text) for text in texts])


def in_cookie(client: TestClient, number: int, texts: list[str]) -> httpx2.Response:
    return client.get(f"/cookie/{number}", headers=[("cookie", f"value={text}") for text in texts])


SEND: Mapping[str, Callable[[TestClient, int, list[str]], httpx2.Response]] = {
    "path": in_path,
    "query": in_query,
    "header": in_header,
    "cookie": in_cookie,
}
MARKERS: Mapping[str, type[Path | Query | Header | Cookie]] = {"path": Path, "query": Query, "header": Header, "cookie": Cookie}


def can_be_in(source: str, text: str) -> bool:
    """Whether the text arrives as it is: a path has no empty segment, headers and cookies are visible ASCII without space around it."""
    if source == "path":
        return text not in ("", ".", "..") and not set(text) & set("/\0")
    return source == "query" or (text.isascii() and text.isprintable() and text == text.strip() and not set(text) & set(';"'))


def taking(annotation: object) -> Callable[..., object]:
    """A handler with one parameter `value`, which answers with its `repr`, so that types show."""

    async def show(value: object) -> str:
        return repr(value)

    show.__annotations__ = {"value": annotation, "return": str}
    return show


def app_for(annotations: Iterable[object], sources: Iterable[str] = MARKERS) -> Velo:
    """One route for each annotation and source: `/{source}/{number}`."""
    app = Velo()
    for number, annotation in enumerate(annotations):
        for source in sources:
            path = f"/path/{number}/{{value}}" if source == "path" else f"/{source}/{number}"
            app.get(path)(taking(Annotated[annotation, MARKERS[source]()]))
    return app


def problem(*errors: tuple[list[str | int], str, str]) -> dict[str, object]:
    """The whole document of a 422, from (loc, message, code)."""
    return {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "The request has values that do not fit.",
        "errors": [{"loc": loc, "message": message, "code": code} for loc, message, code in errors],
    }


def locations(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of each error of a 422."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]
