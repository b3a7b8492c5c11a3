"""What a plan means, written plainly.

Nobody serves with this. It is the definition that generated plans are held against: the behaviour suite runs every case through both. It
takes no short cuts, so there is always a `Request`, always a `Response`, and each step is looked up when it runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, MutableMapping
from contextlib import AsyncExitStack
from copy import deepcopy
from functools import partial
from typing import cast

from velo_core.answers import varied, with_response_headers
from velo_core.calls import apply, run_call
from velo_core.conversation import Conversation, abort_socket, answer_socket, conversed, finish_socket, until_accepted
from velo_core.conversion import can_share
from velo_core.errors import InvalidValue, ValidationError
from velo_core.negotiation import Offer
from velo_core.plan import Middleware, Plan, Refusal, Run, Served, check_response
from velo_core.request import Adapter, Request
from velo_core.response import Response, ready
from velo_core.results import Result, Shape, any_encoder
from velo_core.steps import Call, Check, Extract, Hop, Keep, KnownNames, Read, ReadBody, ReadModel, Step
from velo_core.teardown import Teardown
from velo_core.types import INVALID, MISSING
from velo_core.watch import Deadline, Watch
from velo_core.websocket import WebSocket

__all__ = ["interpreter"]


def interpreter(plan: Plan, adapter: Adapter) -> Run:
    """A coroutine function that does, for one protocol, what the plan says."""
    if plan.socket is not None:
        return _socket_interpreter(plan, adapter)
    open_request = plan.open_request(adapter)

    async def run(scope: object, receive: object, send: object, values: tuple[object, ...]) -> None:
        request = open_request(scope, receive, values)
        request.teardown = Teardown()
        request.hints = adapter.open_hints(scope, send)
        try:
            response = await _around(plan, plan.middleware, request)
        except BaseException as error:
            await request.teardown.finish(error)
            raise
        request.hints.end()
        response = with_response_headers(request, response)
        try:
            await adapter.send_response(response, scope, receive, send, request.teardown)
        finally:
            if plan.sent is not None:
                await plan.sent(request, response)

    return run


def _socket_interpreter(plan: Plan, adapter: Adapter) -> Run:
    """The same for a websocket."""
    open_socket = plan.open_socket(adapter)

    async def run(scope: object, receive: object, send: object, values: tuple[object, ...]) -> None:
        socket = open_socket(scope, receive, send, values)
        socket.teardown = Teardown()
        socket.hints = adapter.open_hints(scope, send)
        try:
            response = await _around(plan, plan.middleware, socket)
        except BaseException as error:
            await abort_socket(socket, error, socket.teardown)
            raise
        socket.hints.end()
        try:
            await finish_socket(socket, response, socket.teardown)
        finally:
            if plan.sent is not None:
                await plan.sent(socket, response)

    return run


async def _around(plan: Plan, middleware: tuple[Middleware, ...], request: Request) -> Response:
    """Runs the outermost middleware around the rest. Whatever is raised becomes a response right there."""
    try:
        if not middleware:
            return await _centre(plan, request)
        outermost, *inner = middleware

        def call_next(request: Request) -> Awaitable[Response]:
            return _around(plan, tuple(inner), request)

        return check_response(await outermost(request, call_next), outermost)
    except Exception as error:
        if not middleware and isinstance(request, WebSocket):
            return await answer_socket(request, await request.teardown.fail(error), plan.answer_error)
        return await plan.answer_error(request, await request.teardown.fail(error) if not middleware else error)


async def _centre(plan: Plan, request: Request) -> Response:
    endpoint = plan.endpoint
    if isinstance(endpoint, Refusal):
        answer = endpoint.constant or endpoint.answer(request)
        if isinstance(answer, Response):
            return answer
        raise answer
    return await _Steps(plan, endpoint, request).run()


class _Steps:
    """One request on its way through the steps of a route."""

    def __init__(self, plan: Plan, served: Served, request: Request) -> None:
        self.plan = plan
        self.served = served
        self.request = request
        self.values: MutableMapping[str, object] = {name: one.value for name, one in served.binding.constants.items()}
        self.errors: list[InvalidValue] = []

    async def run(self) -> Response:
        """The response of the handler."""
        result = self.served.result
        offer = None if result.negotiate is None else result.negotiate(self.request.headers.get_all("accept"))
        async with AsyncExitStack() as stack:
            if isinstance(self.request, WebSocket):
                stack.enter_context(Conversation(self.request))
                if self.request.options.timeout_seconds is not None:
                    await stack.enter_async_context(until_accepted(self.request, self.request.options.timeout_seconds))
            elif self.plan.timeout_seconds is not None:
                await stack.enter_async_context(Deadline(self.plan.timeout_seconds))
            for index, step in enumerate(self.served.binding.steps):
                if index == self.plan.watched_from:
                    stack.enter_context(Watch(self.request.client_leaves))
                await self.step(step)
        value = self.values[self.served.binding.handler.variable]
        response = conversed(self.request, value) if isinstance(self.request, WebSocket) else written(result, offer, value)
        await self.request.teardown.end_early()
        return response

    async def step(self, step: Step) -> None:
        """Does one step."""
        if isinstance(step, Read):
            self.values[step.variable] = self.read(step)
        elif isinstance(step, ReadModel):
            self.values[step.variable] = step.convert(tuple(map(self.taken, step.fields)), self.errors)
        elif isinstance(step, KnownNames):
            step.check(self.named(step.variable), self.errors)
        elif isinstance(step, Extract):
            origin = self.values[step.origin]
            self.values[step.variable] = INVALID if origin is INVALID else step.convert(origin, self.errors)
        elif isinstance(step, Keep):
            self.request.keep_model(step.name, self.values[step.variable])
        elif isinstance(step, ReadBody):
            value = await self.read_body(step)
            if step.parts:
                self.values.update(zip((part.variable for part in step.parts), cast("tuple[object, ...]", value), strict=True))
            else:
                self.values[step.variable] = value
        elif isinstance(step, Hop):
            await self.plan.pools[step.pool].run(partial(self.hop, step))
        elif isinstance(step, Call) and self.makes_sense(step):
            self.values[step.variable] = await run_call(step, self.values, self.request.teardown, self.plan.pools)
        elif isinstance(step, Check):
            self.check()

    def read(self, read: Read) -> object:
        """A value from the head of the request."""
        if read.source == "request":
            return self.request
        if read.source == "background":
            return self.request.teardown.tasks
        if read.source == "hints":
            return self.request.hints
        taken = self.taken(read)
        if (taken is None or taken == []) and read.default is not MISSING:
            return read.default if can_share(read.default) else deepcopy(read.default)
        return taken if read.convert is None else read.convert(taken, self.errors)

    def named(self, variable: str) -> object:
        """What has parameters by name."""
        if variable == "query":
            return self.request.query
        return self.request.cookies if variable == "cookies" else self.values[variable]

    def taken(self, read: Read) -> object:
        """What the request says, unconverted."""
        if read.source == "path":
            return self.request.parts[2][read.index]
        if read.source == "cookie":
            return self.request.cookies.get(read.key)
        source = self.request.query if read.source == "query" else self.request.headers
        return source.get_all(read.key) if read.many else source.get(read.key)

    async def read_body(self, step: ReadBody) -> object:
        """The value from the body."""
        body = await self.request.body()
        return body if step.convert is None else step.convert(body, self.request.headers.get("content-type"), self.errors)

    def makes_sense(self, call: Call) -> bool:
        """Whether the arguments fit; notes that the result does not if they do not."""
        if all(self.values[guard] is not INVALID for guard in call.guards):
            return True
        self.values[call.variable] = INVALID
        return False

    def hop(self, hop: Hop) -> None:
        """Does the steps of a visit to the thread pool."""
        for step in hop.steps:
            if isinstance(step, Check):
                self.check()
            elif self.makes_sense(step):
                self.values[step.variable] = apply(step, step.function, self.values)

    def check(self) -> None:
        """Ends here if something did not fit."""
        if self.errors:
            raise ValidationError(self.errors)


def written(result: Result, offer: Offer | None, value: object) -> Response:
    """The response for what a handler returned."""
    if isinstance(value, Response):
        return varied(value) if result.varies else value
    if result.shape is Shape.RESPONSE:
        raise TypeError(f"a handler that is annotated to return a Response returned {type(value).__name__}")
    if result.make is not None:
        return result.make(value)
    if result.shape is Shape.ANY:
        headers, content = any_encoder(result)(value)
        return ready(result.status_code, headers, content)
    if offer is not None:
        return ready(result.status_code, offer.headers, offer.encode(value))
    return ready(result.status_code, result.headers, result.encode(value))
