"""`Content-Disposition` (RFC 6266) with file names in any script (RFC 8187)."""

from __future__ import annotations

from typing import Final

__all__ = ["content_disposition"]

_ATTRIBUTE_BYTES: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$&+-.^_`|~")
"""Bytes that stand for themselves in an extended value (RFC 8187 section 3.2.1)."""

_REMOVED: Final = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)))
"""Control characters, line separators, and the marks that reorder text, with which `fdp.exe` can be made to look like `exe.pdf`."""


def content_disposition(filename: str, *, inline: bool = False) -> str:
    """The value of `Content-Disposition` that suggests `filename` for saving.

    Only what follows the last slash or backslash is kept, without control characters. A name that is not plain ASCII is sent twice:
    as `filename`, with `_` for what that cannot carry, and exactly, as `filename*`, which every current browser prefers.

    Args:
        filename: Any text. If nothing is left of it, as of `".."`, no name is suggested.
        inline: Shown in the browser rather than saved. Never for content that users have uploaded.
    """
    disposition = "inline" if inline else "attachment"
    encoded = filename.replace("\\", "/").rpartition("/")[2].translate(_REMOVED).strip().encode("utf-8", "ignore")  # no lone surrogates
    name = encoded.decode()
    if name in ("", ".", ".."):
        return disposition
    # Browsers disagree on escaped quotes, and some decode percent signs (RFC 6266 appendix D).
    plain = "".join(character if " " <= character <= "~" and character not in '"%' else "_" for character in name)
    if plain == name:
        return f'{disposition}; filename="{plain}"'
    extended = "".join(chr(byte) if byte in _ATTRIBUTE_BYTES else f"%{byte:02X}" for byte in encoded)
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{extended}"
