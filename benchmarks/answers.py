"""What contenders answer, and whether it is what a scenario wants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.scenarios import Exchange

__all__ = ["Answer", "CannotDo", "WrongAnswer", "check", "cookie_of", "with_cookie"]


class WrongAnswer(Exception):
    """A contender answered otherwise than the scenario wants, so it does other work."""


class CannotDo(Exception):
    """A contender has nothing at that path."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one request: names of headers are in lower case; messages are those of a websocket."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    messages: Sequence[str] = ()


def check(exchange: Exchange, answer: Answer) -> None:
    """Whether that is the answer to the exchange.

    Raises:
        WrongAnswer: it is not.
        CannotDo: it is a 404 or a refused handshake, unasked.
    """
    asked = f"{exchange.method} {exchange.path} {exchange.body[:60].decode()}".strip()
    if answer.status not in (exchange.status if isinstance(exchange.status, range) else (exchange.status,)):
        raise CannotDo if answer.status in (403, 404) else WrongAnswer(f"{asked}: status {answer.status}")
    if list(answer.messages) != list(exchange.messages):
        raise WrongAnswer(f"{asked}: other messages than were sent")
    wanted, body = exchange.answer, answer.body
    if wanted is None:
        return
    try:
        right = wanted(body) if callable(wanted) else (body if isinstance(wanted, bytes) else json.loads(body)) == wanted
    except (ValueError, KeyError):
        right = False
    if not right:
        raise WrongAnswer(f"{asked}: another body than wanted: {body[:200]!r}")


def cookie_of(answer: Answer) -> str:
    """The cookie that it sets, as clients send it back.

    Raises:
        WrongAnswer: it sets none.
    """
    for name, value in answer.headers:
        if name == "set-cookie":
            return value.partition(";")[0]
    raise WrongAnswer("no cookie is set")


def with_cookie(exchange: Exchange, cookie: str) -> Exchange:
    return replace(exchange, headers={**(exchange.headers or {}), "cookie": cookie})
