"""`Config`: what an application wants to be told, as a typed and immutable class, filled from file, environment and code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar, cast, dataclass_transform, overload

from velo_core.errors import Problem, SetupError
from velo_core.later import later
from velo_core.secret import MASK, sounds_secret
from velo_core.types import MISSING

# What reads files and values is imported by the methods that use it: every application asks what is a `Config`, and few have one.
if TYPE_CHECKING:
    from dataclasses import Field
    from pathlib import Path

    from velo_core.options import Setting

__all__ = ["Config"]

T = TypeVar("T")
TABLE: Final = "config"
_PREFIX: Final = later(r"[A-Z][A-Z0-9_]*_")


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Config:
    """Base of the configuration of an application; a subclass is a frozen dataclass whose fields are what can be set.

        class Shop(Config):
            name: str = "shop"
            page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
            database_url: Secret[str]

        app = Velo(config=Shop.load())

        @app.get("/")
        async def index(shop: Shop) -> str: ...

    A field that is another `Config`, a dataclass or a `Struct` is a table of its own. `repr` does not show a `Secret`, nor a field whose
    name sounds like one.

    Args:
        env_prefix: As an argument of the class, `class Shop(Config, env_prefix="SHOP_")`: how its environment variables begin. All that
            begin so have to be fields.

    Raises:
        SetupError: for the class: a field has the name of a method, or the prefix is none.
    """

    env_prefix: ClassVar[str] = "VELO_CONFIG_"

    def __init_subclass__(cls, *, env_prefix: str | None = None, **options: object) -> None:
        super().__init_subclass__(**options)
        if env_prefix is not None:
            cls.env_prefix = env_prefix
        if not _PREFIX.fullmatch(cls.env_prefix):
            message = f"{cls.__qualname__} has the prefix {cls.env_prefix!r}; write capitals with an underscore at the end, such as 'SHOP_'"
            raise SetupError("VELO_CONFIG", message)
        taken = [name for name in vars(cls).get("__annotations__", ()) if name in _METHODS or name.startswith("_")]
        if taken:
            raise SetupError("VELO_CONFIG", f"{cls.__qualname__} has a field {taken[0]!r}, which is Velo's own name; choose another")
        from dataclasses import dataclass

        dataclass(frozen=True, kw_only=True, repr=False)(cls)

    @classmethod
    def load(cls, path: str | Path | None = None, /, **values: object) -> Self:
        """The configuration from all sources: defaults, then the table `[config]` of a file, then the environment, then `values`.

        Args:
            path: `velo.toml`, or a `pyproject.toml` with `[tool.velo.config]`. By default the one of them that is in the current folder,
                if there is one.
            values: From code, by name; they win.

        Raises:
            SetupError: with everything that is missing, unknown or does not fit, each with its origin and without its value.
        """
        from velo_core.tables import find_tables, read_tables

        found = find_tables() if path is None else read_tables(path)
        return cls.from_tables(None if found is None else found[0], {} if found is None else found[1], values)

    @classmethod
    def from_tables(cls, file: Path | None, tables: Mapping[str, object], values: Mapping[str, object]) -> Self:
        """See `load`; the file is read already."""
        from velo_core.options import Setting, Source, is_readable, options_of, read_options

        table = tables.get(TABLE, {})
        if not isinstance(table, Mapping):
            raise SetupError("VELO_CONFIG_FILE", f"{file}: {TABLE} is no table; write [{TABLE}]")
        unreadable = [name for name, option in options_of(cls).items() if not is_readable(option)]
        sources = [
            Source(cast("Mapping[str, object]", table), f"{file}, [{TABLE}]", "file"),
            Source(_environment(cls.env_prefix), f"{cls.env_prefix}{{NAME}}", "environment"),
            Source(values, "code", "code"),
        ]
        make, settings, problems = read_options(cls, sources, needs=cls._needs)
        problems += [f"has a field {name!r} whose type is not known where the class stands; import it there" for name in unreadable]
        made: Self | None = None
        if not problems:
            try:
                made = make()
            except Exception as error:  # of its own __post_init__
                problems = [f"does not take its values: {error}"]
        if made is None:
            raise SetupError.of(Problem("VELO_CONFIG", f"the configuration {cls.__qualname__} {one}") for one in problems)
        object.__setattr__(made, "_settings", {name: Setting(made.get(name), one.origin) for name, one in settings.items()})
        return made

    @classmethod
    def _needs(cls, names: Sequence[str]) -> list[str]:
        def variable(name: str) -> str:
            return cls.env_prefix + name.replace(".", "__").upper()

        return [f"needs {name!r}: set {variable(name)}, or {name} in the table [{TABLE}] of a file" for name in names]

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Each value with its origin: `"velo.toml, [config]"`, `"SHOP_NAME"`, `"code"` or `"default"`. Those in tables one by one."""
        known = vars(self).get("_settings")
        if known is None:
            from velo_core.options import Setting

            known = {one.name: Setting(getattr(self, one.name), "code") for one in _fields(self)}
        return MappingProxyType(cast("dict[str, Setting]", known))

    @overload
    def get(self, name: str) -> object: ...
    @overload
    def get(self, name: str, kind: type[T]) -> T: ...
    @overload
    def get(self, name: str, kind: type[T], default: T) -> T: ...
    def get(self, name: str, kind: type[object] = object, default: object = MISSING) -> object:
        """A value by its name, for code that does not know the class: `config.get("database.pool_size", int)`.

        Args:
            name: Of the field; with those of the tables around it before, and dots between.
            kind: Class that the value has to be of.
            default: For a name that there is not.

        Raises:
            LookupError: there is no such name, and no default.
            TypeError: the value is of another class.
        """
        value: object = self
        for part in name.split("."):
            if part not in _names(value):
                if default is not MISSING:
                    return default
                raise LookupError(f"{type(self).__qualname__} has no {name!r}; it has {', '.join(map(repr, self.settings))}")
            value = getattr(value, part)
        if not isinstance(value, kind):
            raise TypeError(f"{name!r} of {type(self).__qualname__} is of type {type(value).__qualname__}, not {kind.__qualname__}")
        return value

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={shown}' for name, shown in self._shown())})"

    def _shown(self) -> Iterator[tuple[str, str]]:
        for one in _fields(self):
            value = getattr(self, one.name)
            is_plain = isinstance(value, str | bytes)
            yield one.name, repr(MASK) if is_plain and value and sounds_secret(one.name) else repr(value)


_METHODS: Final = ("env_prefix", "from_tables", "get", "load", "settings")


def _fields(config: Config) -> Sequence[Field[object]]:
    from dataclasses import fields

    return fields(cast("Any", config))


def _names(holder: object) -> Sequence[str]:
    """The fields of a configuration or of a table in it."""
    kind = type(holder)
    return tuple(getattr(kind, "__dataclass_fields__", getattr(kind, "__struct_fields__", ())))


def _environment(prefix: str) -> Mapping[str, str]:
    return {key.removeprefix(prefix).lower(): value for key, value in os.environ.items() if key.startswith(prefix)}
