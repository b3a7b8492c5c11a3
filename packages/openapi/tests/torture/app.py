"""The whole application."""

from __future__ import annotations

from torture import guards, outcomes, payloads, places
from velo_core import RegexConverter, Velo, Versioning
from velo_openapi import OpenAPI

app = Velo(versioning=Versioning.path())
app.add_converter("code", RegexConverter("[a-z]{3}"))
app.install(
    OpenAPI(
        title="Torture",
        version="1.0.0",
        info={"description": "Everything that a document has to describe.", "license": {"name": "MIT", "identifier": "MIT"}},
        tags=[{"name": "all", "summary": "All of it"}, {"name": "places", "description": "Parameters.", "parent": "all"}],
        webhooks=guards.hooks,
    )
)
for part in (places.router, payloads.router, outcomes.router, guards.router, guards.hosts, guards.old, guards.new, guards.admin):
    app.include(part)
