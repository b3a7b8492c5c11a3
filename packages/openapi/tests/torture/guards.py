"""What stands around handlers: security, limits, versions, hosts, deprecations, callbacks, and a document of its own."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from torture.models import Item
from velo_core import Depends, Deprecation, Header, HTTPError, OpenAPIContribution, Query, Request, Router, WebSocket
from velo_limiter import Limiter, MemoryStorage, RateLimitAlgorithm, RateLimitRule, rate_limit
from velo_openapi import OpenAPI, operation


async def signed_in(request: Request) -> str:
    """Who asks."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPError(401, headers={"www-authenticate": "Bearer"})
    if token != "right":
        raise HTTPError(401, headers={"www-authenticate": 'Bearer error="invalid_token"'})
    return "Ada"


signed_in.openapi = OpenAPIContribution(  # pyright: ignore[reportFunctionMemberAccess]: how guards say it
    security=({"bearer": ()},),
    components={"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
)

router = Router("/guards", name="guards", tags=("guards",))


@router.get("/secret")
async def secret(user: Annotated[str, Depends(signed_in)]) -> str:
    """Is for those who say who they are."""
    return user


@router.post("/secret-body")
async def secret_body(user: Annotated[str, Depends(signed_in)], item: Item) -> Item:
    """Is for those who say who they are, and what they want."""
    return item


burst = RateLimitRule(name="burst", limit=3, window=3600, algorithm=RateLimitAlgorithm.TOKEN_BUCKET)


@router.get("/limited", dependencies=[Depends(rate_limit(Limiter(MemoryStorage()), rules=[burst]))])
async def limited() -> str:
    """May be asked three times."""
    return "limited"


@router.get("/deprecated", deprecation=Deprecation(date(2026, 1, 1), sunset=date(2030, 1, 1), successor="/guards/limited"))
async def deprecated() -> str:
    """Will go."""
    return "old"


@router.post("/subscriptions", status_code=202)
@operation(
    operation_id="subscribe",
    callbacks={
        "changed": {
            "{$request.query.url}": {"post": {"summary": "Tells of a change.", "responses": {"204": {"description": "Understood."}}}}
        }
    },
    extra={"x-internal": True},
)
async def subscribe(url: Annotated[str, Query(min_length=1)]) -> str:
    """Calls back."""
    return url


@router.get("/hidden", include_in_schema=False)
async def hidden() -> str:
    """Is in no document."""
    return "hidden"


@router.websocket("/chat/{room}")
async def chat(socket: WebSocket, room: str, x_name: Annotated[str, Header(max_length=10)] = "") -> None:
    """Repeats what is said."""
    await socket.accept()
    await socket.send_text(f"{room} {x_name}")


hosts = Router(host="{shop}.example.com", name="hosts", tags=("hosts",))


@hosts.get("/hosts-front")
async def front(shop: str) -> str:
    """The front of a shop, by its host."""
    return shop


old = Router("/orders", version="1", name="old", tags=("versions",))
new = Router("/orders", version="2", name="new", tags=("versions",))


@old.get("/")
async def old_orders() -> list[str]:
    """Orders as they were."""
    return []


@new.get("/")
async def new_orders(page: Annotated[int, Query(ge=1)] = 1) -> list[Item]:
    """Orders as they are."""
    return []


admin = Router("/admin", name="admin", tags=("admin",))
admin.install(OpenAPI(title="Back office"))


@admin.get("/users/{number}")
async def users(number: int) -> list[int]:
    """Finds users."""
    return [number]


hooks = Router()


@hooks.post("/sold", name="sold")
async def sold(item: Item) -> None:
    """Tells of a sale."""
