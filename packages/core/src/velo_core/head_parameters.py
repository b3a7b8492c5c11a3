"""What a route takes from the head of its requests: from path, query, headers and cookies, and what each request has one of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from velo_core.annotations import Annotation
from velo_core.codecs import ModelBackend, has_fields
from velo_core.conversion import parameter_conversion
from velo_core.markers import Cookie, Header, Marker, Path, Query
from velo_core.names import Names
from velo_core.parameter_models import ModelField, is_many, key_of, parameter_model
from velo_core.signatures import Parameter
from velo_core.steps import Read, ReadModel
from velo_core.types import MISSING

__all__ = ["HeadParameters", "NotInPath", "field_read"]


class NotInPath(Exception):
    """A parameter of the path has a name that the path does not have."""


class HeadParameters:
    """Collects what is read from the head of the request. Functions that ask for the same value get one.

    Args:
        names: Of the plan.
        path_parameters: Names in the path, in order.
        made: Types that the pattern's converters make of them.
        backends: Families of models that Velo does not know.
    """

    def __init__(self, names: Names, path_parameters: Sequence[str], made: Mapping[str, type], backends: Sequence[ModelBackend]) -> None:
        self.names = names
        self.path_parameters = path_parameters
        self.made = made
        self.backends = backends
        self.reads: list[Read | ReadModel] = []

    def of_request(self, source: str, wanted: str | None = None) -> Read:
        """What each request has one of, and what it is called in the plan; the request itself has its name there."""
        for known in self.reads:
            if isinstance(known, Read) and known.source == source:
                return known
        return self._add(Read(source if wanted is None else self.names.free(wanted), source, ""))

    def has(self, source: str) -> bool:
        """Whether something has been asked for that comes from there."""
        return any(read.source == source for read in self.reads)

    def is_request(self, parameter: Parameter, *, websocket: bool) -> bool:
        """Whether a parameter that says nothing but its name is the request: `async def index(request)`, as other frameworks have it."""
        names = ("request", "websocket", "socket", "ws") if websocket else ("request",)
        says_nothing = not parameter.is_annotated and parameter.default is MISSING
        return says_nothing and parameter.name in names and parameter.name not in self.path_parameters

    def ask(self, name: str, annotation: Annotation, marker: Marker, default: object) -> Read | ReadModel:
        """A parameter: one value, or a model of several.

        Args:
            name: Of the parameter.
            annotation: Of the parameter.
            marker: Where it comes from.
            default: Of the parameter, or `MISSING`.

        Raises:
            NotInPath: it comes from the path, which does not have it.
            TypeError: its type cannot be read from there.
        """
        if has_fields(annotation.type, self.backends) and not isinstance(marker, Path):
            return self.ask_model(name, annotation, marker, default)
        return self._ask_one(name, annotation, marker, default)

    def _ask_one(self, name: str, annotation: Annotation, marker: Marker, default: object) -> Read:
        source = _source_of(marker)
        key = key_of(marker, marker.alias, name)
        index = -1
        if isinstance(marker, Path):
            if key not in self.path_parameters:
                raise NotInPath(f"the path has no {{{key}}}; it has {self._listed()}")
            index = self.path_parameters.index(key)
            default = MISSING
        many = is_many(annotation)
        if many and source in ("path", "cookie"):
            raise TypeError(f"a {source} parameter has one value, not several")
        required = default is MISSING and source != "path"
        for known in self.reads:
            if isinstance(known, Read) and (known.source, known.key, known.default, known.declared) == (source, key, default, annotation):
                return known
        made = self.made.get(key, str) if source == "path" else str
        convert = parameter_conversion((source, key), annotation, required=required, made=made, backends=self.backends)
        return self._add(Read(self.names.free(name), source, key, index, many, convert, default, annotation))

    def ask_model(self, name: str, annotation: Annotation, marker: Marker, default: object) -> ReadModel:
        """A model whose fields come from the query, headers or cookies; see `ask`."""
        source = _source_of(marker)
        for known in self.reads:
            if isinstance(known, ReadModel) and (known.source, known.default, known.declared) == (source, default, annotation):
                return known
        model = parameter_model(source, annotation, marker, default)
        if model.forbids_extra and source == "header":
            raise TypeError("it forbids fields that it does not have, and each request has headers that no model has")
        fields = tuple(field_read(source, one) for one in model.fields)
        made = ReadModel(self.names.free(name), source, fields, model.convert, annotation, default, model.forbids_extra)
        self.reads.append(made)
        return made

    def _add(self, read: Read) -> Read:
        self.reads.append(read)
        return read

    def _listed(self) -> str:
        return ", ".join(f"{{{name}}}" for name in self.path_parameters) or "no parameters"

    def untaken(self) -> list[str]:
        """Names of the path that nobody has asked for."""
        taken = {read.key for read in self.reads if isinstance(read, Read) and read.source == "path"}
        return [name for name in self.path_parameters if name not in taken]


def field_read(source: str, field: ModelField) -> Read:
    """How the value of a model's field is found; the model converts it."""
    return Read("", source, field.key, -1, field.many, None, field.default, field.declared, not field.required)


def _source_of(marker: Marker) -> str:
    known = _SOURCES.get(type(marker))
    return known or next(source for kind, source in _SOURCES.items() if isinstance(marker, kind))


_SOURCES: dict[type[Marker], str] = {Query: "query", Header: "header", Cookie: "cookie", Path: "path"}
