"""Documentation pages: Swagger UI, Scalar and ReDoc, from files of this package alone.

No page has a script of its own: what one says is a file beside it, so that the Content-Security-Policy allows nothing but files of ours.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import msgspec

from velo_core import Request, Response, Router

__all__ = ["Page", "add_page"]

_SWAGGER_UI = """
// It takes lines of JSON for a file that is broken JSON, and has no field for a body that may be anything.
const isLines = (type) => /[/+](jsonl|jsonlines|json-seq|(x-)?ndjson)\\b/i.test(type);
const helps = (system) => ({
  wrapComponents: {
    responseBody: (Body) => (given) =>
      system.React.createElement(Body, { ...given, contentType: isLines(given.contentType) ? "text/plain" : given.contentType }),
  },
  afterLoad() {
    const known = this.fn.isFileUploadIntended;
    this.fn.isFileUploadIntended = (schema, type) => (type === "*/*" && !(schema && schema.size)) || known(schema, type);
  },
});
const asText = async (response) => {
  const { data, headers } = response;
  if (data instanceof Blob && isLines(headers["content-type"])) response.text = response.data = await data.text();
  return response;
};
window.ui = SwaggerUIBundle({
  url: config.document,
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  oauth2RedirectUrl: new URL(config.redirect, location.href).href,
  plugins: [helps],
  responseInterceptor: asText,
  ...config.options,
});
if (config.oauth2) window.ui.initOAuth(config.oauth2);
"""
_REDOC = 'Redoc.init(config.document, {sanitize: true, hideLoading: true, ...config.options}, document.getElementById("page"));\n'
_SCALAR = """
Scalar.createApiReference("#page", {
  url: config.document,
  withDefaultFonts: false,
  hideClientButton: true,
  telemetry: false,
  showDeveloperTools: "never",
  agent: { disabled: true },
  mcp: { disabled: true },
  ...config.options,
});
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One kind of page.

    Attributes:
        title: Behind that of the document.
        scripts: Files of this package.
        styles: Files of this package.
        start: Script that makes the page of `config`.
        workers: Where its workers may come from.
    """

    title: str
    scripts: tuple[str, ...]
    styles: tuple[str, ...]
    start: str
    workers: str = "'none'"


PAGES: Mapping[str, Page] = {
    "swagger-ui": Page("Swagger UI", ("swagger-ui.js",), ("swagger-ui.css",), _SWAGGER_UI),
    "redoc": Page("ReDoc", ("redoc.js",), (), _REDOC, "blob:"),
    "scalar": Page("Scalar", ("scalar.js",), (), _SCALAR),
}

_ASSET = "__velo_asset__"
"""Attribute that keeps a route out of what `velo routes` shows."""
_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}


def policy(connect: tuple[str, ...], workers: str = "'none'") -> str:
    """The Content-Security-Policy. Styles may be inline, for all three pages write some; scripts may not.

    Args:
        connect: Origins besides our own that a page may talk to: servers of the interface, and those that hand out tokens.
        workers: Where workers may come from. ReDoc makes the one that searches of a text in its own file, and calls that `blob:`; only a
            script that runs already can make one, and a worker is under the policy of the page.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"worker-src {workers}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            " ".join(("connect-src 'self'", *connect)),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def add_page(
    router: Router, kind: str, path: str, document: str, *, title: str, config: Mapping[str, Any], connect: tuple[str, ...] = ()
) -> None:
    """Serves a page at `path`, and its files below.

    Args:
        router: That the routes are added to.
        kind: One of `PAGES`.
        path: Below the prefix of the router.
        document: Path of the document, below the prefix of the router.
        title: Of the document.
        config: `options` of the page, and `oauth2` for Swagger UI.
        connect: See `policy`.
    """
    page = PAGES[kind]
    base = path.rstrip("/")
    above = "../" * base.count("/")
    # Everything is relative, to work wherever the application is mounted; the files lie one folder deeper than the page.
    name = base.rpartition("/")[2] or "."
    given = {"document": f"{above[3:] or './'}{document.lstrip('/')}", "redirect": f"{name}/oauth2-redirect", **config}
    script = f"const config = {msgspec.json.encode(given).decode()};\n{page.start}".encode()
    html = _html(f"{title} - {page.title}", name, page).encode()
    headers = {
        "content-security-policy": policy(connect, page.workers),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }

    async def show() -> Response:
        return Response(html, 200, {**headers, "cache-control": "no-cache"}, "text/html")

    async def start() -> Response:
        return Response(script, 200, {"cache-control": "no-cache", "content-type": _TYPES["js"], "x-content-type-options": "nosniff"})

    show.__name__ = show.__qualname__ = kind.replace("-", "_")  # the name of the route
    router.get(path, include_in_schema=False)(show)
    assets = {"start.js": start, **{file: _sender(file) for file in page.scripts + page.styles}}
    if kind == "swagger-ui":
        redirect = b'<!doctype html>\n<html lang="en">\n<title>OAuth 2.0</title>\n<script src="oauth2-redirect.js"></script>\n</html>\n'

        async def oauth2_redirect() -> Response:
            return Response(redirect, 200, headers, "text/html")

        assets |= {"oauth2-redirect": oauth2_redirect, "oauth2-redirect.js": _sender("oauth2-redirect.js")}
    for file, handler in assets.items():
        setattr(handler, _ASSET, True)
        router.get(f"{base}/{file}", include_in_schema=False)(handler)


def _html(title: str, base: str, page: Page) -> str:
    def lines() -> Iterator[str]:
        yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield f"<title>{escape(title)}</title>"
        yield '<link rel="icon" href="data:,">'
        yield from (f'<link rel="stylesheet" href="{base}/{file}">' for file in page.styles)
        yield '</head>\n<body style="margin: 0">\n<div id="page"></div>'
        yield from (f'<script src="{base}/{file}"></script>' for file in (*page.scripts, "start.js"))
        yield "</body>\n</html>\n"

    return "\n".join(lines())


@cache
def _compressed(name: str) -> bytes:
    return (files("velo_openapi") / "assets" / f"{name}.gz").read_bytes()


def _sender(name: str) -> Any:
    """A handler that sends a file of this package, compressed if the client can read that."""

    async def send(request: Request) -> Response:
        body = _compressed(name)
        headers = {
            "content-type": _TYPES[name.rpartition(".")[2]],
            "cache-control": "public, max-age=3600",
            "vary": "Accept-Encoding",
            "x-content-type-options": "nosniff",
        }
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            headers["content-encoding"] = "gzip"
        else:
            body = gzip.decompress(body)
        return Response(body, 200, headers)

    return send


def _takes_gzip(accept: str) -> bool:
    for one in accept.lower().split(","):
        name, _, parameters = one.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
