"""Files as responses: over every protocol, by the server where it can, and what is no file."""

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Unpack, cast

import pytest

from velo_core import CallNext, Depends, FileResponse, HTTPError, Request, Response, StreamingResponse, Velo
from velo_core.route import RouteOptions
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]
LONG_AGO = 1_700_000_000
LONG_AGO_TEXT = "Tue, 14 Nov 2023 22:13:20 GMT"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.txt"
    path.write_bytes(b"0123456789")
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def app_of(make: Callable[[], Response], **options: Unpack[RouteOptions]) -> Velo:
    app = Velo()

    @app.get("/", **options)
    async def show() -> Response:
        return make()

    return app


# The whole file.


def test_a_file_is_sent_with_its_size_type_and_validators(serve: Serve, report: Path) -> None:
    response = serve(app_of(lambda: FileResponse(report))).get("/")

    assert (response.status_code, response.content) == (200, b"0123456789")
    assert dict(response.headers) == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "10",
        "last-modified": LONG_AGO_TEXT,
        "etag": f'"{LONG_AGO * 10**9:x}-a"',
        "accept-ranges": "bytes",
    }


def test_head_has_the_same_fields_and_no_body(serve: Serve, report: Path) -> None:
    client = serve(app_of(lambda: FileResponse(report)))
    head = client.head("/")

    assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(client.get("/").headers))


def test_an_empty_file_is_sent(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    response = serve(app_of(lambda: FileResponse(tmp_path / "empty"))).get("/", headers={"range": "bytes=0-4"})

    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "0")


def test_a_large_file_arrives_whole(serve: Serve, tmp_path: Path) -> None:
    content = os.urandom(1_000_003)
    (tmp_path / "large").write_bytes(content)

    assert serve(app_of(lambda: FileResponse(tmp_path / "large"))).get("/").content == content


def test_what_is_read_by_velo_itself_is_the_same(serve: Serve, tmp_path: Path) -> None:
    """While a dependency is open: it may want to delete the file when it has been sent."""
    content = os.urandom(1_000_003)
    path = tmp_path / "once"
    app = Velo()

    async def temporary() -> AsyncIterator[Path]:
        path.write_bytes(content)
        yield path
        path.unlink()

    @app.get("/")
    async def show(file: Annotated[Path, Depends(temporary)]) -> FileResponse:
        return FileResponse(file)

    client = serve(app)

    assert client.get("/").content == content
    assert not path.exists()
    assert client.get("/", headers={"range": "bytes=500000-"}).content == content[500000:]


def test_a_file_that_grows_is_sent_as_long_as_was_promised(serve: Serve, report: Path) -> None:
    def grow() -> Response:
        response = FileResponse(report)
        with report.open("ab") as file:
            file.write(b"HTTP/1.1 200 OK")
        return response

    async def temporary() -> AsyncIterator[None]:
        yield

    assert serve(app_of(grow, dependencies=[Depends(temporary)])).get("/").content == b"0123456789"


def test_a_file_that_shrinks_breaks_off(way: tuple[ProtocolName, bool], report: Path) -> None:
    def shrink() -> Response:
        response = FileResponse(report)
        report.write_bytes(b"0")
        return response

    async def temporary() -> AsyncIterator[None]:
        yield

    app = app_of(shrink, dependencies=[Depends(temporary)])
    app.interpreted = way[1]
    with TestClient(app, protocol=way[0]) as client, pytest.raises(EOFError, match="has become shorter"):
        client.get("/")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.HTML", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.woff2", "font/woff2"),
        ("a.tar.gz", "application/gzip"),
        ("a.pdf", "application/pdf"),
        ("a.unheard-of", "application/octet-stream"),
        ("Makefile", "application/octet-stream"),
    ],
)
def test_the_type_comes_from_the_ending(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).touch()

    assert FileResponse(tmp_path / name).headers["content-type"] == expected


def test_type_name_status_and_headers_can_be_given(serve: Serve, report: Path) -> None:
    headers = {"etag": '"mine"', "cache-control": "no-store"}
    response = serve(app_of(lambda: FileResponse(report, 201, headers, "text/csv", filename="żółw.csv"))).get("/")

    assert response.status_code == 201
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == "attachment; filename=\"___w.csv\"; filename*=UTF-8''%C5%BC%C3%B3%C5%82w.csv"
    assert (response.headers["etag"], response.headers["cache-control"]) == ('"mine"', "no-store")


def test_a_file_can_be_shown_under_a_name(report: Path) -> None:
    assert FileResponse(report, filename="a.txt", inline=True).headers["content-disposition"] == 'inline; filename="a.txt"'


def test_no_file_was_changed_after_its_response(serve: Serve, report: Path) -> None:
    """RFC 9110 section 8.8.2.1: a time that is still to come is replaced by that of the response."""
    os.utime(report, (LONG_AGO, time.time() + 86_400))
    before = datetime.now(UTC).replace(microsecond=0)
    client = serve(app_of(lambda: FileResponse(report)))

    response = client.get("/")
    modified = parsedate_to_datetime(response.headers["last-modified"])

    assert before <= modified <= datetime.now(UTC)
    assert response.headers["etag"].startswith('W/"')
    earlier = format_datetime(modified - timedelta(seconds=1), usegmt=True)
    assert client.get("/", headers={"if-modified-since": earlier}).status_code == 200
    assert client.get("/", headers={"if-none-match": response.headers["etag"]}).status_code == 304


def test_a_file_that_was_just_written_has_a_weak_tag(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("1")

    assert FileResponse(tmp_path / "new").headers["etag"].startswith('W/"')


def test_middleware_may_take_the_content_for_a_stream(serve: Serve, report: Path) -> None:
    async def shout(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        assert isinstance(response, StreamingResponse)
        content = cast("AsyncIterator[bytes]", response.content)

        async def louder() -> AsyncIterator[bytes]:
            async for chunk in content:
                yield bytes(chunk) + b"!"

        return StreamingResponse(louder())

    assert serve(app_of(lambda: FileResponse(report), middleware=[shout])).get("/").content == b"0123456789!"


# What is no file.


@pytest.fixture
def odd(tmp_path: Path, report: Path) -> Iterator[Path]:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return iter([tmp_path])


@pytest.mark.parametrize(
    "name",
    [
        "missing",
        "folder",
        "fifo",
        "nowhere",
        "loop",
        "report.txt/below",
        "ok.txt\0",
        "\0",
        "x" * 5000,
        "x/" * 2000,
        "\udcff",
        "/dev/null",
        "",
    ],
    ids=lambda name: repr(name[:12]),
)
def test_what_is_no_regular_file_is_a_404_that_tells_nothing(serve: Serve, odd: Iterator[Path], name: str) -> None:
    folder = next(odd)
    response = serve(app_of(lambda: FileResponse(f"{folder}/{name}" if not name.startswith("/") else name))).get("/")

    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert response.json() == {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is no such file."}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_404(report: Path) -> None:
    report.chmod(0)
    with pytest.raises(HTTPError) as raised:
        FileResponse(report)

    assert raised.value.status_code == 404


def test_exception_handlers_see_the_404(serve: Serve, tmp_path: Path) -> None:
    app = app_of(lambda: FileResponse(tmp_path / "missing"))

    @app.exception_handler(HTTPError)
    async def show(request: Request, error: Exception) -> Response:
        return Response("no page", 404, media_type="text/html")

    assert serve(app).get("/").text == "no page"


# Several ranges in one response.


def parts_of(content_type: str, content: bytes) -> list[tuple[str, str, bytes]]:
    """Type, range and bytes of each part, as a parser of somebody else's sees them."""
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + content)
    assert message.is_multipart()
    parts = cast("list[Message]", message.get_payload())
    return [(str(part["content-type"]), str(part["content-range"]), cast("bytes", part.get_payload(decode=True))) for part in parts]


def test_several_ranges_come_in_parts(serve: Serve, report: Path) -> None:
    response = serve(app_of(lambda: FileResponse(report))).get("/", headers={"range": "bytes=7-8, 0-1, -1"})

    assert response.status_code == 206
    assert "content-range" not in response.headers
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert [(kind, where) for kind, where, _ in parts_of(response.headers["content-type"], response.content)] == [
        ("text/plain; charset=utf-8", "bytes 0-1/10"),
        ("text/plain; charset=utf-8", "bytes 7-9/10"),
    ]
    assert [content for _, _, content in parts_of(response.headers["content-type"], response.content)] == [b"01", b"789"]


def test_ranges_that_do_not_touch_keep_their_order(serve: Serve, report: Path) -> None:
    response = serve(app_of(lambda: FileResponse(report))).get("/", headers={"range": "bytes=7-8,0-1"})

    assert [where for _, where, _ in parts_of(response.headers["content-type"], response.content)] == ["bytes 7-8/10", "bytes 0-1/10"]


def test_part_boundaries_cannot_be_guessed(serve: Serve, report: Path) -> None:
    client = serve(app_of(lambda: FileResponse(report)))
    boundaries = {client.get("/", headers={"range": "bytes=0-1,5-6"}).headers["content-type"] for _ in range(3)}

    assert len(boundaries) == 3


# Fields that others have added.


@pytest.mark.parametrize(
    ("headers", "status"), [({"range": "bytes=20-"}, 416), ({"if-match": '"other"'}, 412), ({"if-none-match": "*"}, 304)]
)
def test_what_takes_the_place_of_a_file_keeps_the_fields_that_are_not_about_it(
    serve: Serve, report: Path, headers: dict[str, str], status: int
) -> None:
    app = Velo()

    @app.get("/")
    async def show(request: Request) -> FileResponse:
        request.response_headers.add("access-control-allow-origin", "*")
        response = FileResponse(report, filename="report.txt")
        response.set_cookie("seen", "1")
        return response

    response = serve(app).get("/", headers=headers)

    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["set-cookie"].startswith("seen=1")
    assert "content-disposition" not in response.headers
    assert response.headers.get("content-type") == (None if status == 304 else "application/problem+json")
