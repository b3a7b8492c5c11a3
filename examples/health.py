# /// script
# dependencies = ["velo-core"]
# ///
"""Whether an application is well: a plugin that asks the health checks of all the others.

`GET /health/live` says that the process answers, `GET /health/ready` that what it needs is there: 200, or 503 with what is wrong. The store
is a plugin that keeps its state in a slot, offers it to handlers by type, and has a health check of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

import msgspec

from velo_core import HealthCheck, JSONResponse, Manifest, OpenAPIContribution, Plugin, Request, Router, Slot, Velo


class CheckReport(msgspec.Struct):
    """What one health check found."""

    name: str
    status: Literal["well", "ill"]
    critical: bool
    trouble: str | None = None


class HealthReport(msgspec.Struct):
    """What all of them found."""

    status: Literal["well", "ill"]
    checks: list[CheckReport]


class Health(Plugin):
    """Serves `/health/live` and `/health/ready`, the health checks of the whole application together.

    Args:
        prefix: Where.
        details: Whether the answer tells the trouble. It may name hosts, so leave it off where the public can ask.
    """

    manifest = Manifest(name="health", requires_api=">=0.1,<1")

    def __init__(self, prefix: str = "/health", *, details: bool = False) -> None:
        self.prefix = prefix
        self.details = details
        self.checks: tuple[HealthCheck, ...] = ()
        self.is_closing = False

    def install(self, router: Router) -> None:
        own = Router(self.prefix, tags=["health"])
        own.get("/live")(self.live)
        own.get("/ready")(self.ready)
        own.add_openapi(OpenAPIContribution(responses={"503": {"description": "Something that the application needs is not there."}}))
        router.include(own)

    @asynccontextmanager
    async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
        self.checks = app.health_checks
        self.is_closing = False
        yield

    async def closing(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]: methods of plugins may leave out arguments
        """No more requests, please, while those under way come to their end."""
        self.is_closing = True

    async def live(self) -> dict[str, str]:
        return {"status": "well"}

    async def ready(self) -> JSONResponse:
        checks = await asyncio.gather(*map(self.ask, self.checks))
        is_well = not self.is_closing and all(check.status == "well" for check in checks if check.critical)
        report = HealthReport("well" if is_well else "ill", list(checks))
        return JSONResponse(report, 200 if is_well else 503, headers={"cache-control": "no-store"})

    async def ask(self, check: HealthCheck) -> CheckReport:
        try:
            async with asyncio.timeout(check.timeout_seconds):
                await check.check()
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}" if self.details else None
            return CheckReport(check.name, "ill", check.critical, trouble)
        return CheckReport(check.name, "well", check.critical)


class Store:
    """Stands for a database."""

    def __init__(self) -> None:
        self.is_open = False
        self.values: dict[str, str] = {}

    async def ping(self) -> None:
        if not self.is_open:
            raise ConnectionError("the store is closed")


STORE = Slot[Store]("store")


class StorePlugin(Plugin):
    """Opens a `Store`, and gives it to handlers."""

    manifest = Manifest(name="store", requires_api=">=0.1,<1", provides=("key-value-store",), exclusive=("key-value-store",))

    def __init__(self) -> None:
        self.store = Store()

    def install(self, router: Router) -> None:
        router.add_slot(STORE)
        router[STORE] = self.store
        router.provide(Store, lambda: self.store, inline=True)
        router.add_health_check("store", self.store.ping)
        router.add_exception_handler(KeyError, self.answer_missing)

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]: see `Health.closing`
        self.store.is_open = True
        yield
        self.store.is_open = False

    async def answer_missing(self, request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"missing": str(error.args[0]), "known": len(request[STORE].values)}, 404)


app = Velo()
app.install(Health(details=True))
app.install(StorePlugin())


@app.get("/values/{key}")
async def get_value(key: str, store: Store) -> str:
    return store.values[key]


@app.put("/values/{key}", status_code=204)
async def set_value(key: str, value: str, store: Store) -> None:
    store.values[key] = value
