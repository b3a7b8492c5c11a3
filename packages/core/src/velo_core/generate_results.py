"""The part of a generated plan that makes a response of what the handler returned, and sends it."""

from __future__ import annotations

from velo_core.answers import varied
from velo_core.names import Names
from velo_core.plan import Plan, Served
from velo_core.request import Adapter
from velo_core.response import Response
from velo_core.results import JSON, TEXT, Result, Shape, any_encoder

__all__ = ["ResultWriter", "check_result"]


class ResultWriter:
    """Writes lines, and knows what they name. `generate` writes the rest."""

    def __init__(self, plan: Plan, adapter: Adapter) -> None:
        self.plan = plan
        self.adapter = adapter
        self.constants: dict[str, object] = {}
        self.content_types: dict[str, tuple[str, str]] = {}
        self.header_keys: dict[str, str] = {}
        self.scanned: dict[str, str] = {}
        self.lines: list[str] = []
        self.served = plan.endpoint if isinstance(plan.endpoint, Served) else None
        self.names = self.served.binding.names if self.served is not None else Names()
        self.is_socket = plan.socket is not None
        self.has_hints = self.served is not None and self.served.binding.has_hints
        self.opens = self.is_socket or (self.served is not None and self.served.binding.opens)
        self.around = bool(plan.middleware) or plan.sent is not None
        self.asks_request = self.served is not None and self.served.binding.needs_request
        # A light plan hands status, headers and body to the adapter as they are; all others work with Request and Response.
        self.light = not self.around and not self.opens and not self.has_hints

    def line(self, depth: int, text: str) -> None:
        """Adds one line."""
        self.lines.append("    " * depth + text)

    def constant(self, wanted: str, value: object) -> str:
        """A name for an object in the source."""
        name = self.names.name_of(wanted, value)
        self.constants[name] = value
        return name

    def send_untouched(self) -> None:
        """A response that middleware has left as the endpoint made it goes out as if there had been none."""
        if self.plan.sent is not None or self.opens or self.has_hints:
            return
        endpoint = self.plan.endpoint
        if isinstance(endpoint, Served):
            if endpoint.result.shape is not Shape.DATA:
                return
            name, status_code = self.content_type(endpoint.result), endpoint.result.status_code
        elif endpoint.constant is not None:
            name, status_code = "PROBLEM", endpoint.constant.status_code
        else:
            return
        self.line(1, f"untouched = response._headers is {name}_FIELDS and request._response_headers is None")
        self.line(1, f"if untouched and response.status_code == {status_code} and type(response.body) is bytes:")
        self.line(2, "content = response.body")
        self.send_ready(status_code, name, depth=2)
        self.line(2, "return")

    def ready_response(self, depth: int, status_code: int, content_type: str) -> None:
        """A response of what is in `content`: as `ready` makes it, without its frame."""
        self.line(depth, "response = ReadyResponse()")
        self.line(depth, f"response.status_code, response._headers, response.body = {status_code}, {content_type}_FIELDS, content")

    def end(self, served: Served) -> None:
        """The end of a light plan. Sending is outside of the `try`: what fails there cannot be answered any more."""
        variable = served.binding.handler.variable
        # What answers the error may look at the body, which comes only once; `INVALID` stands for one that failed to come.
        body = "" if served.binding.body is None else ", error if body is INVALID else body"
        request = "request" if self.asks_request else f"open_request(scope, receive, values{body})"
        # An `HTTPError` that nobody looks at is answered without a request and without a coroutine: a tenth of what raising one costs.
        answer = f"plain_problem(error) or await answer_error({request}, error)"
        if served.result.shape is not Shape.DATA and not self._looks_at_it:
            self.line(2, f"{variable} = {answer}")
            if self.asks_request:
                self.add_headers(1, variable)
            self.line(1, f"await send_response({variable}, scope, receive, send, None)")
            return
        self.line(2, f"{variable}, content = {answer}, None")
        status_code = served.result.status_code
        content_type = "content_type" if self._looks_at_it else self.content_type(served.result)
        if self.asks_request:
            self.line(1, "if content is None or request._response_headers is not None:")
            self.line(2, f"response = {variable} if content is None else ready({status_code}, {content_type}_FIELDS, content)")
            self.line(2, "await send_response(with_response_headers(request, response), scope, receive, send, None)")
        else:
            self.line(1, "if content is None:")
            self.line(2, f"await send_response({variable}, scope, receive, send, None)")
        self.line(2, "return")
        self.send_ready(status_code, content_type)

    def send_ready(self, status_code: int, content_type: str, depth: int = 1) -> None:
        """The lines of the adapter that send what is in `content`."""
        may_be_head = self.plan.label.startswith(("GET ", "HEAD ", "404 ") if self.adapter.head is None else "404 ")
        for text in self.adapter.send_ready(status_code, content_type, "content", may_be_head):
            self.line(depth, text)

    def add_headers(self, depth: int, response: str) -> None:
        """Adds `request.response_headers`. Few have any, and the frames of `with_response_headers` cost as much as a small body."""
        self.line(depth, "if request._response_headers is not None:")
        self.line(depth + 1, f"{response} = with_response_headers(request, {response})")

    def content_type(self, result: Result) -> str:
        """The name of the constant with the Content-Type of a result."""
        (pair,) = result.headers
        name = {"application/json": "JSON", "text/plain; charset=utf-8": "TEXT"}.get(pair[1], "CONTENT_TYPE")
        self.content_types[name] = pair
        return name

    def result(self, result: Result, variable: str) -> None:
        """From the handler's result to a response or, in a light plan, to content if that is all there is to it."""
        if self.is_socket:
            self.line(2, f"response = conversed(request, {variable})")
            return
        if result.shape is Shape.RESPONSE:
            self.line(2, f"{variable if self.light else 'response'} = check_result({variable})")
            return
        if result.shape is Shape.DATA:
            encode = self.constant("encode", result.encode)
            content_type = self.content_type(result)
            self._content(result, variable, encode)
            if not self.light:
                self.line(2, "if content is None:")
                self.line(3, f"response = {variable}")
                self.line(2, "else:")
                self.ready_response(3, result.status_code, content_type)
            return
        if self._looks_at_it:
            self._anything(result, variable)
            return
        if result.make is not None:
            made = f"{self.constant('make', result.make)}({variable})"
        elif result.shape is Shape.NOTHING:
            made = f"ready({result.status_code}, NO_HEADERS, b'')"
        elif result.shape is Shape.OFFERED:
            made = f"ready({result.status_code}, offer.headers, offer.encode({variable}))"
        else:
            self.constants["encode_any"] = any_encoder(result)
            made = f"ready({result.status_code}, *encode_any({variable}))"
        own = f"{self.constant('varied', varied)}({variable})" if result.varies else variable
        self.line(2, f"{variable if self.light else 'response'} = {own} if isinstance({variable}, Response) else {made}")

    def _content(self, result: Result, variable: str, encode: str) -> None:
        """From the result to bytes, or to `None` for a response. Common types need no call of ours: a frame costs as much as small JSON.

        The items of a collection are looked at by a loop: `frozenset.issuperset(map(type, ...))` takes twice as long for one of them, and
        half as long again for a hundred.
        """
        written = f"{variable}.encode()" if result.model is str else variable if result.model is bytes else f"to_json({variable})"
        others = f"None if isinstance({variable}, Response) else {encode}({variable})"
        if result.shortcut is None:
            self.line(2, f"content = {others}")
            return
        types, items = result.shortcut.types, result.shortcut.items
        if items is None:
            self.line(2, f"content = {written} if {self._is_of(variable, types)} else {others}")
            return
        self.line(2, f"if {self._is_of(variable, types)}:")
        self.line(3, f"for member in {variable}{'.values()' if dict in types else ''}:")
        self.line(4, f"if not ({self._is_of('member', items)}):" if len(items) > 1 else f"if {self._is_of('member', items, 'is not')}:")
        self.line(5, f"content = {others}")
        self.line(5, "break")
        self.line(3, "else:")
        self.line(4, f"content = {written}")
        self.line(2, "else:")
        self.line(3, f"content = {others}")

    @property
    def _looks_at_it(self) -> bool:
        """Whether the plan itself looks at a result of no declared type: text and plain data go out as if they had been declared."""
        return self.served is not None and self.served.result.shape is Shape.ANY and self.light and not self.asks_request

    def _anything(self, result: Result, variable: str) -> None:
        self.content_types |= {"JSON": JSON[0], "TEXT": TEXT[0]}
        self.constants |= {"encode_any": any_encoder(result), "plain_types": _PLAIN}
        encode = "to_json" if result.encodes_plainly else self.constant("encode", result.encode)
        self.line(2, f"if type({variable}) is str:")
        self.line(3, f"content, content_type = {variable}.encode(), TEXT")
        self.line(2, f"elif type({variable}) in plain_types:")
        self.line(3, f"content, content_type = {encode}({variable}), JSON")
        self.line(2, "else:")
        self.line(3, "content = None")
        self.line(3, f"if not isinstance({variable}, Response):")
        self.line(4, f"{variable} = ready({result.status_code}, *encode_any({variable}))")

    def _is_of(self, variable: str, types: frozenset[type[object]], one: str = "is") -> str:
        if len(types) > 1:
            return f"type({variable}) in {self.constant('types', types)}"
        (kind,) = types
        return f"type({variable}) {one} {kind.__name__ if kind in _BUILTIN else self.constant(kind.__name__, kind)}"


_BUILTIN = frozenset((bool, bytes, dict, float, int, list, str))
"""Types whose names stand for themselves in a plan."""


_PLAIN = frozenset((dict, list, tuple, int, float, bool, type(None)))
"""Types of results that are JSON and nothing else."""


def check_result(result: object) -> Response:
    """The response that a handler promised.

    Raises:
        TypeError: it returned something else.
    """
    if isinstance(result, Response):
        return result
    raise TypeError(f"a handler that is annotated to return a Response returned {type(result).__name__}")
