"""Early hints: links that the client can fetch while the response is still being made (103, RFC 8297)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from velo_core.headers import check_header
from velo_core.later import later

__all__ = ["EarlyHints", "no_hints"]

SendLinks: TypeAlias = Callable[[Sequence[str]], Awaitable[None]]
"""Sends one 103 with these values of `Link`."""

# Possessive, so that none of them can backtrack. The target has the characters of a URI (RFC 3986), so it cannot end before its `>`.
_TARGET: Final = later(r"<(?:[!#$&'()*+,\-./:;=?@\[\]_~0-9A-Za-z]|%[0-9A-Fa-f]{2})*+>")
_PARAMETER: Final = later(
    r"""[ \t]*+;[ \t]*+([!#$%&'*+\-.^_`|~0-9A-Za-z]++)"""
    r"""(?:[ \t]*+=[ \t]*+(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++|"(?:[\t !#-\[\]-~]|\\[\t -~])*+"))?+"""
)


class EarlyHints:
    """Tells the client what the response will need, before there is one; handlers and dependencies get it by annotating a parameter.

    Attributes:
        offered: Whether the connection can: with Hypercorn over HTTP/2, for one. RSGI and WSGI have no way to.
    """

    __slots__ = ("_is_over", "_send", "offered")

    def __init__(self, send: SendLinks | None = None) -> None:
        self._send = send
        self._is_over = False
        self.offered: Final = send is not None

    async def send(self, *links: str) -> bool:
        """Sends one 103 response with these links; it may be called again until the response begins.

        Args:
            links: Values of `Link` (RFC 8288), one link each: `"</style.css>; rel=preload; as=style"`.

        Returns:
            Whether they were sent: `False` where the connection does not offer it, and without links.

        Raises:
            ValueError: one of them is not one link with a `rel`; none was sent.
            RuntimeError: the response has begun, so that it is too late, on every connection.
            ClientDisconnect: the client has left.
        """
        checked = [_checked(link) for link in links]
        if self._is_over:
            raise RuntimeError("the response has begun, and early hints come before it; send them before the handler returns or yields")
        if self._send is None or not checked:
            return False
        await self._send(checked)
        return True

    def end(self) -> None:
        """The response begins; for plans."""
        self._is_over = True


def no_hints(_scope: object, _send: object) -> EarlyHints:
    """Those of a protocol that has no way to send them."""
    return EarlyHints()


def _checked(link: str) -> str:
    """The link without white space around it.

    Raises:
        ValueError: it may not be sent, is not exactly one link, or does not say `rel` (RFC 8288 section 3).
    """
    _, link = check_header("link", link)
    names: set[str] = set()
    found, end = _TARGET.match(link), -1
    while found is not None:
        end = found.end()
        found = _PARAMETER.match(link, end)
        if found is not None:
            names.add(found[1].lower())
    if end != len(link):
        raise ValueError(f"{link[:100]!r} is not one link; write it like '</style.css>; rel=preload; as=style', the URL percent-encoded")
    if "rel" not in names:
        raise ValueError(f"{link[:100]!r} does not say what the link is for; add a rel, such as rel=preload or rel=preconnect")
    return link
