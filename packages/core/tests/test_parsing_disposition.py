"""Content-Disposition (RFC 6266, RFC 8187)."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.headers import check_header
from velo_core.parsing.disposition import content_disposition
from velo_core.parsing.grammar import read_parameters


@pytest.mark.parametrize(
    ("filename", "parameters"),
    [
        ("example.html", '; filename="example.html"'),
        ("an example.html", '; filename="an example.html"'),
        ("€ rates", "; filename=\"_ rates\"; filename*=UTF-8''%E2%82%AC%20rates"),  # RFC 6266 section 5
        ("naïve.txt", "; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ('a"b.txt', "; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("50%41.txt", "; filename=\"50_41.txt\"; filename*=UTF-8''50%2541.txt"),
        ('x"; filename="evil.exe', "; filename=\"x_; filename=_evil.exe\"; filename*=UTF-8''x%22%3B%20filename%3D%22evil.exe"),
        ("../../etc/passwd", '; filename="passwd"'),
        ("..\\..\\boot.ini", '; filename="boot.ini"'),
        ("C:\\dir\\a.txt", '; filename="a.txt"'),
        ("a\r\nSet-Cookie: b=1", '; filename="aSet-Cookie: b=1"'),
        ("a\x00\x1b[2J\x7f.txt", '; filename="a[2J.txt"'),
        ("\u202efdp.exe", '; filename="fdp.exe"'),
        ("a\u2028b", '; filename="ab"'),
        ("\udcffa.txt", '; filename="a.txt"'),
        (" a.txt ", '; filename="a.txt"'),
        ("", ""),
        (".", ""),
        ("..", ""),
        ("a/..", ""),
        ("dir/", ""),
        ("\r\n", ""),
    ],
)
def test_file_names_are_written(filename: str, parameters: str) -> None:
    assert content_disposition(filename) == f"attachment{parameters}"


def test_inline_must_be_asked_for() -> None:
    assert content_disposition("a.pdf", inline=True) == 'inline; filename="a.pdf"'


@given(st.text(st.characters(), max_size=20) | st.text("a\"\\/%;=*'\r\n é", max_size=20))
def test_any_name_stays_one_name(filename: str) -> None:
    written = content_disposition(filename)
    kind, _, _ = written.partition(";")
    parameters = read_parameters(written, len(kind))

    assert kind == "attachment"
    assert check_header("content-disposition", written) == ("content-disposition", written)
    assert parameters is not None
    assert set(parameters) in (set(), {"filename"}, {"filename", "filename*"})
    if parameters:
        sent = unquote(parameters.get("filename*", "").removeprefix("UTF-8''")) or parameters["filename"]
        assert sent in filename.replace("\r", "").replace("\n", "") or not filename.isprintable()
        assert not set("/\\") & set(sent + parameters["filename"])
