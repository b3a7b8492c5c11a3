"""Plans as source: one flat coroutine per route, with only the steps that the route uses.

Why source: a generic loop over the steps costs about 2.3 us a request, closures picked at start-up 1.5, generated source 1.3 (measured on
the prototype), and a traceback through source reads like any other. The source is put into `linecache`, so that tracebacks and debuggers
show it.

What a plan leaves out is what makes it fast: no `Request` where nothing asks for one, no `Response` where the handler returned plain data
and nothing is around it, no list of errors where nothing can fail. With middleware, or with a dependency that has a tear-down, the plan
works with both objects. The names in the source are the user's own as far as they are free.
"""

from __future__ import annotations

import builtins
import linecache
import re
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from threading import RLock
from types import CodeType, FunctionType
from typing import Any, Final, cast

from velo_core.answers import no_problem, plain_problem, problem, with_response_headers
from velo_core.callables import Kind
from velo_core.calls import manager_of
from velo_core.codecs import JSON_TYPE
from velo_core.conversion import can_share
from velo_core.errors import ValidationError
from velo_core.generate_results import ResultWriter, check_result
from velo_core.json import encode_json
from velo_core.parsing.cookies import parse_cookies
from velo_core.parsing.query import last_values, parse_query
from velo_core.plan import Middleware, Plan, Refusal, Run, Served, check_response
from velo_core.request import Adapter, Request
from velo_core.response import NO_HEADERS, ReadyHeaders, ReadyResponse, Response, ready
from velo_core.results import JSON, Result, encode_any
from velo_core.steps import Binding, Call, Check, Extract, Hop, Keep, KnownNames, Read, ReadBody, ReadModel, Step
from velo_core.teardown import Teardown
from velo_core.threads import HANDLERS
from velo_core.types import INVALID, MISSING
from velo_core.watch import Deadline, Watch

__all__ = ["compiled", "source_of"]

_WRITING: Final = RLock()


def source_of(plan: Plan, adapter: Adapter) -> str:
    """The Python source of a plan for one protocol; they differ in the last lines at most, which send."""
    return _Writer(plan, adapter).source


def compiled(plan: Plan, adapter: Adapter) -> Run:
    """The coroutine function of a plan, for one protocol.

    Its source is written and compiled when it is called for the first time, which takes most of what a start would (of 1 000 routes, a
    third of a second), and most processes serve few of their routes. What comes out is the same function with other code in it: all who
    have it call the plan from then on, and nothing is looked up or called in between. What is made at the start is in the plan already, so
    a plan that takes some of that is written at once.
    """
    namespace: dict[str, object] = {"__builtins__": builtins}
    if plan.socket is not None:
        namespace |= _of_sockets()
    run = FunctionType(_unwritten.__code__, namespace, "plan")

    def write() -> Run:
        with _WRITING:  # one at a time, for plans of one route share their names
            if run.__code__ is _unwritten.__code__:
                writer = _Writer(plan, adapter)
                code = _code(plan.label, writer.source)
                namespace.update(writer.namespace())
                exec(code, namespace)  # noqa: S102 - our own source; names from users are identifiers, texts go in by repr
                made = cast("FunctionType", namespace["plan"])
                run.__doc__ = made.__doc__
                run.__code__ = made.__code__  # at last, for other threads may call it
        return cast("Run", run)

    run.__kwdefaults__ = {"write": write}  # no name among those of the plan, and without meaning to the code that comes
    if isinstance(plan.endpoint, Served) and plan.endpoint.binding.constants:
        write()
    return cast("Run", run)


async def _unwritten(scope: Any, receive: Any, send: Any, values: tuple[object, ...], *, write: Callable[[], Run]) -> None:
    """What a plan is until it is called: a coroutine function as well, for Python lets no other code take its place."""
    await write()(scope, receive, send, values)


def _code(label: str, source: str) -> CodeType:
    filename, number = f"<plan {label}>", 1
    while filename in linecache.cache and linecache.getlines(filename) != source.splitlines(keepends=True):
        number += 1  # another protocol or another application: each traceback shows its own lines
        filename = f"<plan {label} ({number})>"
    # As attrs does it: an entry without a modification time is never thrown away by linecache.checkcache.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return compile(source, filename, "exec")


class _Writer(ResultWriter):
    """Writes the source of one plan, and collects the objects that it names."""

    def __init__(self, plan: Plan, adapter: Adapter) -> None:
        super().__init__(plan, adapter)
        self._write()

    @property
    def source(self) -> str:
        """What has been written."""
        return "\n".join(self.lines) + "\n"

    def namespace(self) -> dict[str, object]:
        """The objects behind the names."""
        adapter = self.adapter
        content_types = {name: adapter.native_header(pair) for name, pair in self.content_types.items()}
        fields = {f"{name}_FIELDS": ReadyHeaders([pair]) for name, pair in self.content_types.items()}
        keys = {name: adapter.header_key(header) for name, header in self.header_keys.items()}

        def watch(scope: object, receive: object) -> Watch:
            return Watch(partial(adapter.client_leaves, scope, receive))

        return {
            **_SHARED,
            **adapter.constants,
            "query_string": adapter.query_string,
            "raw_headers": adapter.raw_headers,
            "find_header": adapter.find_header,
            "find_all_headers": adapter.find_all_headers,
            "send_response": adapter.send_response,
            "open_request": self.plan.open_request(adapter),
            "adapter": adapter,
            "route": self.plan.route,
            "open_hints": adapter.open_hints,
            **({"open_socket": self.plan.open_socket(adapter)} if self.is_socket else {}),
            "answer_error": self.plan.answer_error,
            "plain_problem": no_problem if self.plan.watches_errors else plain_problem,
            "watch": watch,
            **self.constants,
            **self._app_values(),
            **content_types,
            **fields,
            **keys,
        }

    # The functions of a plan.

    def _write(self) -> None:
        if not self.around:
            self.line(0, "async def plan(scope, receive, send, values):")
            self._docstring()
            if self.asks_request or not self.light:
                self._open_request()
            self._centre()
            return
        self._endpoint()
        inner = "endpoint"
        for number, middleware in reversed(list(enumerate(self.plan.middleware[1:], 2))):
            inner = self._call_middleware(number, middleware, inner)
        for text in ("", "", "async def plan(scope, receive, send, values):"):
            self.line(0, text)
        self._docstring()
        self._open_request()
        if self.opens:
            self.line(1, "request.teardown = teardown = Teardown()")
            self.line(1, "try:")
            self._outermost(2, inner)
            self._cancelled()
        else:
            self._outermost(1, inner)
        self._send()

    def _endpoint(self) -> None:
        """The centre as the innermost `call_next`. It takes from the request what its lines read, and no more."""
        self.line(0, "async def endpoint(request):")
        start = len(self.lines)
        self._centre()
        text = "\n".join(self.lines[start:])
        read = [name for name in ("scope", "receive", "values") if re.search(rf"(?<![.\w]){name}\b", text)]
        self.lines[start:start] = [f"    {name} = request._{name}" for name in read]

    def _outermost(self, depth: int, inner: str) -> None:
        """The outermost middleware stands in the plan itself: a coroutine less than for the others, which are called by `call_next`."""
        if not self.plan.middleware:
            self.line(depth, f"response = await {inner}(request)")
            return
        function = self._middleware_name(self.plan.middleware[0])
        self.line(depth, "try:")
        self.line(depth + 1, f"response = await {function}(request, {inner})")
        self.line(depth + 1, "if not isinstance(response, Response):")
        self.line(depth + 2, f"check_response(response, {function})")
        self.line(depth, "except Exception as error:")
        self.line(depth + 1, "response = await answer_error(request, error)")

    def _open_request(self) -> None:
        if self.is_socket:
            self.line(1, "request = open_socket(scope, receive, send, values)")
        else:  # as `Request.fill` does it, without its frame
            self.line(1, "request = Request()")
            self.line(1, "request._adapter, request.route = adapter, route")
            self.line(1, "request._scope, request._receive, request._values = scope, receive, values")
            self.line(
                1,
                "request._headers = request._query = request._cookies = request._body = request._taken = request._response_headers = None",
            )
        if self.has_hints:
            self.line(1, "request.hints = open_hints(scope, send)")

    def _cancelled(self) -> None:
        """What is neither a response nor an answer: the request is cancelled, and what it opened is closed with it."""
        self.line(1, "except BaseException as error:")
        self.line(2, "await abort_socket(request, error, teardown)" if self.is_socket else "await teardown.finish(error)")
        self.line(2, "raise")

    def _send(self) -> None:
        """The end of every plan that is not light."""
        if self.has_hints:
            self.line(1, "request.hints.end()")
        self.send_untouched()
        depth = 1
        if not self.is_socket:
            self.add_headers(1, "response")
        if self.plan.sent is not None:
            depth = 2
            self.line(1, "try:")
        if self.is_socket:
            self.line(depth, "await finish_socket(request, response, teardown)")
        else:
            self.line(depth, f"await send_response(response, scope, receive, send, {'teardown' if self.opens else 'None'})")
        if self.plan.sent is not None:
            self.line(1, "finally:")
            self.line(2, f"await {self.constant('sent', self.plan.sent)}(request, response)")

    def _docstring(self) -> None:
        if self.served is not None:
            function = self.served.binding.handler.function
            name = getattr(function, "__qualname__", type(function).__qualname__)
            text = f"{self.plan.label} -> {getattr(function, '__module__', '')}.{name}"
        else:
            text = self.plan.label
        self.line(1, '"""' + text.replace("\\", "\\\\").replace('"', "'") + '"""')

    def _call_middleware(self, number: int, middleware: Middleware, inner: str) -> str:
        """Writes the call of one middleware. What it raises becomes a response here, so that those outside of it see one."""
        name = self.names.name_of(f"call_{number}", self.names)
        function = self._middleware_name(middleware)
        for text in ("", "", f"async def {name}(request):"):
            self.line(0, text)
        self.line(1, "try:")
        self.line(2, f"response = await {function}(request, {inner})")
        self.line(2, "if not isinstance(response, Response):")
        self.line(3, f"check_response(response, {function})")
        self.line(2, "return response")
        self.line(1, "except Exception as error:")
        self.line(2, "return await answer_error(request, error)")
        return name

    def _middleware_name(self, middleware: Middleware) -> str:
        return self.constant(getattr(middleware, "__name__", type(middleware).__name__), middleware)

    # The centre: a handler, or a refusal.

    def _centre(self) -> None:
        endpoint = self.plan.endpoint
        if isinstance(endpoint, Refusal):
            self._refusal(endpoint)
            return
        binding = endpoint.binding
        if self.opens:
            self.line(1, "teardown = request.teardown" if self.around else "teardown = Teardown()")
        if self._reads_body_itself and binding.body is not None:
            self.line(1, "body = None")
        self.line(1, "try:")
        if binding.can_fail:
            self.line(2, "errors = []")
        self._sources(binding, endpoint.result)
        depth = 2
        if self.is_socket:
            self.line(depth, "with Conversation(request):")
            depth += 1
            if self.plan.socket is not None and self.plan.socket.timeout_seconds is not None:
                self.line(depth, f"async with until_accepted(request, {self.plan.socket.timeout_seconds}):")
                depth += 1
        elif self.plan.timeout_seconds is not None:
            self.line(depth, f"async with Deadline({self.plan.timeout_seconds}):")
            depth += 1
        for index, step in enumerate(binding.steps):
            if index == self.plan.watched_from:
                self.line(depth, "with watch(scope, receive):")
                depth += 1
            self._step(depth, step)
        self.result(endpoint.result, binding.handler.variable)
        if binding.ends_early:
            self.line(2, "await teardown.end_early()")
        self.line(1, "except Exception as error:")
        if self.light:
            self.end(endpoint)
            return
        if self.is_socket:
            self.line(2, "response = await answer_socket(request, await teardown.fail(error), answer_error)")
        else:
            self.line(2, f"response = await answer_error(request, {'await teardown.fail(error)' if self.opens else 'error'})")
        if self.around:
            self.line(1, "return response")
            return
        if self.opens:
            self._cancelled()
        self._send()

    @property
    def _reads_body_itself(self) -> bool:
        """The body comes once: where there is a request, middleware or a dependency may have read it, and the request keeps it."""
        return self.light and not self.asks_request

    def _refusal(self, refusal: Refusal) -> None:
        if refusal.constant is not None:
            answer = problem(refusal.constant)
            (self.content_types["PROBLEM"],) = answer.headers.items()
            self.constants["content"] = answer.body
            if self.light:
                self.send_ready(answer.status_code, "PROBLEM")
            else:
                self.ready_response(1, answer.status_code, "PROBLEM")
                self.line(1, "return response")
            return
        if self.light:
            self.line(1, "request = open_request(scope, receive, values)")
        self.line(1, f"response = {self.constant(refusal.name, refusal.answer)}(request)")
        self.line(1, "if isinstance(response, Exception):")
        self.line(2, "response = await answer_error(request, response)")
        self.line(1, "await send_response(response, scope, receive, send, None)" if self.light else "return response")

    def _sources(self, binding: Binding, result: Result) -> None:
        """Reads, once, the parts of the request that values are taken from."""
        sources = {read.source for read in binding.parameters}
        if "query" in sources:
            many = any(read.many for read in binding.parameters if read.source == "query")
            self.line(2, f"query = {'parse_query' if many else 'last_values'}({self.adapter.expression('query_string')})")
        if sources & {"header", "cookie"} or binding.body is not None or result.negotiate is not None:
            self.line(2, f"headers = {self.adapter.expression('raw_headers')}")
            self._scan(binding)
        if result.negotiate is not None:
            negotiate = self.constant("negotiate", result.negotiate)
            self.line(2, f"offer = {negotiate}(find_all_headers(headers, {self._header_key('accept')}))")
        if "cookie" in sources:
            self.header_keys["COOKIE"] = "cookie"
            self.line(2, "cookies = parse_cookies(find_all_headers(headers, COOKIE))")

    def _scan(self, binding: Binding) -> None:
        """Finds all headers in one pass where they have to be searched for. A single one is found sooner by a search that ends there."""
        body = binding.body
        names = [read.key for read in binding.parameters if read.source == "header" and not read.many]
        names += ["content-type"] if body is not None and body.convert is not None else []
        reads_length = body is not None and self._reads_body_itself
        names += ["content-length"] if reads_length else []
        if self.adapter.scan_headers is None or (len({*names}) < 2 and not reads_length):
            return
        for name in dict.fromkeys(names):
            own = reads_length and name == "content-length"
            self.scanned[name] = "content_length" if own else self.names.free(f"{name}_field".replace("-", "_"))
        for text in self.adapter.scan_headers(self.scanned):
            self.line(2, text)

    def _header(self, name: str) -> str:
        """The first value of a header, as text."""
        found = self.scanned.get(name)
        return f"find_header(headers, {self._header_key(name)})" if found is None else self.adapter.header_text(found)

    def _step(self, depth: int, step: Step) -> None:
        if isinstance(step, Read):
            self._read(depth, step)
        elif isinstance(step, ReadModel):
            self._read_model(depth, step)
        elif isinstance(step, KnownNames):
            self.line(depth, f"{self.constant(f'refuse_unknown_{step.variable}', step.check)}({step.variable}, errors)")
        elif isinstance(step, Extract):
            taken = f"{self.constant(f'take_{step.variable}', step.convert)}({step.origin}, errors)"
            taken = f"INVALID if {step.origin} is INVALID else {taken}" if step.is_guarded else taken
            self.line(depth, f"{step.variable} = {taken}")
        elif isinstance(step, Keep):
            self.line(depth, f'request.keep_model("{step.name}", {step.variable})')
        elif isinstance(step, ReadBody):
            self._read_body(depth, step)
        elif isinstance(step, Call):
            self._call(depth, step)
        elif isinstance(step, Check):
            self.line(depth, "if errors:")
            self.line(depth + 1, "raise ValidationError(errors)")
        else:
            self._hop(depth, step)

    def _read(self, depth: int, read: Read) -> None:
        if read.source == "request":
            return
        taken = self._taken(read)
        if read.convert is None:
            if read.default is MISSING or read.default is None:
                self.line(depth, f"{read.variable} = {taken}")
                return
            self.line(depth, f"{read.variable} = {taken}")
            self.line(depth, f"if {self._absent(read)}:")
            self.line(depth + 1, f"{read.variable} = {self._default(read)}")
            return
        convert = self.constant(f"to_{read.variable}", read.convert)
        if read.default is MISSING:
            self.line(depth, f"{read.variable} = {convert}({taken}, errors)")
            return
        self.line(depth, f"{read.variable} = {taken}")
        self.line(depth, f"{read.variable} = {self._default(read)} if {self._absent(read)} else {convert}({read.variable}, errors)")

    def _read_model(self, depth: int, model: ReadModel) -> None:
        taken = ", ".join(self._taken(field) for field in model.fields)
        convert = self.constant(f"to_{model.variable}", model.convert)
        self.line(depth, f"{model.variable} = {convert}(({taken}{',' if len(model.fields) == 1 else ''}), errors)")

    def _absent(self, read: Read) -> str:
        return f"not {read.variable}" if read.many else f"{read.variable} is None"

    def _taken(self, read: Read) -> str:
        if read.source == "background":
            return "teardown.tasks"
        if read.source == "hints":
            return "request.hints"
        if read.source == "path":
            return f"values[{read.index}]"
        if read.source == "cookie":
            return f"cookies.get({_quoted(read.key)})"
        if read.source == "query":
            return f"query.{'get_all' if read.many else 'get'}({_quoted(read.key)})"
        return f"find_all_headers(headers, {self._header_key(read.key)})" if read.many else self._header(read.key)

    def _header_key(self, header: str) -> str:
        for name, known in self.header_keys.items():
            if known == header:
                return name
        name = self.names.name_of(header.upper().replace("-", "_"), header)
        self.header_keys[name] = header
        return name

    def _default(self, read: Read) -> str:
        default = read.default
        if not can_share(default):
            return f"deepcopy({self.constant(f'{read.variable}_default', default)})"
        if type(default) is str:  # a member of an Enum can be text as well
            return _quoted(default)
        if default is None or type(default) in (bool, int):
            return repr(default)
        return self.constant(f"{read.variable}_default", default)

    def _read_body(self, depth: int, step: ReadBody) -> None:
        itself = self._reads_body_itself
        for text in (
            ["body = INVALID", *self.adapter.read_body(self.plan.max_content_length)] if itself else ["body = await request.body()"]
        ):
            self.line(depth, text)
        if step.convert is None:
            self.line(depth, f"{step.variable} = body")
            return
        convert = self.constant(f"to_{step.variable or 'parts'}", step.convert)
        taken = f"({', '.join(part.variable for part in step.parts)},)" if step.parts else step.variable
        if step.decode is not None:  # the commonest body takes two frames less; what is wrong with another one is found by `convert`
            decode = self.constant(f"decode_{step.variable}", step.decode)
            self.line(depth, f"is_read = {self._is_json()}")
            self.line(depth, "if is_read:")
            self.line(depth + 1, "try:")
            self.line(depth + 2, f"{taken} = {decode}(body)")
            self.line(depth + 1, "except Exception:")
            self.line(depth + 2, "is_read = False")
            self.line(depth, "if not is_read:")
            depth += 1
        self.line(depth, f"{taken} = {convert}(body, {self._header('content-type')}, errors)")

    def _is_json(self) -> str:
        """Whether the Content-Type is that of JSON, as nearly all clients write it."""
        scanned = self.scanned.get("content-type")
        if scanned is None:
            return f'{self._header("content-type")} == "{JSON_TYPE}"'
        self.content_types["JSON"] = JSON[0]
        return f"{scanned} == JSON[1]"

    # Calls.

    def _expression(self, call: Call) -> str:
        arguments = ", ".join(variable if keyword is None else f"{keyword}={variable}" for keyword, variable in call.arguments)
        early = ", early=True" if call.ends_early else ""
        self.constants[call.name] = manager_of(call)
        if call.kind in (Kind.ASYNC_GENERATOR, Kind.ASYNC_MANAGER):
            return f"await teardown.enter({call.name}({arguments}){early})"
        if call.kind in (Kind.GENERATOR, Kind.MANAGER):
            return f"await teardown.enter_in_thread({call.name}({arguments}), {self._pool(call.pool)}{early})"
        return f"{'await ' if call.kind is Kind.COROUTINE else ''}{call.name}({arguments})"

    def _call(self, depth: int, call: Call) -> None:
        expression = self._expression(call)
        if call is cast("Served", self.served).binding.handler:
            self.line(depth, f"{call.variable} = {expression}")
            return
        if call.guards:
            test = " and ".join(f"{guard} is not INVALID" for guard in call.guards)
            if call.used:
                self.line(depth, f"{call.variable} = INVALID")
            self.line(depth, f"if {test}:")
            depth += 1
        self.line(depth, f"{call.variable} = {expression}" if call.used else expression)

    def _hop(self, depth: int, hop: Hop) -> None:
        """A visit to a thread pool. A single call without conditions needs no function of its own but for its arguments."""
        self.line(depth, "def hop():")
        for step in hop.steps:
            self._step(depth + 1, step)
        results = hop.results
        if results:
            self.line(depth + 1, f"return {', '.join(results)}")
        visit = f"await {self._pool(hop.pool)}(hop)"
        self.line(depth, f"{', '.join(results)} = {visit}" if results else visit)

    def _pool(self, pool: str) -> str:
        """The name of what runs a function in the threads of a pool."""
        name = "in_thread" if pool == HANDLERS else self.names.name_of(f"in_{pool}", self.plan.pools[pool])
        self.constants[name] = self.plan.pools[pool].run
        return name

    def _app_values(self) -> dict[str, object]:
        """The values that live as long as the application."""
        return {} if self.served is None else {name: one.value for name, one in self.served.binding.constants.items()}


def _quoted(text: str) -> str:
    """A literal for `text`, as formatters write it where that is simple."""
    return f'"{text}"' if text.isprintable() and text.isascii() and not {'"', "\\"} & set(text) else repr(text)


_SHARED: dict[str, object] = {
    "Deadline": Deadline,
    "INVALID": INVALID,
    "NO_HEADERS": NO_HEADERS,
    "Request": Request,
    "ReadyResponse": ReadyResponse,
    "Response": Response,
    "Teardown": Teardown,
    "ValidationError": ValidationError,
    "check_response": check_response,
    "check_result": check_result,
    "deepcopy": deepcopy,
    "encode_any": encode_any,
    "parse_cookies": parse_cookies,
    "last_values": last_values,
    "parse_query": parse_query,
    "ready": ready,
    "to_json": encode_json,
    "with_response_headers": with_response_headers,
}


def _of_sockets() -> dict[str, object]:
    """What plans of websockets name besides. Imported for them, for few applications have any."""
    from velo_core.conversation import Conversation, abort_socket, answer_socket, conversed, finish_socket, until_accepted

    return {
        "Conversation": Conversation,
        "abort_socket": abort_socket,
        "answer_socket": answer_socket,
        "conversed": conversed,
        "finish_socket": finish_socket,
        "until_accepted": until_accepted,
    }
