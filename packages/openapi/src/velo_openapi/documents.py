"""The documents of an application: one for each installation of the plugin."""

from __future__ import annotations

from dataclasses import dataclass

from velo_core import Velo
from velo_openapi.document import Document
from velo_openapi.options import Version
from velo_openapi.plugin import OpenAPI

__all__ = ["Described", "documents_of"]


@dataclass(frozen=True, slots=True)
class Described:
    """A document that an application has.

    Attributes:
        app: Whose it is.
        plugin: That makes it.
        path: Where it is served, if it is.
        prefix: Of the router that the plugin is installed on; the whole of it if the document is served.
        place: File and line of the installation; empty if the plugin is not installed, and the document is the one that it would make.
    """

    app: Velo
    plugin: OpenAPI
    path: str | None
    prefix: str
    place: str

    @property
    def label(self) -> str:
        """Where it is served, or else its title and who makes it."""
        return self.path or f"{self.plugin.options.title} ({self.place or 'not installed'})"

    def make(self, openapi_version: Version | None = None) -> Document:
        """The document, with what is wrong with it in its `problems`."""
        return self.plugin.draft(self.app, openapi_version=openapi_version)


def documents_of(app: Velo) -> list[Described]:
    """The documents of an application, those of the application itself before those of its routers. Freezes it."""
    found: list[Described] = []
    for ready in app.plugins:
        if isinstance(ready.plugin, OpenAPI):
            path, prefix = ready.plugin.served_at(app), ready.installation.router.prefix
            if path is not None and ready.plugin.path is not None:
                prefix = path.removesuffix(ready.plugin.path)
            found.append(Described(app, ready.plugin, path, prefix.rstrip("/"), ready.installation.place))
    return sorted(found, key=lambda one: (one.prefix.count("/"), one.prefix, one.path or ""))
