"""HTTP dates (RFC 9110 section 5.6.7). The names of days and months are our own: `strftime` writes them in the language of the locale."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from velo_core.later import later

__all__ = ["format_http_date", "parse_http_date"]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_DAY = f"(?:{'|'.join(_DAYS)})"
_LONG_DAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# Every field has a fixed width, so there is nothing to backtrack over. [0-9], since \d also takes the digits of other scripts.
_FORMATS = tuple(
    later(pattern)
    for pattern in (
        f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",  # IMF-fixdate: the only one in use
        f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",  # RFC 850
        f"{_DAY} {_MONTH} (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})",  # asctime
    )
)
_LONGEST: Final = len("Wednesday, 06-Nov-94 08:49:37 GMT")


def parse_http_date(text: str, *, now: datetime | None = None) -> datetime | None:
    """The moment that `text` names, in UTC; `None` if it is not an HTTP date. Never raises for any `text`.

    All three formats are read. Whether the day of the week fits the date is not checked; a leap second is the second after it.

    Args:
        now: Aware; decides the century of a two-digit year, which lies at most 50 years ahead. The clock by default.
    """
    if len(text) > _LONGEST:
        return None
    for pattern in _FORMATS:
        if match := pattern.fullmatch(text):
            return _moment(match, now)
    return None


def _moment(match: re.Match[str], now: datetime | None) -> datetime | None:
    month = _MONTHS.index(match["month"]) + 1
    day, hour, minute, second = (int(match[field]) for field in ("day", "hour", "minute", "second"))
    year = int(match["year"])
    if len(match["year"]) == 2:
        year = _full_year(year, (month, day, hour, minute, second), now or datetime.now(UTC))
    leap = second == 60
    try:
        return datetime(year, month, day, hour, minute, second - leap, tzinfo=UTC) + timedelta(seconds=leap)
    except (ValueError, OverflowError):
        return None


def _full_year(two_digits: int, rest: tuple[int, ...], now: datetime) -> int:
    """The last year ending in `two_digits` for which the date is not more than 50 years after `now`."""
    this_year, *this_moment = now.astimezone(UTC).timetuple()[:6]
    limit = this_year + 50
    year = limit - limit % 100 + two_digits
    return year - 100 if (year, *rest) > (limit, *this_moment) else year


def format_http_date(when: datetime | float) -> str:
    """`when` as an IMF-fixdate, such as `"Sun, 06 Nov 1994 08:49:37 GMT"`; parts of a second are cut off.

    Args:
        when: An aware datetime, or a POSIX timestamp in seconds.

    Raises:
        ValueError: the datetime is naive, or the moment lies outside the years 1 to 9999.
    """
    try:
        moment = when if isinstance(when, datetime) else _EPOCH + timedelta(seconds=math.floor(when))
        if moment.utcoffset() is None:
            raise ValueError("an HTTP date needs an aware datetime: give it a time zone")
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{when!r} is too far away for an HTTP date: the years 1 to 9999 can be written") from None
    date = f"{_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04}"
    return f"{date} {moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"
