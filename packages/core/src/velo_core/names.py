"""Names in generated code: those the user chose, as far as they are free."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Set

__all__ = ["Names"]

# What plans use for themselves.
_RESERVED = frozenset(
    """
    scope receive send values errors query headers cookies body error response teardown request hop plan endpoint content offer
    content_length check_declared_length collect_body field_name field_value message is_read
    content_headers query_string raw_headers find_header find_all_headers read_body open_request answer_error
    INVALID Response Teardown ValidationError check_response check_result deepcopy encode_any in_thread parse_cookies parse_query ready
    last_values to_json with_response_headers Conversation abort_socket answer_socket conversed deny_ready finish_socket open_socket
    until_accepted plain_problem
    open_hints __builtins__ adapter route member untouched content_type plain_types Request ReadyResponse NO_HEADERS
    JSON_FIELDS TEXT_FIELDS CONTENT_TYPE_FIELDS PROBLEM_FIELDS COOKIE Deadline watch JSON TEXT CONTENT_TYPE PROBLEM LENGTHS send_response
    """.split()
)
_TAKEN = _RESERVED | frozenset(dir(builtins)) | frozenset(keyword.kwlist)


class Names:
    """Hands out names that do not collide: `page`, then `page_2`."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._names: dict[tuple[str, int], str] = {}

    def free(self, wanted: str) -> str:
        """A name that nothing else in the plan has, as close to `wanted` as can be."""
        base = wanted
        if not (wanted.isascii() and wanted.isidentifier()):
            base = re.sub(r"\W", "_", wanted, flags=re.ASCII) or "value"
            base = f"_{base}" if base[0].isdigit() else base
        name, number = base, 1
        while name in self._used or name in _TAKEN:
            number += 1
            name = f"{base}_{number}"
        self._used.add(name)
        return name

    def renamed(self, old: str, new: str) -> Names | None:
        """The same names but for one; `None` if the new one is not free as it is."""
        if new != old and (new in self._used or new in _TAKEN or not (new.isascii() and new.isidentifier())):
            return None
        names = Names()
        names._used |= self._used
        names._used.discard(old)
        names._used.add(new)
        return names

    def are(self, names: Set[str]) -> bool:
        """Whether these are all that have been handed out."""
        return self._used == names

    def name_of(self, wanted: str, value: object) -> str:
        """A name for `value`, the same whenever it is asked for. The caller keeps `value` alive."""
        key = (wanted, id(value))
        if key not in self._names:
            self._names[key] = self.free(wanted)
        return self._names[key]
