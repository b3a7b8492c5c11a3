"""Reading ten times as much takes at most about ten times the work, counted in executed lines, not in seconds."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Protocol

import pytest

from velo_core.errors import HTTPError
from velo_core.headers import Headers, MutableHeaders, check_header
from velo_core.parsing.accept import best_match, parse_accept
from velo_core.parsing.cookies import parse_cookies
from velo_core.parsing.dates import parse_http_date
from velo_core.parsing.disposition import content_disposition
from velo_core.parsing.etags import parse_etags
from velo_core.parsing.grammar import read_parameters, split_list
from velo_core.parsing.host import parse_host
from velo_core.parsing.media import parse_media_type
from velo_core.parsing.percent import percent_decode
from velo_core.parsing.query import parse_query
from velo_core.parsing.ranges import parse_range


class Trace(Protocol):
    def __call__(self, frame: FrameType, event: str, argument: object, /) -> Trace: ...


def lines_run(read: Callable[[str], object], text: str) -> int:
    """How many lines of Python it takes to read `text`, without those that a garbage collection of that moment would run."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Trace:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    gc.disable()
    sys.settrace(trace)
    try:
        with suppress(HTTPError, ValueError):
            read(text)
    finally:
        sys.settrace(before)
        gc.enable()
    return count


READERS: dict[str, Callable[[str], object]] = {
    "query": lambda text: parse_query(text, max_pairs=10**9),
    "bounded query": parse_query,
    "percent": percent_decode,
    "cookies": lambda text: parse_cookies([text]),
    "cookie fields": lambda text: parse_cookies([text] * 3),
    "media type": parse_media_type,
    "parameters": lambda text: read_parameters(text, 0),
    "list": split_list,
    "accept": parse_accept,
    "best match": lambda text: best_match(text, ["text/html", "application/json"]),
    "range": lambda text: parse_range(text, 10_000),
    "date": parse_http_date,
    "etags": parse_etags,
    "host": parse_host,
    "disposition": content_disposition,
    "header": lambda text: check_header("x-a", text),
    "headers": lambda text: Headers([("a", part) for part in text.split(",")]),
    "update": lambda text: MutableHeaders([("a", "1")] * 9).update([(part, "1") for part in text.split(",")]),
    "vary": lambda text: MutableHeaders([("vary", text)]).vary("accept"),
}

PIECES = (
    *(
        "a",
        "a=1&",
        "&",
        "f=v&",
        "a;",
        "%",
        "%41",
        "+",
        "a=1; ",
        '"',
        'a="',
        "\\",
        '\\"',
        '; x="',
        ";a=1",
        "a/b;q=0.1,",
        "*/*,",
        ",",
        ", ",
        " ",
        "\t",
    ),
    *("0-1,", "0-,", "bytes=", "9", "0", '"a",', 'W/"a",', "W/", "*", ".", ":", "[", "a.", "é", "\x00", "\r\n", "a%22/"),
)
STARTS = ("", "bytes=", 'a/b; x="', '"', "x=", ";a=")


@pytest.mark.parametrize("reader", READERS)
def test_the_work_grows_no_faster_than_the_input(reader: str) -> None:
    for piece in PIECES:
        for start in STARTS:
            small = lines_run(READERS[reader], start + piece * 40)
            large = lines_run(READERS[reader], start + piece * 400)

            assert large <= 10 * small + 200, f"{piece!r} after {start!r}: {small} lines, ten times as much: {large}"
