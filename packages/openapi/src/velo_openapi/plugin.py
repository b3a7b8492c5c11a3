"""The plugin: a document, served."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any, cast

import msgspec

from velo_core import Manifest, Operation, Plugin, Problem, Request, Response, Router, Velo, check_preconditions
from velo_openapi.document import Document, draft
from velo_openapi.errors import OpenAPIError
from velo_openapi.options import DocumentOptions, Version, unfit
from velo_openapi.pages import add_page
from velo_openapi.starting import problems_at_start

__all__ = ["OpenAPI"]

logger = logging.getLogger("velo.openapi")


class OpenAPI(Plugin):
    """Serves an OpenAPI document of the router it is installed on, and of those below.

    It is made when it is first asked for, kept, and sent with an `ETag`.

    Args:
        title: Of the interface.
        version: Of the interface.
        openapi_version: `"3.1"` or `"3.2"`.
        path: Of the document, below the prefix of the router; `None` to serve none.
        info: More members of the `info` object.
        servers: Server objects; where the application is mounted if there are none.
        tags: Tag objects, in their order.
        operation_id: (operation, method) to its id, or `None` for the name of the route.
        webhooks: A router whose routes are what this application calls.
        extra: More members of the document.
        swagger_ui: Path of a page with Swagger UI, such as `"/docs"`; `None` to serve none.
        redoc: Path of a page with ReDoc.
        scalar: Path of a page with Scalar.
        page_options: Options of the pages, in their own words, by kind: `{"swagger-ui": {"tryItOutEnabled": True}}`.
        oauth2: What `initOAuth` of Swagger UI takes: `{"clientId": "docs", "usePkceWithAuthorizationCodeGrant": True}`.
        connect: Origins besides our own that pages may talk to: other servers, and those that hand out tokens.
        include: Which operations are in it, besides `include_in_schema`.

    Raises:
        OpenAPIError: there is no such version; or there are pages without a document.
    """

    manifest = Manifest(name="openapi", requires_api=">=0.1,<1", provides=("openapi",))

    def __init__(
        self,
        *,
        title: str = "API",
        version: str = "0.1.0",
        openapi_version: Version = "3.1",
        path: str | None = "/openapi.json",
        info: Mapping[str, Any] | None = None,
        servers: Sequence[Mapping[str, Any]] = (),
        tags: Sequence[Mapping[str, Any]] = (),
        operation_id: Callable[[Operation, str], str | None] | None = None,
        webhooks: Router | None = None,
        extra: Mapping[str, Any] | None = None,
        swagger_ui: str | None = None,
        redoc: str | None = None,
        scalar: str | None = None,
        page_options: Mapping[str, Mapping[str, Any]] | None = None,
        oauth2: Mapping[str, Any] | None = None,
        connect: Sequence[str] = (),
        include: Callable[[Operation], bool] | None = None,
    ) -> None:
        self.options = DocumentOptions(
            title=title,
            version=version,
            openapi_version=openapi_version,
            info=info or {},
            servers=servers,
            tags=tags,
            operation_id=operation_id,
            webhooks=webhooks,
            extra=extra or {},
        )
        self.path = path
        self.include = include
        self.pages = {kind: at for kind, at in (("swagger-ui", swagger_ui), ("redoc", redoc), ("scalar", scalar)) if at is not None}
        self.page_options = page_options or {}
        self.oauth2 = oauth2
        self.connect = tuple(connect)
        _check_options(self)
        self._router: Router | None = None
        self._kept: tuple[Velo, str, bytes, str] | None = None

    def install(self, router: Router) -> None:
        """Adds the routes of the document and of the pages."""
        self._router = router
        if self.path is not None:
            router.get(self.path, include_in_schema=False)(self.serve_document)
            for kind, at in self.pages.items():
                config: dict[str, Any] = {"options": self.page_options.get(kind, {}), "oauth2": self.oauth2}
                add_page(router, kind, at, self.path, title=self.options.title, config=config, connect=self.connect)

    @asynccontextmanager
    async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
        """Forgets the document: between two starts, dependencies may have been overridden."""
        self._kept = None
        yield

    def find_problems(self, app: Velo) -> Iterator[Problem]:
        """What is wrong with the document, as far as that can be told without making it."""
        return problems_at_start(self, app, self._router)

    def document(self, app: Velo, *, root_path: str = "", openapi_version: Version | None = None) -> Document:
        """The document, made anew. Freezes the application.

        Args:
            app: That the plugin is installed on, itself or on one of its routers.
            root_path: Where the application is mounted.
            openapi_version: In place of that of the options.

        Raises:
            OpenAPIError: with all that cannot be as it was asked for.
        """
        made = self.draft(app, root_path=root_path, openapi_version=openapi_version)
        if made.problems:
            raise OpenAPIError.of(made.problems)
        return made

    def draft(self, app: Velo, *, root_path: str = "", openapi_version: Version | None = None) -> Document:
        """The same, whatever is wrong: what cannot be as it was asked for is left out, and told in `problems`. That is what is served."""
        options = self.options if openapi_version is None else replace(self.options, openapi_version=openapi_version)
        operations, problems = self._chosen(app)
        made = draft(operations, options, root_path=root_path)
        return replace(made, problems=(*problems, *made.problems))

    def operations(self, app: Velo) -> list[Operation]:
        """The operations that are in the document, and those among them that `include_in_schema` hides. Freezes the application."""
        return self._chosen(app)[0]

    def _chosen(self, app: Velo) -> tuple[list[Operation], list[Problem]]:
        found = [one for one in app.operations if self._router is None or self._router in one.routers]
        chosen: list[Operation] = []
        problems: list[Problem] = []
        for one in found:
            try:
                if self.include is None or self.include(one):
                    chosen.append(one)
            except Exception as error:  # it may be one that nobody should see
                message = f"include of OpenAPI(...) raised {type(error).__name__}: {error}, for {one.path} ({one.place}), which is left out"
                problems.append(Problem("OPENAPI_OPTION", f"{message}; correct it"))
        return chosen, problems

    def served_at(self, app: Velo) -> str | None:
        """The whole path of the document; `None` if none is served. Freezes the application."""
        return next((one.path for one in app.operations if one.handler == self.serve_document), None)

    async def serve_document(self, request: Request) -> Response:
        """The handler of the document: made at the first request, kept, and sent with an `ETag`."""
        _, _, body, etag = await self._current(request)
        ended = check_preconditions(request, etag=etag)
        return ended or Response(body, 200, {"cache-control": "no-cache"}, "application/json")

    async def _current(self, request: Request) -> tuple[Velo, str, bytes, str]:
        """The application, where it is mounted, the document for that, and its entity tag. There is one of each, so one is kept."""
        # The outermost router of the request, for not every server has the lifespan entered, which would tell as well.
        app = cast("Velo", request.slot_scope().holders[-1])
        kept = self._kept
        if kept is not None and kept[0] is app and kept[1] == request.root_path:
            return kept
        # In a thread: of a large application it takes some tenths of a second, which others need not wait.
        document = await asyncio.to_thread(self.draft, app, root_path=request.root_path)
        for problem in document.problems:
            logger.error("%s [%s]", problem.message, problem.code)
        body = msgspec.json.encode(document.content)
        self._kept = made = app, request.root_path, body, sha256(body).hexdigest()[:32]
        return made


def _check_options(plugin: OpenAPI) -> None:
    """What can be told of the options before there are operations.

    Raises:
        OpenAPIError: `OPENAPI_OPTION`, with the option and what it takes.
    """
    options = plugin.options
    paths: dict[str, object] = {"path": plugin.path, **{kind.replace("-", "_"): at for kind, at in plugin.pages.items()}}
    wrong = [
        f"`{name}` takes a path such as {_path(at)!r}, not {at!r}" for name, at in paths.items() if at is not None and not _is_path(at)
    ]
    texts: dict[str, object] = {"title": options.title, "version": options.version}
    wrong += [f"`{name}` takes a text, not {one!r}" for name, one in texts.items() if not isinstance(one, str)]
    objects: dict[str, Sequence[object]] = {"tags": options.tags, "servers": options.servers}
    wrong += [
        f"`{name}` takes objects such as {example}, not {one!r}"
        for name, member, example in (("tags", "name", '{"name": "items"}'), ("servers", "url", '{"url": "https://api.example.com"}'))
        for one in objects[name]
        if not isinstance(one, Mapping) or member not in one
    ]
    tags: list[object] = [one.get("name") for one in options.tags if isinstance(one, Mapping)]  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
    wrong += [f"`tags` has {name!r} twice; describe it once" for name in dict.fromkeys(tags) if tags.count(name) > 1]
    mappings: dict[str, object] = {
        "info": options.info,
        "extra": options.extra,
        "page_options": plugin.page_options,
        "oauth2": plugin.oauth2 or {},
    }
    wrong += [f"`{name}` takes a mapping, not {one!r}" for name, one in mappings.items() if not isinstance(one, Mapping)]
    wrong += [f"`{name}` {said}" for name, one in (objects | mappings).items() if (said := unfit(one)) is not None]
    functions: dict[str, object] = {"include": plugin.include, "operation_id": options.operation_id}
    wrong += [f"`{name}` takes a function, not {one!r}" for name, one in functions.items() if one is not None and not callable(one)]
    routers: list[object] = [] if options.webhooks is None else [options.webhooks]
    wrong += [
        f"`webhooks` takes a Router that is never served, not {one!r}"
        for one in routers
        if isinstance(one, Velo) or not isinstance(one, Router)
    ]
    if plugin.pages and plugin.path is None:
        wrong.append("there are pages, but no document that they could show; leave `path` at its default")
    unknown = sorted(set(plugin.page_options) - set(plugin.pages)) if isinstance(mappings["page_options"], Mapping) else []
    if unknown:
        wrong.append(f"`page_options` has {unknown[0]!r}, which is no page that is served; there are {sorted(plugin.pages) or 'none'}")
    if plugin.oauth2 is not None and "swagger-ui" not in plugin.pages:
        wrong.append("`oauth2` is for Swagger UI; give `swagger_ui` a path")
    # What stands there goes into a header, where `;` and a space would begin another rule.
    wrong += [f"`connect` takes origins such as 'https://login.example.com', not {one!r}" for one in plugin.connect if not _ORIGIN(one)]
    if wrong:
        raise OpenAPIError("OPENAPI_OPTION", "; ".join(wrong))


def _is_path(at: object) -> bool:
    return isinstance(at, str) and at.startswith("/")


def _path(at: object) -> str:
    return f"/{at}" if isinstance(at, str) and at else "/docs"


_ORIGIN = re.compile(r"(?:(?:https?|wss?)://)?[A-Za-z0-9.*\[\]:-]+(?:/[!-+\--:<-~]*)?").fullmatch
"""A host source of a policy (Content Security Policy Level 3, section 2.3.1); in its path no `,` and no `;`."""
