"""The source of plans: what is in it, and what is left out."""

from collections.abc import Callable
from textwrap import dedent
from typing import Annotated

import pytest
from plan_parts import bare, create_item, nothing, patient, root, sent, session, show_item, show_session, show_settings, source, timing

from velo_core import Depends, HTTPError, Router, Velo


def blocking() -> str:
    return "blocking"


async def timed() -> str:
    return "timed"


OPENED = """\
request = Request()
    request._adapter, request.route = adapter, route
    request._scope, request._receive, request._values = scope, receive, values
    request._headers = request._query = request._cookies = request._body = request._taken = request._response_headers = None"""


def with_names(expected: str) -> str:
    return dedent(expected).replace("MODULE", root.__module__).replace("HERE", __name__).replace("OPENED", OPENED)


def test_the_plan_of_a_handler_without_parameters_calls_it_and_sends() -> None:
    expected = '''\
    async def plan(scope, receive, send, values):
        """GET / -> MODULE.root"""
        try:
            result = await root()
            content = result.encode() if type(result) is str else None if isinstance(result, Response) else encode(result)
        except Exception as error:
            result, content = plain_problem(error) or await answer_error(open_request(scope, receive, values), error), None
    '''

    assert source(root) == with_names(expected) + sent(200, "TEXT")


def test_the_plan_of_a_plain_handler_visits_a_thread() -> None:
    lines = source(blocking).splitlines()

    assert [line.strip() for line in lines if "blocking()" in line or "in_thread" in line] == [
        "result = blocking()",
        "result = await in_thread(hop)",
    ]


def test_the_plan_reads_each_source_once_and_each_value_by_itself() -> None:
    expected = '''\
    async def plan(scope, receive, send, values):
        """GET /items/{item_id:int} -> MODULE.show_item"""
        try:
            errors = []
            query = parse_query(scope["query_string"].decode("utf-8", "surrogateescape"))
            headers = scope["headers"]
            cookies = parse_cookies(find_all_headers(headers, COOKIE))
            item_id = values[0]
            page = query.get("page")
            page = 1 if page is None else to_page(page, errors)
            tag = query.get_all("tag")
            tag = deepcopy(tag_default) if not tag else to_tag(tag, errors)
            seen = cookies.get("seen")
            if errors:
                raise ValidationError(errors)
            result = await show_item(item_id, page, tag, seen)
            content = to_json(result) if type(result) is Item else None if isinstance(result, Response) else encode(result)
        except Exception as error:
            result, content = plain_problem(error) or await answer_error(open_request(scope, receive, values), error), None
    '''

    assert source(show_item, "/items/{item_id:int}") == with_names(expected) + sent(200, "JSON")


def test_the_plan_authenticates_before_it_reads_the_body() -> None:
    lines = [line.strip() for line in source(create_item, method="POST", status=201).splitlines()]
    order = [
        'authorization = to_authorization(None if authorization_field is None else authorization_field.decode("latin-1"), errors)',
        "user = INVALID",
        "if authorization is not INVALID:",
        "user = await current_user(authorization)",
        "message = await receive()",
        "if errors:",
        "raise ValidationError(errors)",
        "result = await create_item(item, user)",
    ]

    assert [line for line in lines if line in order] == order


def test_the_plan_puts_neighbouring_plain_functions_into_one_visit() -> None:
    expected = """\
        page = query.get("page")
        page = 1 if page is None else to_page(page, errors)
        def hop():
            settings_2 = settings()
            if errors:
                raise ValidationError(errors)
            result = show_settings(settings_2, page)
            return settings_2, result
        settings_2, result = await in_thread(hop)
"""

    assert expected in source(show_settings)


def test_the_plan_with_a_tear_down_closes_whatever_happens() -> None:
    expected = '''\
    async def plan(scope, receive, send, values):
        """GET / -> MODULE.show_session"""
        OPENED
        teardown = Teardown()
        try:
            first = await teardown.enter(session())
            second = await teardown.enter_in_thread(transaction(), in_thread)
            result = await show_session(first, second)
            content = result.encode() if type(result) is str else None if isinstance(result, Response) else encode(result)
            if content is None:
                response = result
            else:
                response = ReadyResponse()
                response.status_code, response._headers, response.body = 200, TEXT_FIELDS, content
        except Exception as error:
            response = await answer_error(request, await teardown.fail(error))
        except BaseException as error:
            await teardown.finish(error)
            raise
        if request._response_headers is not None:
            response = with_response_headers(request, response)
        await send_response(response, scope, receive, send, teardown)
    '''

    assert source(show_session) == with_names(expected)


def test_the_plan_with_a_tear_down_before_the_response_answers_what_it_raises() -> None:
    """It is inside of the `try`, and after the result has been written."""

    async def show(session: Annotated[str, Depends(session, lifetime="handler")]) -> str:
        return session

    expected = """\
            session_2 = await teardown.enter(session(), early=True)
            result = await show(session_2)
            content = result.encode() if type(result) is str else None if isinstance(result, Response) else encode(result)
            if content is None:
                response = result
            else:
                response = ReadyResponse()
                response.status_code, response._headers, response.body = 200, TEXT_FIELDS, content
            await teardown.end_early()
        except Exception as error:
    """

    assert dedent(expected).strip() in dedent("\n".join(line[4:] for line in source(show).splitlines()[8:]))


def test_the_plan_with_middleware_is_one_function_in_the_other() -> None:
    expected = '''\
    async def endpoint(request):
        try:
            result = await timed()
            content = result.encode() if type(result) is str else None if isinstance(result, Response) else encode(result)
            if content is None:
                response = result
            else:
                response = ReadyResponse()
                response.status_code, response._headers, response.body = 200, TEXT_FIELDS, content
        except Exception as error:
            response = await answer_error(request, error)
        return response


    async def call_2(request):
        try:
            response = await timing(request, endpoint)
            if not isinstance(response, Response):
                check_response(response, timing)
            return response
        except Exception as error:
            return await answer_error(request, error)


    async def plan(scope, receive, send, values):
        """GET / -> HERE.timed"""
        OPENED
        try:
            response = await timing(request, call_2)
            if not isinstance(response, Response):
                check_response(response, timing)
        except Exception as error:
            response = await answer_error(request, error)
        untouched = response._headers is TEXT_FIELDS and request._response_headers is None
        if untouched and response.status_code == 200 and type(response.body) is bytes:
            content = response.body
            await send({"type": "http.response.start", "status": 200, "headers": [TEXT, LENGTHS[len(content)]]})
            await send({"type": "http.response.body", "body": content})
            return
        if request._response_headers is not None:
            response = with_response_headers(request, response)
        await send_response(response, scope, receive, send, None)
    '''

    assert source(timed, middleware=(timing, timing)) == with_names(expected)


def test_the_plan_of_a_handler_that_waits_watches_over_the_client_and_the_time() -> None:
    expected = """\
        async with Deadline(5):
            with watch(scope, receive):
                result = await patient()
"""

    assert expected in source(patient, timeout_seconds=5)


def test_the_plan_of_a_handler_that_returns_a_response_hands_it_on() -> None:
    expected = '''\
    async def plan(scope, receive, send, values):
        """GET / -> MODULE.bare"""
        OPENED
        try:
            result = await bare(request)
            result = check_result(result)
        except Exception as error:
            result = plain_problem(error) or await answer_error(request, error)
        if request._response_headers is not None:
            result = with_response_headers(request, result)
        await send_response(result, scope, receive, send, None)
    '''

    assert source(bare) == with_names(expected)


def test_the_source_is_the_same_each_time_it_is_looked_at() -> None:
    app = Velo()
    app.route("/items/{item_id:int}", methods=["GET", "POST"])(show_item)
    first = app.plan("GET", "/items/{item_id:int}").source

    assert app.plan("GET", "/items/{item_id:int}").source == first
    assert app.plan("POST", "/items/{item_id:int}").source.splitlines()[2:-1] == first.splitlines()[2:-1]


@pytest.mark.parametrize(
    ("handler", "absent"),
    [
        (root, ["watch", "Deadline", "errors", "raw_headers", "query", "cookies", "receive()", "teardown", "hop", "request = ", "ready("]),
        (nothing, ["encode", "errors"]),
        (bare, ["encode", "errors", "ready(", "teardown"]),
        (show_item, ["teardown", "in_thread", "receive()"]),
        (show_session, ["errors", "    headers = ", "query = last", "in_thread(hop"]),
    ],
)
def test_what_a_route_does_not_use_leaves_no_trace(handler: Callable[..., object], absent: list[str]) -> None:
    written = source(handler, "/{item_id:int}" if handler is show_item else "/")

    assert [word for word in absent if word in written] == []


def test_what_is_registered_elsewhere_leaves_no_trace() -> None:
    """Exception handlers, other routers, their middleware and their dependencies."""

    def application(busy: bool) -> Velo:
        app = Velo()
        app.get("/")(root)
        if busy:
            other = Router("/other", middleware=[timing], dependencies=[Depends(session)])
            other.get("/{item_id:int}")(show_item)
            app.include(other)
            app.add_exception_handler(HTTPError, lambda request, error: None)
        return app

    assert application(busy=True).plan("GET", "/").source == application(busy=False).plan("GET", "/").source
