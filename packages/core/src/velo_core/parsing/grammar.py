"""What the fields of HTTP are made of: white space, parameters, quoted strings and lists (RFC 9110 section 5.6)."""

from __future__ import annotations

from typing import Final

from velo_core.later import later

__all__ = ["OWS", "read_parameters", "skip_white_space", "split_list"]

OWS: Final = " \t"
"""Optional white space: SP and HTAB, and no other kind (RFC 9110 section 5.6.3)."""

# Each is one character class, run from a position: it cannot backtrack, and a field is read from left to right once.
_SPACES = later(r"[ \t]*")
_TOKEN = later(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
_PLAIN = later(r"[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]*")
_ESCAPED = later(r"\\([\t\x20-\x7e\x80-\xff])")


def skip_white_space(text: str, position: int) -> int:
    """The first index from `position` on that is not optional white space."""
    match = _SPACES.match(text, position)
    return match.end() if match else position


def _read_token(text: str, position: int) -> str:
    match = _TOKEN.match(text, position)
    return match.group() if match else ""


def _read_quoted(text: str, position: int) -> tuple[str, int] | None:
    """The content of the quoted string whose first quote is before `position`, and the index after its last quote."""
    pieces: list[str] = []
    while plain := _PLAIN.match(text, position):
        pieces.append(plain.group())
        position = plain.end()
        if text.startswith('"', position):
            return "".join(pieces), position + 1
        escaped = _ESCAPED.match(text, position)
        if escaped is None:
            return None
        pieces.append(escaped[1])
        position = escaped.end()
    return None


def read_parameters(text: str, position: int) -> dict[str, str] | None:
    """The parameters from `position`, which is at a `;` or at the end (RFC 9110 section 5.6.6). Names come in lower case.

    `None` if they are malformed or if one is given twice, which is an error (RFC 6838 section 4.3): where two readers
    may choose differently, neither should.
    """
    parameters: dict[str, str] = {}
    while position < len(text):
        position = skip_white_space(text, position + 1)
        if text.startswith(";", position) or position == len(text):
            continue
        name = _read_token(text, position)
        position += len(name)
        if not name or name.lower() in parameters or not text.startswith("=", position):
            return None
        read = _read_value(text, position + 1)
        if read is None:
            return None
        parameters[name.lower()], position = read
        position = skip_white_space(text, position)
        if position < len(text) and text[position] != ";":
            return None
    return parameters


def _read_value(text: str, position: int) -> tuple[str, int] | None:
    if text.startswith('"', position):
        return _read_quoted(text, position + 1)
    token = _read_token(text, position)
    return (token, position + len(token)) if token else None


def split_list(text: str) -> list[str]:
    """The members of a comma-separated list, trimmed, without empty ones (RFC 9110 section 5.6.1). A comma in quotes is data."""
    members = text.split(",") if '"' not in text else _split_outside_quotes(text)
    return [member for untrimmed in members if (member := untrimmed.strip(OWS))]


def _split_outside_quotes(text: str) -> list[str]:
    members: list[str] = []
    start = 0
    quoted = escaped = False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == '"':
            quoted = not quoted
        elif character == "\\":
            escaped = quoted
        elif character == "," and not quoted:
            members.append(text[start:index])
            start = index + 1
    return [*members, text[start:]]
