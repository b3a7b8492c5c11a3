"""RFC 9110 sections 13 and 14, line by line, as far as they concern an origin server.

Each row names the section it comes from. The representation is ten bytes, `0123456789`, with a strong entity tag and a date, once as a file
and once, for what concerns it, as data with the same validators.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import pytest

from velo_core import (
    Depends,
    FileResponse,
    HTTPError,
    Middleware,
    RedirectResponse,
    Request,
    Response,
    Velo,
    check_preconditions,
    conditional_requests,
)
from velo_testing import TestClient

Serve = Callable[..., TestClient]
Fields = list[tuple[str, str]]

BODY = b"0123456789"
CHANGED = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"
TAG = '"v1"'


def served(tmp_path: Path, tag: str | None = TAG) -> Velo:
    """`/file`, `/data` and `/thing`, which can be changed; all with the same validators."""
    app = Velo()
    path = tmp_path / "file.bin"
    path.write_bytes(BODY)
    os.utime(path, (CHANGED.timestamp(), CHANGED.timestamp()))
    changes = 0

    @app.route("/file", methods=["GET", "POST"])
    async def file() -> FileResponse:
        return FileResponse(path, headers=None if tag is None else {"etag": tag})

    @app.route("/data", methods=["GET", "POST"], middleware=[conditional_requests])
    async def data() -> Response:
        headers = {"last-modified": DATE} if tag is None else {"etag": tag, "last-modified": DATE}
        return Response(BODY, headers=headers, media_type="application/octet-stream")

    @app.put("/thing/{state}")
    async def change(state: str, request: Request) -> dict[str, int]:
        nonlocal changes
        exists = state == "old"
        check_preconditions(request, etag=tag if exists else None, last_modified=CHANGED if exists else None, exists=exists)
        changes += 1
        return {"changes": changes}

    @app.get("/thing/{state}")
    async def read(state: str, request: Request) -> object:
        return check_preconditions(request, etag=tag, last_modified=CHANGED) or {"changes": changes}

    return app


# Reading: what holds for files and for data alike.

READS: list[tuple[str, str, Fields, int]] = [
    # (section and what it says, method, fields, status)
    ("13.1.1 If-Match: * holds if there is a representation", "GET", [("if-match", "*")], 200),
    ("13.1.1 one of the listed tags is the current one", "GET", [("if-match", '"v0", "v1"')], 200),
    ("13.1.1 none of them is", "GET", [("if-match", '"v0"')], 412),
    ("13.1.1 the comparison is strong", "GET", [("if-match", 'W/"v1"')], 412),
    ("5.3 several fields are one list", "GET", [("if-match", '"v0"'), ("if-match", '"v1"')], 200),
    ("13.1.1 a list that cannot be read matches nothing", "GET", [("if-match", "v1")], 412),
    ("13.1.2 If-None-Match: * fails if there is a representation", "GET", [("if-none-match", "*")], 304),
    ("13.1.2 one of the listed tags is the current one", "GET", [("if-none-match", '"v0", "v1"')], 304),
    ("13.1.2 none of them is", "GET", [("if-none-match", '"v0"')], 200),
    ("13.1.2 the comparison is weak", "GET", [("if-none-match", 'W/"v1"')], 304),
    ("13.1.2 HEAD as well", "HEAD", [("if-none-match", '"v1"')], 304),
    ("13.1.2 a list that cannot be read matches nothing", "GET", [("if-none-match", "v1")], 200),
    ("13.1.3 not changed since", "GET", [("if-modified-since", DATE)], 304),
    ("13.1.3 nor since a later date", "GET", [("if-modified-since", LATER)], 304),
    ("13.1.3 changed since", "GET", [("if-modified-since", EARLIER)], 200),
    ("13.1.3 HEAD as well", "HEAD", [("if-modified-since", DATE)], 304),
    ("13.1.3 must be ignored beside If-None-Match", "GET", [("if-none-match", '"v0"'), ("if-modified-since", DATE)], 200),
    ("13.1.3 must be ignored if it is no date", "GET", [("if-modified-since", "yesterday")], 200),
    ("13.1.3 must be ignored with more than one member", "GET", [("if-modified-since", DATE), ("if-modified-since", DATE)], 200),
    ("5.6.7 the obsolete forms are dates, too", "GET", [("if-modified-since", "Tuesday, 14-Nov-23 22:13:20 GMT")], 304),
    ("5.6.7 the obsolete forms are dates, too", "GET", [("if-modified-since", "Tue Nov 14 22:13:20 2023")], 304),
    ("13.1.4 not changed since", "GET", [("if-unmodified-since", DATE)], 200),
    ("13.1.4 changed since", "GET", [("if-unmodified-since", EARLIER)], 412),
    ("13.1.4 must be ignored beside If-Match", "GET", [("if-match", '"v1"'), ("if-unmodified-since", EARLIER)], 200),
    ("13.1.4 must be ignored if it is no date", "GET", [("if-unmodified-since", "yesterday")], 200),
    ("13.2.2 If-Match comes before If-None-Match", "GET", [("if-match", '"v0"'), ("if-none-match", '"v1"')], 412),
    ("13.2.2 and when it holds, that one counts", "GET", [("if-match", '"v1"'), ("if-none-match", '"v1"')], 304),
    ("13.2.2 If-Unmodified-Since comes before it, too", "GET", [("if-unmodified-since", EARLIER), ("if-none-match", '"v1"')], 412),
    ("13.2.2 and before If-Modified-Since", "GET", [("if-unmodified-since", DATE), ("if-modified-since", DATE)], 304),
]


@pytest.mark.parametrize("path", ["/file", "/data", "/thing/old"])
@pytest.mark.parametrize(("line", "method", "fields", "status"), READS, ids=[f"{row[0]}: {row[2]}" for row in READS])
def test_preconditions_of_a_read(serve: Serve, tmp_path: Path, path: str, line: str, method: str, fields: Fields, status: int) -> None:
    response = serve(served(tmp_path)).request(method, path, headers=fields)

    assert response.status_code == status, line
    if status == 304:  # 15.4.5: the fields that a 200 would have had, and no description of a body
        assert (response.headers["etag"], response.content) == (TAG, b"")
        assert not {"content-type", "content-length", "content-range", "last-modified"} & set(response.headers)


NO_TAG: list[tuple[str, Fields, int]] = [
    ("13.1.1 without a tag none matches", [("if-match", '"v1"')], 412),
    ("13.1.1 but * does", [("if-match", "*")], 200),
    ("13.1.2 without a tag none matches", [("if-none-match", '"v1"')], 200),
    ("13.1.3 the date counts", [("if-modified-since", DATE)], 304),
]


@pytest.mark.parametrize(("line", "fields", "status"), NO_TAG, ids=[row[0] for row in NO_TAG])
def test_preconditions_without_an_entity_tag(serve: Serve, tmp_path: Path, line: str, fields: Fields, status: int) -> None:
    response = serve(served(tmp_path, tag=None)).get("/data", headers=fields)

    assert response.status_code == status, line
    if status == 304:
        assert response.headers["last-modified"] == DATE  # it guides the cache where there is no tag


# Changing.

CHANGES: list[tuple[str, str, Fields, int]] = [
    ("13.1.1 the version is the one that is meant", "old", [("if-match", '"v1"')], 200),
    ("13.1.1 it is another one: must not be performed", "old", [("if-match", '"v0"')], 412),
    ("13.1.1 there is none", "new", [("if-match", "*")], 412),
    ("13.1.1 there is none", "new", [("if-match", '"v1"')], 412),
    ("13.1.2 only if there is none, and there is", "old", [("if-none-match", "*")], 412),
    ("13.1.2 only if there is none, and there is none", "new", [("if-none-match", "*")], 200),
    ("13.1.2 any method but GET and HEAD gets 412", "old", [("if-none-match", '"v1"')], 412),
    ("13.1.3 must be ignored if the method is neither GET nor HEAD", "old", [("if-modified-since", DATE)], 200),
    ("13.1.4 not changed since", "old", [("if-unmodified-since", DATE)], 200),
    ("13.1.4 changed since", "old", [("if-unmodified-since", EARLIER)], 412),
    ("13.1.4 must be ignored if there is no date to compare", "new", [("if-unmodified-since", EARLIER)], 200),
]


@pytest.mark.parametrize(("line", "state", "fields", "status"), CHANGES, ids=[f"{row[0]}: {row[2]}" for row in CHANGES])
def test_preconditions_of_a_change(serve: Serve, tmp_path: Path, line: str, state: str, fields: Fields, status: int) -> None:
    client = serve(served(tmp_path))
    response = client.put(f"/thing/{state}", headers=fields)

    assert response.status_code == status, line
    assert client.get("/thing/old").json() == {"changes": int(status == 200)}


@pytest.mark.parametrize("path", ["/file", "/data"])
def test_a_method_that_does_not_select_a_representation_ignores_conditions(serve: Serve, tmp_path: Path, path: str) -> None:
    """13.2.1, and nothing is said of a response after it has been made by POST."""
    client = serve(served(tmp_path))

    assert client.post(path, headers={"if-match": '"v0"', "range": "bytes=0-1"}).content == BODY
    assert client.options(path, headers={"if-match": '"v0"'}).status_code == 204


def test_conditions_are_ignored_where_the_answer_is_no_success(serve: Serve) -> None:
    """13.2.1: all received preconditions, if the response without them would be something other than a 2xx."""
    app = Velo()

    @app.get("/", middleware=[conditional_requests])
    async def show() -> Response:
        return Response("gone", 410, {"etag": TAG})

    assert serve(app).get("/", headers={"if-none-match": TAG, "if-match": '"v0"'}).status_code == 410


# Ranges.

RANGES: list[tuple[str, str, Fields, int, str | None, bytes | None]] = [
    # (section and what it says, method, fields, status, Content-Range, body)
    ("14.1.2 first and last position", "GET", [("range", "bytes=2-4")], 206, "bytes 2-4/10", b"234"),
    ("14.1.2 one byte", "GET", [("range", "bytes=0-0")], 206, "bytes 0-0/10", b"0"),
    ("14.1.2 from a position on", "GET", [("range", "bytes=7-")], 206, "bytes 7-9/10", b"789"),
    ("14.1.2 the last bytes", "GET", [("range", "bytes=-3")], 206, "bytes 7-9/10", b"789"),
    ("14.1.2 a suffix longer than all is all", "GET", [("range", "bytes=-200000")], 206, "bytes 0-9/10", BODY),
    ("14.1.2 a last position beyond the end is the end", "GET", [("range", "bytes=8-99")], 206, "bytes 8-9/10", b"89"),
    ("14.1.2 a first position beyond the end", "GET", [("range", "bytes=10-")], 416, "bytes */10", None),
    ("14.1.2 a suffix of no bytes", "GET", [("range", "bytes=-0")], 416, "bytes */10", None),
    ("14.1.2 one of several can be satisfied", "GET", [("range", "bytes=20-,2-4")], 206, "bytes 2-4/10", b"234"),
    ("14.1 units are case-insensitive", "GET", [("range", "Bytes=2-4")], 206, "bytes 2-4/10", b"234"),
    ("5.6.1 a list may have empty members and white space", "GET", [("range", "bytes= ,2-4 , ")], 206, "bytes 2-4/10", b"234"),
    ("14.2 an unknown unit is ignored", "GET", [("range", "lines=2-4")], 200, None, BODY),
    ("14.1.1 the last position before the first is invalid", "GET", [("range", "bytes=4-2")], 200, None, BODY),
    ("14.2 an invalid one is ignored", "GET", [("range", "bytes=a-b")], 200, None, BODY),
    ("14.2 an invalid one is ignored", "GET", [("range", "bytes=-")], 200, None, BODY),
    ("14.2 an invalid one is ignored", "GET", [("range", "bytes=")], 200, None, BODY),
    ("14.2 an invalid one is ignored", "GET", [("range", "2-4")], 200, None, BODY),
    ("14.2 an invalid one is ignored", "GET", [("range", "bytes=1-2-3")], 200, None, BODY),
    ("14.2 an invalid one is ignored", "GET", [("range", "bytes=+1-2")], 200, None, BODY),
    ("14.2 it is no list field", "GET", [("range", "bytes=0-1"), ("range", "bytes=4-5")], 200, None, BODY),
    ("14.2 must be ignored with other methods", "HEAD", [("range", "bytes=2-4")], 200, None, b""),
    ("14.2 must be ignored with other methods", "POST", [("range", "bytes=2-4")], 200, None, BODY),
    ("15.3.7.2 what overlaps or touches may be joined", "GET", [("range", "bytes=0-3,2-5,6-7")], 206, "bytes 0-7/10", b"01234567"),
    ("14.2 after the preconditions", "GET", [("range", "bytes=2-4"), ("if-none-match", '"v1"')], 304, None, b""),
    ("14.2 after the preconditions", "GET", [("range", "bytes=2-4"), ("if-match", '"v0"')], 412, None, None),
    ("13.2.2 and only if they are true", "GET", [("range", "bytes=2-4"), ("if-match", '"v1"')], 206, "bytes 2-4/10", b"234"),
    ("13.1.5 the same version", "GET", [("range", "bytes=2-4"), ("if-range", '"v1"')], 206, "bytes 2-4/10", b"234"),
    ("13.1.5 another version", "GET", [("range", "bytes=2-4"), ("if-range", '"v0"')], 200, None, BODY),
    ("13.1.5 the comparison is strong", "GET", [("range", "bytes=2-4"), ("if-range", 'W/"v1"')], 200, None, BODY),
    ("13.1.5 a single tag", "GET", [("range", "bytes=2-4"), ("if-range", '"v1", "v2"')], 200, None, BODY),
    ("13.1.5 and no *", "GET", [("range", "bytes=2-4"), ("if-range", "*")], 200, None, BODY),
    ("13.1.5 the date, exactly", "GET", [("range", "bytes=2-4"), ("if-range", DATE)], 206, "bytes 2-4/10", b"234"),
    ("13.1.5 not later", "GET", [("range", "bytes=2-4"), ("if-range", LATER)], 200, None, BODY),
    ("13.1.5 not earlier", "GET", [("range", "bytes=2-4"), ("if-range", EARLIER)], 200, None, BODY),
    ("13.1.5 must be ignored without Range", "GET", [("if-range", '"v0"')], 200, None, BODY),
    ("13.1.5 also keeps 416 away", "GET", [("range", "bytes=20-"), ("if-range", '"v0"')], 200, None, BODY),
    ("14.5 a server that has no PUT of parts is not asked", "GET", [("content-range", "bytes 0-1/10")], 200, None, BODY),
]


@pytest.mark.parametrize(
    ("line", "method", "fields", "status", "content_range", "body"), RANGES, ids=[f"{row[0]}: {row[1]} {row[2]}" for row in RANGES]
)
def test_ranges(
    serve: Serve, tmp_path: Path, line: str, method: str, fields: Fields, status: int, content_range: str | None, body: bytes | None
) -> None:
    response = serve(served(tmp_path)).request(method, "/file", headers=fields)

    assert (response.status_code, response.headers.get("content-range")) == (status, content_range), line
    assert body is None or response.content == body, line
    if status in (200, 206):  # 14.3, and 15.3.7: the fields that a 200 would have had
        assert (response.headers["accept-ranges"], response.headers["etag"], response.headers["last-modified"]) == ("bytes", TAG, DATE)
    if status == 206:
        assert response.headers["content-length"] == str(len(response.content))


def test_a_weak_tag_is_no_ground_for_a_part(serve: Serve, tmp_path: Path) -> None:
    """13.1.5: a weak validator is never the same by the strong comparison."""
    client = serve(served(tmp_path, tag='W/"v1"'))

    assert client.get("/file", headers={"range": "bytes=2-4", "if-range": 'W/"v1"'}).status_code == 200


FILE_READS: list[tuple[Fields, int]] = [
    ([], 200),
    ([("if-match", TAG)], 200),
    ([("if-match", '"v0"')], 412),
    ([("if-none-match", TAG)], 304),
    ([("range", "bytes=2-4"), ("if-range", TAG)], 206),
    ([("range", "bytes=2-4"), ("if-range", '"v0"')], 200),
]


@pytest.mark.parametrize("middleware", [(), (conditional_requests,)], ids=["bare", "in middleware"])
@pytest.mark.parametrize(("fields", "status"), FILE_READS)
def test_a_file_is_compared_by_the_tag_that_the_handler_gives(
    serve: Serve, tmp_path: Path, middleware: tuple[Middleware, ...], fields: Fields, status: int
) -> None:
    app = Velo()
    path = tmp_path / "file.bin"
    path.write_bytes(BODY)

    @app.get("/", middleware=middleware)
    async def show(request: Request) -> object:
        request.response_headers.add("x-a", "1")
        return check_preconditions(request, etag="v1") or FileResponse(path)

    response = serve(app).get("/", headers=fields)

    assert (response.status_code, response.headers.get_list("etag"), response.headers.get_list("x-a")) == (status, [TAG], ["1"])


@pytest.mark.parametrize(("tag", "status"), [('"v1"', 304), ('"v0"', 200)])
def test_the_middleware_looks_at_what_is_added_to_the_response(serve: Serve, tag: str, status: int) -> None:
    app = Velo()

    @app.get("/", middleware=[conditional_requests])
    async def show(request: Request) -> str:
        request.response_headers.update({"etag": TAG, "x-a": "1"})
        return "shown"

    client = serve(app)
    response = client.get("/", headers={"if-none-match": tag})
    refused = client.get("/", headers={"if-match": '"v0"'})

    assert (response.status_code, response.headers.get_list("etag"), response.headers.get_list("x-a")) == (status, [TAG], ["1"])
    assert (refused.status_code, refused.headers.get_list("x-a")) == (412, ["1"])


@pytest.mark.parametrize(
    ("path", "status", "has_them"),
    [
        ("/missing", 404, False),
        ("/broken", 500, False),
        ("/handled", 409, False),
        ("/redirect", 307, False),
        ("/created", 201, True),
        ("/nothing", 204, True),
        ("/unchanged", 304, True),
    ],
)
@pytest.mark.parametrize("middleware", [(), (conditional_requests,)], ids=["bare", "in middleware"])
def test_only_a_success_or_a_304_has_the_validators_of_the_result(
    serve: Serve, middleware: tuple[Middleware, ...], path: str, status: int, has_them: bool
) -> None:
    """A cache that kept an error or a redirect with them would be told by 304 to go on using it."""

    def check(request: Request) -> None:
        check_preconditions(request, etag="v1", last_modified=CHANGED)

    app = Velo(dependencies=[Depends(check)], middleware=middleware)

    @app.get("/missing")
    async def missing() -> None:
        raise HTTPError(404)

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("broken")

    @app.get("/handled")
    async def handled() -> None:
        raise KeyError("handled")

    @app.exception_handler(KeyError)
    async def conflict(request: Request, error: KeyError) -> Response:
        return Response(status_code=409)

    @app.get("/redirect")
    async def redirect() -> Response:
        return RedirectResponse("/missing")

    @app.get("/created", status_code=201)
    async def created() -> str:
        return "created"

    @app.get("/nothing")
    async def nothing() -> None: ...

    @app.get("/unchanged")
    async def unchanged() -> Response:
        return Response(status_code=304)

    response = serve(app, raise_app_exceptions=False).get(path, follow_redirects=False)

    assert response.status_code == status
    assert (response.headers.get_list("etag"), response.headers.get_list("last-modified")) == (([TAG], [DATE]) if has_them else ([], []))


def test_a_304_keeps_its_own_tag(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show(request: Request) -> object:
        check_preconditions(request, etag="v0")
        return check_preconditions(request, etag="v1") or "shown"

    response = serve(app).get("/", headers={"if-none-match": TAG})

    assert (response.status_code, response.headers.get_list("etag")) == (304, [TAG])


# What many ranges cost.


def frames_of(make: Callable[[], object]) -> int:
    """Calls of functions, Python's and C's, that `make` leads to."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        make()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("number", [1000, 10_000])
@pytest.mark.parametrize("pattern", ["0-{0}", "{0}-{0}", "{0}-", "-{0}", "0-"], ids=["growing", "disjoint", "open", "suffix", "all"])
def test_many_ranges_cost_no_more_than_a_refusal(serve: Serve, tmp_path: Path, number: int, pattern: str) -> None:
    from velo_core.parsing.ranges import parse_range

    value = "bytes=" + ",".join(pattern.format(2 * index) for index in range(number))
    refused = frames_of(lambda: parse_range("bytes=" + "x" * len(value), 10**9))
    response = serve(served(tmp_path)).get("/file", headers={"range": value})

    assert frames_of(lambda: parse_range(value, 10**9)) <= refused + 4
    assert (response.status_code, response.content) == (200, BODY)


def test_as_many_ranges_as_are_served_cost_as_many_parts(tmp_path: Path) -> None:
    from velo_core.parsing.ranges import parse_range

    few, many = ("bytes=" + ",".join(f"{4 * index}-{4 * index + 1}" for index in range(number)) for number in (8, 16))

    assert frames_of(lambda: parse_range(many, 10**9)) <= 2 * frames_of(lambda: parse_range(few, 10**9))
