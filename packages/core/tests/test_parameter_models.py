"""Models that are read from the query, from headers and from cookies: each field is a parameter."""

import dataclasses
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Protocol, TypeVar
from uuid import UUID

import httpx2
import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from velo_core import Cookie, Depends, Header, Query, SetupError, Velo
from velo_testing import TestClient

T = TypeVar("T")


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class StructFilters(msgspec.Struct):
    page: Annotated[int, msgspec.Meta(ge=1)]
    since: date | None = None
    tags: list[str] = []
    order: Literal["up", "down"] = "up"


@dataclasses.dataclass
class DataclassFilters:
    page: Annotated[int, Query(ge=1)]
    since: date | None = None
    tags: list[str] = dataclasses.field(default_factory=list[str])
    order: Literal["up", "down"] = "up"


class TypedFilters(TypedDict):
    page: Annotated[int, Query(ge=1)]
    since: NotRequired[date | None]
    tags: NotRequired[list[str]]
    order: NotRequired[Literal["up", "down"]]


class TupleFilters(NamedTuple):
    page: Annotated[int, Query(ge=1)]
    since: date | None = None
    tags: list[str] = []  # noqa: RUF012 - copied for each request
    order: Literal["up", "down"] = "up"


class PydanticFilters(pydantic.BaseModel):
    page: int = pydantic.Field(ge=1)
    since: date | None = None
    tags: list[str] = []
    order: Literal["up", "down"] = "up"


@pydantic.dataclasses.dataclass
class PydanticDataclassFilters:
    page: int = pydantic.Field(ge=1)
    since: date | None = None
    tags: list[str] = pydantic.Field(default_factory=list)
    order: Literal["up", "down"] = "up"


MODELS = [StructFilters, DataclassFilters, TypedFilters, TupleFilters, PydanticFilters, PydanticDataclassFilters]


def app_for(model: Any, marker: object = None) -> Velo:
    """`GET /` with a model in the query, or where the marker says; answers with what it got."""
    app = Velo()

    async def show(filters: Any) -> object:
        return filters._asdict() if isinstance(filters, TupleFilters) else filters

    show.__annotations__ = {"filters": Annotated[model, marker or Query()], "return": object}
    app.get("/")(show)
    return app


def misfits(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of all that did not fit."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]


@pytest.mark.parametrize("model", MODELS)
def test_each_field_of_a_model_is_a_parameter(serve: Serve, model: type) -> None:
    client = serve(app_for(model))
    given = client.get("/?page=2&since=2024-05-01&tags=a&tags=b&order=down&unknown=1").json()
    assert given == {"page": 2, "since": "2024-05-01", "tags": ["a", "b"], "order": "down"}


@pytest.mark.parametrize("model", MODELS)
def test_what_is_not_sent_has_the_default_of_the_model(serve: Serve, model: type) -> None:
    expected: dict[str, object] = {"page": 2} if model is TypedFilters else {"page": 2, "since": None, "tags": [], "order": "up"}
    assert serve(app_for(model)).get("/?page=2").json() == expected


@pytest.mark.parametrize("model", MODELS)
def test_all_fields_that_do_not_fit_are_reported_together_and_by_their_names_on_the_wire(serve: Serve, model: type) -> None:
    client = serve(app_for(model))
    assert misfits(client.get("/?page=0&since=soon&order=left")) == [
        ("query", "page", "ge"),
        ("query", "since", "type"),
        ("query", "order", "type"),
    ]
    assert misfits(client.get("/?since=2024-05-01")) == [("query", "page", "missing")]


@pytest.mark.parametrize("model", MODELS)
def test_numbers_are_as_strict_in_a_model_as_alone(serve: Serve, model: type) -> None:
    client = serve(app_for(model))
    for text in ("1_0", "%207", "1.0", "1e1", "+1", "٤"):
        assert misfits(client.get(f"/?page={text}")) == [("query", "page", "type")]


class Wire(msgspec.Struct, rename="camel"):
    page_size: int
    api_key: Annotated[str, Query(alias="key")] = ""


class PydanticWire(pydantic.BaseModel):
    page_size: int = pydantic.Field(alias="pageSize")
    api_key: str = pydantic.Field("", validation_alias=pydantic.AliasChoices("key", "apiKey"))


@pytest.mark.parametrize("model", [Wire, PydanticWire])
def test_names_on_the_wire_are_those_the_model_gives(serve: Serve, model: type) -> None:
    client = serve(app_for(model))
    assert list(client.get("/?pageSize=5&key=x&page_size=9").json().values()) == [5, "x"]
    assert misfits(client.get("/?page_size=5")) == [("query", "pageSize", "missing")]


class Traced(msgspec.Struct):
    x_request_id: UUID
    accept_language: list[str] = []
    etag: Annotated[str | None, Header(alias="If-Match")] = None


def test_header_names_have_hyphens_and_are_found_in_any_case(serve: Serve, protocol: str) -> None:
    client = serve(app_for(Traced, Header()))
    identity = "7e57d004-2b97-0e7a-b45f-5387367791cd"
    sent = [("X-Request-ID", identity), ("Accept-Language", "de"), ("Accept-Language", "en"), ("If-Match", '"1"')]
    languages = ["de,en"] if protocol == "wsgi" else ["de", "en"]  # whose servers join repeated headers
    assert client.get("/", headers=sent).json() == {"x_request_id": identity, "accept_language": languages, "etag": '"1"'}
    assert misfits(client.get("/", headers={"x-request-id": "1"})) == [("header", "x-request-id", "type")]


class PydanticHeaders(pydantic.BaseModel):
    x_request_id: int
    x_mode: str = pydantic.Field("", max_length=3)


def test_a_pydantic_model_is_read_from_headers_by_the_same_names(serve: Serve) -> None:
    client = serve(app_for(PydanticHeaders, Header()))
    assert client.get("/", headers={"x-request-id": "4", "x-mode": "abc"}).json() == {"x_request_id": 4, "x_mode": "abc"}
    assert misfits(client.get("/", headers={"x-request-id": "1", "x-mode": "abcd"})) == [("header", "x-mode", "max_length")]


class Session(msgspec.Struct):
    session: str
    visits: int = 0


def test_cookies_become_a_model(serve: Serve) -> None:
    client = serve(app_for(Session, Cookie()))
    assert client.get("/", headers={"cookie": "session=abc; visits=3; theme=dark"}).json() == {"session": "abc", "visits": 3}
    assert misfits(client.get("/", headers={"cookie": "visits=x"})) == [("cookie", "session", "missing"), ("cookie", "visits", "type")]
    assert misfits(serve(app_for(Session, Cookie(extra="forbid"))).get("/", headers={"cookie": "session=a; theme=dark"})) == [
        ("cookie", "theme", "extra")
    ]


# Unknown parameters.


class StrictStruct(msgspec.Struct, forbid_unknown_fields=True):
    page: int = 1


class StrictPydantic(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    page: int = 1


@pytest.mark.parametrize("model", [StrictStruct, StrictPydantic, Annotated[DataclassFilters, Query(extra="forbid")]])
def test_a_model_that_forbids_it_refuses_parameters_that_nobody_takes(serve: Serve, model: Any) -> None:
    def own(size: int = 10) -> int:
        return size

    app = Velo()

    async def show(filters: Any, size: int = Depends(own), *, sort: str = "") -> object:
        return filters

    marker = () if model is not StrictStruct and model is not StrictPydantic else (Query(),)
    show.__annotations__["filters"] = Annotated[(model, *marker)] if marker else model
    app.get("/")(show)
    client = serve(app)
    assert client.get("/?page=1&size=3&sort=a").status_code == 200
    assert misfits(client.get("/?page=x&pages=1&sise=1")) == [
        ("query", "page", "type"),
        ("query", "pages", "extra"),
        ("query", "sise", "extra"),
    ]


def test_the_marker_decides_before_the_model(serve: Serve) -> None:
    assert serve(app_for(StrictStruct, Query(extra="ignore"))).get("/?other=1").json() == {"page": 1}


def test_a_flood_of_unknown_names_gets_a_short_answer(serve: Serve) -> None:
    client = serve(app_for(StrictStruct))
    assert len(misfits(client.get("/?" + "&".join(f"n{number}" for number in range(900))))) == 100


# Defaults and sharing.


def test_a_default_of_the_parameter_counts_when_none_of_its_fields_is_sent(serve: Serve) -> None:
    app = Velo()
    ninth = StructFilters(9)

    @app.get("/")
    async def show(filters: Annotated[StructFilters, Query()] = ninth) -> list[int]:
        filters.page += 1
        return [filters.page]

    @app.get("/none")
    async def none(filters: Annotated[StructFilters | None, Query()]) -> bool:
        return filters is None

    client = serve(app)
    assert [client.get("/").json(), client.get("/").json(), client.get("/?page=3").json()] == [[10], [10], [4]]
    assert misfits(client.get("/?order=up")) == [("query", "page", "missing")]
    assert [client.get("/none").json(), client.get("/none?page=1").json()] == [True, False]


def test_a_dependency_and_the_handler_share_one_model(serve: Serve) -> None:
    def page(filters: Annotated[StructFilters, Query()]) -> StructFilters:
        return filters

    app = Velo()

    @app.get("/")
    async def show(filters: Annotated[StructFilters, Query()], same: Annotated[StructFilters, Depends(page)]) -> bool:
        return filters is same

    client = serve(app)
    assert client.get("/?page=1").json() is True
    assert misfits(client.get("/?page=0")) == [("query", "page", "ge")]


# Rules of the models' own.


class Range(msgspec.Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low has to be at most high")


class PydanticRange(pydantic.BaseModel):
    low: int
    high: int

    @pydantic.model_validator(mode="after")
    def check(self) -> "PydanticRange":
        if self.low > self.high:
            raise ValueError("low has to be at most high")
        return self


@pytest.mark.parametrize("model", [Range, PydanticRange])
def test_a_rule_over_several_fields_is_reported_for_the_whole(serve: Serve, model: type) -> None:
    client = serve(app_for(model))
    (error,) = client.get("/?low=2&high=1").json()["errors"]
    assert error["loc"] == ["query"]
    assert "low has to be at most high" in error["message"]
    assert misfits(client.get("/?low=2&high=x")) == [("query", "high", "type")]


class Validated(pydantic.BaseModel):
    tags: list[str] = []
    number: int = 0
    even: int = 0
    site: pydantic.HttpUrl | None = None
    name: Annotated[str, pydantic.StringConstraints(to_lower=True)] = ""

    @pydantic.field_validator("tags", mode="before")
    @classmethod
    def split(cls, value: list[str]) -> list[str]:
        return value[0].split(",")

    @pydantic.field_validator("even")
    @classmethod
    def is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("odd")
        return value


def test_validators_of_pydantic_run_and_their_errors_come_with_all_others(serve: Serve) -> None:
    client = serve(app_for(Validated))
    given = client.get("/?tags=a,b&even=2&site=https://example.com/&name=ADA").json()
    assert given == {"tags": ["a", "b"], "number": 0, "even": 2, "site": "https://example.com/", "name": "ada"}
    assert misfits(client.get("/?number=x&even=1&site=x")) == [
        ("query", "number", "type"),
        ("query", "even", "value_error"),
        ("query", "site", "url_parsing"),
    ]


class Shop(msgspec.Struct, Generic[T]):
    item: T
    price: Decimal = Decimal(1)


class Colour(Enum):
    RED = "red"


def test_fields_of_generic_models_have_their_arguments(serve: Serve) -> None:
    client = serve(app_for(Shop[Colour]))
    assert client.get("/?item=red&price=1.10").json() == {"item": "red", "price": "1.10"}
    assert misfits(client.get("/?item=blue&price=1_0")) == [("query", "item", "type"), ("query", "price", "type")]


# What cannot be.


class Nested(msgspec.Struct):
    inner: StructFilters


class PydanticNested(pydantic.BaseModel):
    inner: PydanticFilters


class ByPath(pydantic.BaseModel):
    page: int = pydantic.Field(validation_alias=pydantic.AliasPath("a", "b"))


class ManyCookies(msgspec.Struct):
    all: list[str]


@pytest.mark.parametrize(
    ("model", "marker", "named"),
    [
        (Nested, Query(), "inner"),
        (PydanticNested, Query(), "inner"),
        (ByPath, Query(), "page"),
        (ManyCookies, Cookie(), "all"),
        (pydantic.RootModel[int], Query(), "root model"),
        (StrictStruct, Header(), "headers"),
    ],
)
def test_a_model_that_cannot_be_read_so_is_found_at_start_up(model: Any, marker: object, named: str) -> None:
    with pytest.raises(SetupError, match=named) as caught:
        app_for(model, marker).freeze()
    assert caught.value.code == "VELO_TYPE"
    assert "'filters'" in str(caught.value)


# Whatever the family of the model, the same text is the same value.

TEXTS = st.one_of(
    st.text(max_size=8),
    st.integers().map(str),
    st.floats().map(str),
    st.dates().map(str),
    st.uuids().map(str),
    st.decimals(allow_nan=True).map(str),
    st.sampled_from(["true", "True", "1", "yes", "on", "", " 7", "1_0", "٤", "1e3", "0x1", "null", "red", "RED", "2024-05-01T10:00:00Z"]),
)


class StructOfAll(msgspec.Struct):
    i: int | None = None
    f: float | None = None
    b: bool | None = None
    d: date | None = None
    u: UUID | None = None
    n: Decimal | None = None
    e: Colour | None = None
    x: bytes | None = None
    s: str | None = None
    m: list[int] = []


class PydanticOfAll(pydantic.BaseModel):
    i: int | None = None
    f: float | None = None
    b: bool | None = None
    d: date | None = None
    u: UUID | None = None
    n: Decimal | None = None
    e: Colour | None = None
    x: bytes | None = None
    s: str | None = None
    m: list[int] = []


def test_msgspec_and_pydantic_agree_on_what_each_text_is(serve: Serve) -> None:
    def as_text(model: Any) -> Callable[..., object]:
        async def show(values: Any) -> object:
            return [repr(getattr(values, name)) for name in StructOfAll.__struct_fields__]

        show.__annotations__ = {"values": Annotated[model, Query()], "return": object}
        return show

    app = Velo()
    app.get("/struct")(as_text(StructOfAll))
    app.get("/pydantic")(as_text(PydanticOfAll))
    client = serve(app)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(st.sampled_from(StructOfAll.__struct_fields__), TEXTS, max_size=4))
    def agree(values: dict[str, str]) -> None:
        one, two = (client.get(path, params=values) for path in ("/struct", "/pydantic"))
        assert one.status_code in (200, 422)
        assert (one.status_code, json.loads(one.text)) == (two.status_code, json.loads(two.text))

    agree()
