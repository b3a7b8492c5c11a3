"""From the plans of an application to what runs them on one protocol."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from velo_core.freezing import as_started
from velo_core.generate import compiled
from velo_core.life import Life, detached
from velo_core.plan import Plan, Run, Served
from velo_core.watch import shielded

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from velo_core.request import Adapter

__all__ = ["runner"]


def runner(adapter: Adapter, life: Life, tasks: set[asyncio.Task[None]], *, interpreted: bool = False) -> Callable[[str, Plan], Run]:
    """What makes of a method, which may be empty, and a plan a function that runs it; of the same plan the same, but for HEAD.

    Args:
        adapter: How the protocol is read and written.
        life: The application's.
        tasks: Where those are kept that go on when their client has left.
        interpreted: Whether plans are interpreted in place of generated.
    """
    if interpreted:  # which few applications do
        from velo_core.interpret import interpreter as made_of
    else:
        made_of = compiled
    send_response = cast("object", adapter.send_response)
    if isinstance(send_response, partial):  # by position, for a keyword would cost a dictionary for each response
        send = cast("partial[Awaitable[None]]", send_response)
        adapter = replace(adapter, send_response=partial(send.func, life))
    head = adapter.head
    runs: dict[int, Run] = {}

    def run(method: str, plan: Plan) -> Run:
        key = id(plan)
        made = runs.get(key)
        if made is None:
            if plan.socket is not None and adapter.channel is None:  # HTTP has to know where only a websocket is
                return _not_over_http
            plan = as_started(plan if adapter.tells_disconnect else replace(plan, on_disconnect="ignore"))
            made = (plan.direct and plan.direct(adapter)) or made_of(plan, adapter)
            if isinstance(plan.endpoint, Served) and plan.endpoint.binding.has_background and plan.socket is None:
                made = detached(made, life)
            if adapter.on_loop is not None and plan.needs_loop:
                made = adapter.on_loop(made)
            made = runs[key] = shielded(made, tasks) if plan.on_disconnect == "shield" else made
        return made if method != "HEAD" or head is None else partial(head, made)

    return run


async def _not_over_http(scope: object, receive: object, send: object, values: tuple[object, ...]) -> None:
    raise AssertionError("a request over HTTP cannot have the method of a websocket")
