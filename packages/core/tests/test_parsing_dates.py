"""HTTP dates (RFC 9110 section 5.6.7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.parsing.dates import format_http_date, parse_http_date

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
def test_all_three_formats_name_the_same_moment(text: str) -> None:
    assert parse_http_date(text, now=NOW) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("20-Nov-76 10:00:00", 2076),
        ("20-Nov-76 10:00:01", 1976),
        ("21-Nov-76 00:00:00", 1976),
        ("01-Jan-77 00:00:00", 1977),
        ("01-Jan-00 00:00:00", 2000),
    ],
)
def test_a_two_digit_year_is_at_most_fifty_years_ahead(date: str, year: int) -> None:
    moment = parse_http_date(f"Monday, {date} GMT", now=NOW)

    assert moment is not None
    assert moment.year == year


def test_a_two_digit_year_near_the_end_of_a_century_can_be_in_the_next() -> None:
    moment = parse_http_date("Monday, 01-Jan-01 00:00:00 GMT", now=datetime(2099, 6, 1, tzinfo=UTC))

    assert moment == datetime(2101, 1, 1, tzinfo=UTC)


def test_the_clock_decides_the_century_by_default() -> None:
    moment = parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT")

    assert moment is not None
    assert moment.year % 100 == 94
    assert moment <= datetime.now(UTC) + timedelta(days=366 * 50)


def test_a_leap_second_is_the_second_after_it() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "infinity",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 2023 00:00:00 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        "Sun, 06 Nov ١٩٩٤ 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT" + " " * 100_000,
    ],
)
def test_what_is_no_http_date_is_none(text: str) -> None:
    assert parse_http_date(text, now=NOW) is None


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_back(moment: datetime) -> None:
    assert parse_http_date(format_http_date(moment)) == moment.replace(microsecond=0)


@given(st.text(max_size=40) | st.from_regex(r"\A(Mon|Monday), [0-9]{2}[ -]Feb[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT\Z"))
def test_no_text_makes_it_raise(text: str) -> None:
    moment = parse_http_date(text, now=NOW)

    assert moment is None or moment.tzinfo is UTC


def test_other_time_zones_and_timestamps_are_written_in_gmt() -> None:
    east = timezone(timedelta(hours=2))

    assert format_http_date(datetime(1994, 11, 6, 10, 49, 37, 999_999, tzinfo=east)) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert format_http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert format_http_date(784111777.9999999) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert format_http_date(-0.5) == "Wed, 31 Dec 1969 23:59:59 GMT"
    assert format_http_date(datetime(33, 1, 1, tzinfo=UTC)) == "Sat, 01 Jan 0033 00:00:00 GMT"


@pytest.mark.parametrize(
    "when",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001 - that it is naive is the point
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        1e12,
        -1e12,
        1e300,
        float("inf"),
        float("nan"),
    ],
)
def test_what_has_no_http_date_is_refused(when: datetime | float) -> None:
    with pytest.raises(ValueError, match=r"aware|too far|NaN"):
        format_http_date(when)
