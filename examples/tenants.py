# /// script
# dependencies = ["velo-core"]
# ///
"""A plugin that serves several tenants, from everything that plugins may add to the way of a request.

A marker reads settings of the tenant, a converter knows what its invoices are called, a codec writes them as CSV, middleware and hooks
number and journal what is done, and work in the background counts it.

Run it with `velo run tenants:app` in this folder, and look with
`curl -H 'X-Tenant: acme' -H 'Accept: text/csv' localhost:8000/invoices/INV-7`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from itertools import count
from typing import Annotated, cast

import msgspec

from velo_core import (
    BackgroundTasks,
    CallNext,
    Header,
    HTTPError,
    Manifest,
    Marker,
    Plugin,
    RegexConverter,
    Request,
    Response,
    Router,
    Slot,
    Velo,
)

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "acme": {"currency": "EUR", "vat": "20"},
    "globex": {"currency": "USD", "vat": "0"},
}

NUMBER = Slot[int]("tenants.number", default=0)
"""The number of a request."""


class Tenant(Marker):
    """A setting of the tenant that a request is for: `currency: Annotated[str, Tenant()]`."""


class CSV:
    """A result as a table: one line of names, one of values."""

    media_type = "text/csv"

    def encode(self, value: object) -> bytes:
        row = cast("dict[str, object]", value)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), lineterminator="\r\n")
        writer.writeheader()
        writer.writerow(row)
        return text.getvalue().encode()

    def decode(self, body: bytes) -> object:
        raise HTTPError(415, "Tables are written here, not read.")


class Tenants(Plugin):
    """Reads which tenant a request is for, and keeps a journal of what was done for it.

    Args:
        settings: By tenant, by name.
    """

    manifest = Manifest(name="tenants", requires_api=">=0.1,<1")

    def __init__(self, settings: Mapping[str, Mapping[str, str]] = SETTINGS) -> None:
        self.settings = settings
        self.journal: list[str] = []
        self.served: Counter[str] = Counter()
        self._numbers = count(1)

    def install(self, router: Router) -> None:
        router.add_slot(NUMBER)
        router.add_extractor(Tenant, self.settings_of_tenant, name="tenant", location="header")
        router.add_converter("invoice", RegexConverter("INV-[0-9]{1,9}", name="invoice"))
        router.add_middleware(self.say_number, band="observe", after="give_number")
        router.add_middleware(self.give_number, band="observe")
        router.on_error(self.note_trouble)
        router.on_sent(self.note)

    async def settings_of_tenant(self, x_tenant: Annotated[str, Header()]) -> Mapping[str, str]:
        if x_tenant not in self.settings:
            raise HTTPError(404, "There is no such tenant.")
        return self.settings[x_tenant]

    async def give_number(self, request: Request, call_next: CallNext) -> Response:
        request[NUMBER] = next(self._numbers)
        return await call_next(request)

    async def say_number(self, request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.set("x-number", str(request[NUMBER]))
        return response

    def note_trouble(self, error: Exception) -> None:
        self.journal.append(f"{type(error).__name__}: {error}")

    def note(self, request: Request, response: Response) -> None:
        self.journal.append(f"{request[NUMBER]} {request.method} {request.route.path} {response.status_code}")

    def count(self, tenant: str) -> None:
        self.served[tenant] += 1


class Invoice(msgspec.Struct):
    number: str
    currency: str
    vat: int


tenants = Tenants()
app = Velo()
app.install(tenants)


@app.get("/invoices/{number:invoice}", produces=("application/json", CSV()))
async def get_invoice(
    number: str,
    currency: Annotated[str, Tenant()],
    vat: Annotated[int, Tenant()],
    x_tenant: Annotated[str, Header()],
    tasks: BackgroundTasks,
) -> Invoice:
    tasks.add(tenants.count, x_tenant)
    return Invoice(number, currency, vat)
