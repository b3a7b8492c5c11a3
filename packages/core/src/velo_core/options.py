"""Options of plugins that are installed by name, and of applications: read from code, environment and file, and held against a signature.

The signature of the constructor is the schema: names, types, defaults. A constructor that takes one dataclass or msgspec Struct, and
nothing else, has the fields of that as its options. An option that is a dataclass or a Struct is a table: its fields can come from
different places, as `database.url` in a file and `..._DATABASE__URL` in the environment.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import Struct

from velo_core.secret import Secret
from velo_core.types import MISSING

__all__ = ["Option", "OptionError", "Setting", "Source", "build", "is_readable", "options_of", "prefix_of", "read_options"]

T = TypeVar("T")

UNKNOWN: Final = object()
"""Type of an option whose annotation cannot be read: whatever code gives passes, and no file can."""
NO_NAMES: Final[Mapping[str, object]] = {}

NESTED: Final = "__"
"""Between the names of a table and of its field in the environment."""


class OptionError(Exception):
    """A value does not fit; the message says where in it and why, never the value itself, which may be a secret."""


class Option(Struct, frozen=True):
    """A parameter of a constructor.

    Attributes:
        name: Its name.
        type: Its annotation, resolved.
        default: Its default; of no meaning if it is required.
    """

    name: str
    type: object
    default: object

    @property
    def is_required(self) -> bool:
        """Whether it has to be given."""
        return self.default is MISSING


class Setting(Struct, frozen=True):
    """The value of an option.

    Attributes:
        value: As the constructor gets it.
        origin: Where it comes from, such as `"velo.toml"`, `"VELO_GREETER_NAME"`, `"shop.py:12"` or `"default"`.
    """

    value: object
    origin: str


class Source(Struct, frozen=True):
    """Values from one place.

    Attributes:
        values: By name of the option.
        origin: The place; the name of the variable is put in for each value of the environment.
        kind: `"code"` may hold any object, `"file"` plain data, `"environment"` text.
    """

    values: Mapping[str, object]
    origin: str
    kind: typing.Literal["code", "file", "environment"]


# The schema.


def options_of(factory: Callable[..., object]) -> Mapping[str, Option]:
    """The options with which a plugin can be installed by name, from what its entry point leads to."""
    return _schema(factory)[0]


def _schema(factory: Callable[..., object], names: Mapping[str, object] = NO_NAMES) -> tuple[dict[str, Option], type | None]:
    """The options of a constructor by name, and the class that holds them if it takes one object."""
    options = _parameters(factory, names)
    if len(options) == 1 and not _is_table(factory):
        (only,) = options.values()
        if _is_table(only.type):
            return _parameters(cast("type", only.type)), cast("type", only.type)
    return options, None


def is_readable(option: Option) -> bool:
    """Whether its annotation could be resolved."""
    return option.type is not UNKNOWN


def _is_table(kind: object) -> bool:
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct))


def _parameters(factory: Callable[..., object], names: Mapping[str, object] = NO_NAMES) -> dict[str, Option]:
    found: dict[str, Option] = {}
    # A field may be inherited from a class of another module, whose names count then.
    owners = reversed(factory.__mro__[:-1]) if isinstance(factory, type) else (factory,)
    namespace: dict[str, object] = {**names}
    for owner in owners:
        namespace |= vars(sys.modules.get(getattr(owner, "__module__", ""), typing))
    made = _made_defaults(factory)
    for parameter in inspect.signature(factory).parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = MISSING if parameter.default is parameter.empty else parameter.default
        default = made.get(parameter.name, default)
        found[parameter.name] = Option(parameter.name, _resolved(parameter.annotation, namespace), default)
    return found


def _made_defaults(factory: Callable[..., object]) -> dict[str, object]:
    """The defaults that a dataclass or a Struct makes anew for each object, which its signature does not tell."""
    if isinstance(factory, type) and issubclass(factory, msgspec.Struct):
        made = [(one.name, one.default_factory) for one in msgspec.structs.fields(factory)]
    elif isinstance(factory, type) and dataclasses.is_dataclass(factory):
        made = [(one.name, one.default_factory) for one in dataclasses.fields(factory)]
    else:
        return {}
    absent = (dataclasses.MISSING, msgspec.NODEFAULT)
    return {name: cast("Callable[[], object]", function)() for name, function in made if function not in absent}


def _resolved(annotation: object, namespace: Mapping[str, object]) -> object:
    """One annotation; each on its own, for the others count even if one names what is only there for type checkers."""
    if annotation is inspect.Parameter.empty:
        return UNKNOWN

    def holder() -> None: ...

    holder.__annotations__ = {"value": annotation}
    try:
        return typing.get_type_hints(holder, dict(namespace), include_extras=True)["value"]
    except Exception:
        return UNKNOWN


def prefix_of(name: str) -> str:
    """How environment variables of a plugin begin: `"VELO_RATE_LIMITER_"`."""
    return f"VELO_{name.upper().replace('-', '_').replace('.', '_')}_"


# The values.


def read_options(
    factory: Callable[..., T],
    sources: Sequence[Source],
    *,
    needs: Callable[[Sequence[str]], list[str]] | None = None,
    names: Mapping[str, object] = NO_NAMES,
) -> tuple[Callable[[], T], dict[str, Setting], list[str]]:
    """What makes the plugin, where each value comes from, and what is wrong.

    Args:
        factory: The constructor.
        sources: Later ones win over earlier ones.
        needs: Says what is wrong where names are missing.
        names: What annotations of the constructor may name beside what is in its module.
    """
    options, holder = _schema(factory, names)
    if holder is not None and any(source.kind == "code" and set(source.values) - set(options) for source in sources):
        options, holder = _parameters(factory, names), None  # code gives the object itself
    read = _Read(options)
    for source in sources:
        read.take(source)
    read.finish()
    if read.missing:
        read.problems += _needs(read.missing) if needs is None else needs(read.missing)
    given = read.given

    def make() -> T:
        return factory(**given) if holder is None else factory(holder(**given))

    return make, read.settings, read.problems


def _needs(names: Sequence[str]) -> list[str]:
    return [f"needs {' and '.join(map(repr, names))}; give it as an option"]


class _Read:
    """Values of one constructor, as they are found.

    Args:
        options: What it takes.
        path: Before the names of options in messages: `"database."`.

    Attributes:
        given: What the constructor is called with.
        settings: Each value with its origin; those of tables one by one, `"database.url"`.
        problems: What does not fit.
        missing: What has to be given and is not.
    """

    def __init__(self, options: Mapping[str, Option], path: str = "") -> None:
        self.options = options
        self.path = path
        self.given: dict[str, object] = {}
        self.settings = {path + name: Setting(option.default, "default") for name, option in options.items() if not option.is_required}
        self.problems: list[str] = []
        self.missing: list[str] = []
        self._failed: set[str] = set()
        self._tables: dict[str, list[Source]] = {}

    def take(self, source: Source) -> None:
        """Adds the values of a place."""
        pieces: dict[str, dict[str, object]] = {}
        for name, value in source.values.items():
            table, separator, rest = name.partition(NESTED)
            if source.kind == "environment" and separator and name not in self.options and self._is_table(table):
                pieces.setdefault(table, {})[rest] = value
            else:
                self._take_one(name, value, source)
        for table, values in pieces.items():
            prefix = source.origin.format(NAME=table.upper() + NESTED)
            self._tables.setdefault(table, []).append(Source(values, f"{prefix}{{NAME}}", "environment"))

    def _is_table(self, name: str) -> bool:
        return name in self.options and _is_table(self.options[name].type)

    def _take_one(self, name: str, value: object, source: Source) -> None:
        option = self.options.get(name)
        origin = source.origin.format(NAME=name.upper()) if source.kind == "environment" else source.origin
        if option is None:
            self.problems.append(f"has no option {self.path + name!r} ({origin}){_advice(name, self.options, self.path)}")
            return
        try:
            if self._is_table(name):
                value = _parsed(option.type, value) if source.kind == "environment" else value
                if isinstance(value, Mapping):
                    origin = origin.replace("{", "{{").replace("}", "}}") if source.kind == "environment" else origin
                    self._tables.setdefault(name, []).append(Source(cast("Mapping[str, object]", value), origin, source.kind))
                    return
            self.given[name] = _converted(option, value, source.kind)
        except OptionError as error:
            self._failed.add(name)
            self.problems.append(f"does not take its option {self.path + name!r} ({origin}): {error}")
        else:
            self._tables.pop(name, None)  # the object itself takes the place of what was said before
            self.settings[self.path + name] = Setting(self.given[name], origin)

    def finish(self) -> None:
        """Makes the tables, and notes what is missing."""
        for name, option in self.options.items():
            if name in self._failed:
                continue
            if self._is_table(name) and (name in self._tables or (option.is_required and name not in self.given)):
                self._make_table(name, option)
            elif option.is_required and name not in self.given:
                self.missing.append(self.path + name)

    def _make_table(self, name: str, option: Option) -> None:
        kind = cast("type", option.type)
        options = _parameters(kind)
        before = self.given.get(name, option.default)
        origin = self.settings[self.path + name].origin if self.path + name in self.settings else "default"
        inner = _Read(options, f"{self.path}{name}.")
        if isinstance(before, kind):
            inner.take(Source({one: getattr(before, one) for one in options}, origin, "code"))
        for source in self._tables.get(name, ()):
            inner.take(source)
        inner.finish()
        self.problems += inner.problems
        self.missing += inner.missing
        self.settings.pop(self.path + name, None)
        self.settings.update(inner.settings)
        if not inner.problems and not inner.missing:
            try:
                self.given[name] = kind(**inner.given)
            except Exception as error:
                self.problems.append(f"does not take its option {self.path + name!r}: {error}")


def _advice(name: str, options: Mapping[str, Option], path: str = "") -> str:
    import difflib  # large, and for mistakes alone

    close = difflib.get_close_matches(name, options, 1)
    if close:
        return f"; did you mean {path + close[0]!r}?"
    return f"; it has {', '.join(repr(path + one) for one in options)}" if options else "; it has none"


def _converted(option: Option, value: object, kind: str) -> object:
    if kind == "code":
        return value if option.type is UNKNOWN or not _is_plain(value) else _unless_odd(option.type, value)
    if option.type is UNKNOWN:
        raise OptionError("it is of a type that cannot be written as text; install the plugin in code")
    return build(option.type, _parsed(option.type, value) if kind == "environment" else value, strict=kind == "file")


def _unless_odd(kind: object, value: object) -> object:
    """A plain value given in code, checked as far as its type can be."""
    try:
        return build(kind, value)
    except _Unsupported:
        return value


def _parsed(kind: object, value: object) -> object:
    """Text of the environment: JSON where the option is no text and the value looks like some."""
    if not isinstance(value, str):  # of a table that was JSON
        return value
    text = value
    if text.strip()[:1] in ("[", "{") and not _takes_text(kind):
        import json  # only where an option is written so

        try:
            return json.loads(text)
        except ValueError:
            raise OptionError("it is no valid JSON") from None
    return text


def _takes_text(kind: object) -> bool:
    if get_origin(kind) in (Union, UnionType, typing.Annotated, Secret):
        return any(map(_takes_text, get_args(kind)))
    return kind is str or kind is Secret


def _is_plain(value: object) -> bool:
    if isinstance(value, Secret):  # of what it is has to be seen
        return True
    if isinstance(value, dict):
        return all(map(_is_plain, cast("dict[object, object]", value).values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, cast("list[object]", value)))
    return value is None or type(value) in (str, int, float, bool, bytes)


class _Unsupported(OptionError):
    """The type is none that plain data can be turned into."""


def build(kind: object, value: object, *, strict: bool = True, where: str = "") -> object:
    """A value of type `kind` from plain data. Classes are called with the keys of a table as their arguments, converted like options.

    Args:
        kind: What annotations can say.
        value: What TOML or JSON can say.
        strict: Whether text stays text; in the environment everything is text.
        where: Path to the value, for messages.

    Raises:
        OptionError: it does not fit.
    """
    if kind is Any or kind is object:
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Secret or kind is Secret:
        return _secret(arguments, value, strict=strict, where=where)
    if origin is typing.Annotated:
        return _by_msgspec(kind, build(arguments[0], value, strict=strict, where=where), strict=strict, where=where)
    if origin in (Union, UnionType):
        return _of_union(kind, arguments, value, strict=strict, where=where)
    if _is_list(value) and arguments and (origin in (list, tuple, set, frozenset) or origin in _SEQUENCES):
        item = arguments[0]
        if origin is not tuple or arguments[1:] == (...,):
            items = [build(item, one, strict=strict, where=f"{where}[{number}]") for number, one in enumerate(value)]
            return items if origin in _SEQUENCES else cast("Callable[[list[object]], object]", origin)(items)
    if _is_dict(value) and _is_dataclass(kind):
        return _of_table(kind, value, strict=strict, where=where)
    return _by_msgspec(kind, value, strict=strict, where=where)


def _is_list(value: object) -> typing.TypeGuard[list[object]]:
    return isinstance(value, list)


def _is_dict(value: object) -> typing.TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_dataclass(kind: object) -> typing.TypeGuard[type]:
    return isinstance(kind, type) and dataclasses.is_dataclass(cast("type[object]", kind))


_SEQUENCES: Final = (Sequence, typing.Collection, typing.Iterable)


def _secret(arguments: tuple[object, ...], value: object, *, strict: bool, where: str) -> Secret[object]:
    """A secret; the message about one that does not fit may not come from who has seen it."""
    if isinstance(value, Secret):
        value = cast("Secret[object]", value).reveal()
    kind = arguments[0] if arguments else str
    try:
        return Secret(build(kind, value, strict=strict, where=where))
    except OptionError:
        raise OptionError(f"{f'{where}: ' if where else ''}it is no {getattr(kind, '__name__', kind)} that fits") from None


def _of_union(kind: object, members: tuple[object, ...], value: object, *, strict: bool, where: str) -> object:
    if value is None and NoneType in members:
        return None
    for member in members:  # first, for nothing else may say what it is
        if member is Secret or get_origin(member) is Secret:
            return build(member, value, strict=strict, where=where)
    try:
        return _by_msgspec(kind, value, strict=strict, where=where)
    except OptionError as error:
        first = error
    for member in members:
        if member is not NoneType:
            try:
                return build(member, value, strict=strict, where=where)
            except _Unsupported:
                continue
            except OptionError as error:
                if isinstance(first, _Unsupported) or _is_dict(value) or _is_list(value):  # it knows where inside
                    first = error
    raise first


def _of_table(kind: type, value: Mapping[str, object], *, strict: bool, where: str) -> object:
    options = _parameters(kind)
    arguments: dict[str, object] = {}
    for name, one in value.items():
        path = f"{where}.{name}" if where else name
        if name not in options:
            raise OptionError(f"{kind.__name__} has no {path!r}{_advice(name, options)}")
        arguments[name] = build(options[name].type, one, strict=strict, where=path)
    missing = [name for name, option in options.items() if option.is_required and name not in arguments]
    if missing:
        raise OptionError(f"{where or kind.__name__} needs {' and '.join(map(repr, missing))}")
    try:
        return kind(**arguments)
    except Exception as error:
        raise OptionError(f"{where or kind.__name__}: {error}") from error


def _by_msgspec(kind: object, value: object, *, strict: bool, where: str) -> object:
    def custom(wanted: type, given: object) -> object:
        from pathlib import Path  # not before: it is slow to import

        if wanted is Path and isinstance(given, str):
            return Path(given)
        if wanted is Secret or get_origin(wanted) is Secret:
            return _secret(get_args(wanted), given, strict=strict, where=where)
        raise NotImplementedError

    if kind is UNKNOWN:
        raise _Unsupported("it is of a type that cannot be written as text; install the plugin in code")
    try:
        return msgspec.convert(value, cast("type[object]", kind), strict=strict, dec_hook=custom)
    except msgspec.ValidationError as error:
        reason = _QUOTED.sub(r"\1", str(error)) + _choices(kind)
        raise OptionError(f"{where}: {reason}" if where else reason) from None
    except (TypeError, NotImplementedError):
        name = getattr(kind, "__qualname__", repr(kind))
        raise _Unsupported(f"{f'{where}: ' if where else ''}{name} cannot be written as text; install the plugin in code") from None


_QUOTED: Final = re.compile(r"^(Invalid (?:enum )?value) (?:'.*'|\\S+)(?= - `|$)", re.DOTALL)
"""How msgspec begins when it says the value itself: where there are a few to choose from."""


def _choices(kind: object) -> str:
    """What can be chosen, if that is what an option is about."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"; it is one of {', '.join(repr(member.value) for member in kind)}"
    return f"; it is one of {', '.join(map(repr, get_args(kind)))}" if get_origin(kind) is Literal else ""
