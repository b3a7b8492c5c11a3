"""Slots: places for one value each, on routers and requests, with a type and without a bag of attributes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, TypeVar, cast, overload

from msgspec import Struct

from velo_core.errors import SetupError, SlotEmpty
from velo_core.types import MISSING, Missing

__all__ = ["NO_SLOTS", "HoldsSlots", "Slot", "SlotScope", "not_declared", "restorer"]

T = TypeVar("T")
D = TypeVar("D")


class Slot(Generic[T]):
    """A place for one value of type `T` on the application, on a router, and on a request.

        DATABASE = Slot[Database]("database")
        USER = Slot[User | None]("user", default=None)

        app.add_slot(DATABASE)
        app[DATABASE] = Database(...)

    A request that has no value of its own in a slot has that of the nearest router, so `request[DATABASE]` finds it. Values that
    lifespans put on a router are taken off again when the application stops.

    Args:
        name: Unique where it is declared, for messages.
        default: Value where none was put. It is shared by all who read it, so what can be changed is refused.
        factory: Called without arguments for the value of a request, or of a router, that has none; the result is kept.

    Raises:
        SetupError: the default can be changed, or there is a factory as well.
    """

    __slots__ = ("default", "factory", "module", "name", "place")

    def __init__(self, name: str, *, default: T | Missing = MISSING, factory: Callable[[], T] | None = None) -> None:
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]: documented, and in every implementation that matters here
        if frame.f_globals.get("__name__") == "typing" and frame.f_back is not None:  # `Slot[str](...)`
            frame = frame.f_back
        self.name = name
        self.default = default
        self.factory = factory
        self.module = str(frame.f_globals.get("__name__", ""))
        self.place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if default is not MISSING and factory is not None:
            raise SetupError("VELO_SLOT_DEFAULT", f"{self} has a default and a factory; leave one out")
        if default is not MISSING and not _is_hashable(default):
            kind = type(default).__qualname__
            advice = f"factory={kind}" if not default else "factory=lambda: ..."
            message = f"the default of {self} is a {kind}, which all requests would share and could change; write {advice}"
            raise SetupError("VELO_SLOT_DEFAULT", message)

    def __repr__(self) -> str:
        return f"the slot {self.name!r} ({self.place})"


class SlotScope(Struct, frozen=True):
    """Which slots can be used in one place, and who has what is not there itself.

    Attributes:
        declared: The slots, each with who declared it.
        holders: Nearest first.
    """

    declared: Mapping[Slot[object], str]
    holders: tuple[HoldsSlots, ...]


NO_SLOTS: Final = SlotScope({}, ())

Values = dict[Slot[object], object]


class HoldsSlots:
    """What has slots: `holder[SLOT]`, `holder[SLOT] = value`, `del holder[SLOT]`, `SLOT in holder`.

    The dictionary is made when the first value is put, so who uses no slots pays nothing for them, not even the mention of an attribute.
    """

    __slots__ = ("_values_of_slots",)

    _values_of_slots: Values

    def slot_scope(self) -> SlotScope | None:
        """The slots that can be used here, and who is asked for what is not; `None` as long as that is not known."""
        raise NotImplementedError

    def own_values(self) -> Values:
        """The values that were put here."""
        if not hasattr(self, "_values_of_slots"):
            self._values_of_slots = {}
        return self._values_of_slots

    def __getitem__(self, slot: Slot[T]) -> T:
        key = cast("Slot[object]", slot)
        value = self.own_values().get(key, MISSING)
        return cast("T", self._read(key) if value is MISSING else value)

    def __setitem__(self, slot: Slot[T], value: T) -> None:
        key = cast("Slot[object]", slot)
        self._check(key)
        self.own_values()[key] = value

    def __delitem__(self, slot: Slot[T]) -> None:
        key = cast("Slot[object]", slot)
        if key not in self.own_values():
            raise self._empty(key)
        del self.own_values()[key]

    def __contains__(self, slot: object) -> bool:
        return any(slot in holder.own_values() for holder in (self, *(self.slot_scope() or NO_SLOTS).holders))

    @overload
    def get_slot(self, slot: Slot[T]) -> T | None: ...
    @overload
    def get_slot(self, slot: Slot[T], default: D) -> T | D: ...
    def get_slot(self, slot: Slot[T], default: object = None) -> object:
        """The value in a slot; `default` where nobody has put one, the slot has no default, or it is not declared here."""
        if slot in self or slot.factory is not None or slot.default is not MISSING:
            return self[slot]
        return default

    def _read(self, slot: Slot[object]) -> object:
        """A value that is not here: from the nearest router that has one, from the factory, or the default."""
        for holder in (self.slot_scope() or NO_SLOTS).holders:
            values = holder.own_values()
            if slot in values:
                return values[slot]
        self._check(slot)
        if slot.factory is not None:
            value = self.own_values()[slot] = slot.factory()
            return value
        if slot.default is not MISSING:
            return slot.default
        raise self._empty(slot)

    def _check(self, slot: object) -> None:
        if not isinstance(slot, Slot):
            raise TypeError(f"{slot!r} is no Slot; make one at module level: USER = Slot[User]('user')")
        scope = self.slot_scope()
        if scope is not None and slot not in scope.declared:
            raise SetupError("VELO_SLOT_UNKNOWN", not_declared(cast("Slot[object]", slot), repr(self), scope.declared))

    def _empty(self, slot: Slot[object]) -> SlotEmpty:
        return SlotEmpty(f"nothing is in {slot!r} of {self!r}; put a value first, or give the slot a default")


def not_declared(slot: Slot[object], holder: str, declared: Iterable[Slot[object]]) -> str:
    """The message for a slot that cannot be used in a place."""
    names = ", ".join(repr(one.name) for one in declared) or "none"
    return f"{slot!r} is not declared for {holder}: router.add_slot(...) it there or above; declared are: {names}"


def restorer(holders: Iterable[HoldsSlots]) -> Callable[[], None]:
    """Takes note of what is in the slots of `holders`; what it returns puts them back into that state."""
    before = [(holder, dict(holder.own_values())) for holder in holders]

    def restore() -> None:
        for holder, values in before:
            holder.own_values().clear()
            holder.own_values().update(values)

    return restore


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
