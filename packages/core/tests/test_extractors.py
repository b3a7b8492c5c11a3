"""Markers of one's own: a function gives the source, parameters are taken from it, converted and reported like any other."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Protocol

import httpx2
import msgspec
import pytest

from velo_core import Body, Depends, Header, HTTPError, Marker, Query, Request, Router, SetupError, Velo
from velo_core.binding import bind
from velo_core.parsing.query import QueryParams, parse_query
from velo_core.steps import Surroundings
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Form(Marker):
    """A field of an urlencoded form."""


class Claim(Marker):
    """A claim of a token that everybody can make, for tests."""


class Part(Marker):
    """A part of the path of the query, to see options of a marker used."""

    separator: str = ","
    index: int = 0


async def read_form(request: Request) -> QueryParams:
    return parse_query((await request.body()).decode())


def read_claims(authorization: Annotated[str, Header()]) -> Mapping[str, object]:
    claims = msgspec.json.decode(authorization, type=dict[str, object])
    if "sub" not in claims:
        raise HTTPError(401, "Who are you?")
    return claims


def misfits(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of all that did not fit."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]


def forms() -> Velo:
    app = Velo()
    app.add_extractor(Form, read_form, name="form", needs_body=True, location="body", media_types=["application/x-www-form-urlencoded"])
    return app


class Person(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    age: Annotated[int, msgspec.Meta(ge=0)] = 0
    tags: list[str] = []


def test_parameters_are_taken_by_name_and_converted(serve: Serve) -> None:
    app = forms()

    @app.post("/")
    async def show(
        name: Annotated[str, Form()],
        age: Annotated[int, Form(ge=0)] = 7,
        tags: Annotated[list[str], Form(alias="tag")] = [],  # noqa: B006 - copied for each request
        note: Annotated[str | None, Form()] = "none",
        page: int = 0,
    ) -> list[object]:
        tags.append("!")
        return [name, age, tags, note, page]

    client = serve(app)
    assert client.post("/?page=2", content=b"name=Ada&age=36&tag=a&tag=b&note=").json() == ["Ada", 36, ["a", "b", "!"], "", 2]
    assert [client.post("/", content=b"name=Ada").json() for _ in range(2)] == [["Ada", 7, ["!"], "none", 0]] * 2
    assert misfits(client.post("/?page=x", content=b"age=-1")) == [
        ("query", "page", "type"),
        ("form", "name", "missing"),
        ("form", "age", "ge"),
    ]


def test_a_model_is_taken_field_by_field(serve: Serve) -> None:
    app = forms()

    @app.post("/")
    async def show(person: Annotated[Person, Form()], extra: Annotated[int, Form()] = 0) -> list[object]:
        return [person, extra]

    client = serve(app)
    assert client.post("/", content=b"name=Ada&tags=a&extra=3").json() == [{"name": "Ada", "age": 0, "tags": ["a"]}, 3]
    assert misfits(client.post("/", content=b"age=-1&extra=x&other=1")) == [
        ("form", "name", "missing"),
        ("form", "age", "ge"),
        ("form", "extra", "type"),
        ("form", "other", "extra"),
    ]


def test_the_source_is_made_once_for_all_who_take_from_it(serve: Serve) -> None:
    made: list[str] = []

    async def read(request: Request) -> QueryParams:
        made.append(request.path)
        return await read_form(request)

    async def age(age: Annotated[int, Form()]) -> int:
        return age

    app = Velo()
    app.add_extractor(Form, read, name="form", needs_body=True)

    @app.post("/")
    async def show(
        name: Annotated[str, Form()], age: Annotated[int, Depends(age)], same: Annotated[str, Form(alias="name")]
    ) -> list[object]:
        return [name, age, same]

    assert serve(app).post("/", content=b"name=Ada&age=1").json() == ["Ada", 1, "Ada"]
    assert made == ["/"]


def test_what_needs_the_body_comes_after_all_that_does_not(serve: Serve) -> None:
    order: list[str] = []

    async def read(request: Request) -> QueryParams:
        order.append("form")
        return await read_form(request)

    async def sign_in(authorization: Annotated[str, Header()] = "") -> None:
        order.append("sign in")
        if not authorization:
            raise HTTPError(401)

    app = Velo()
    app.add_extractor(Form, read, name="form", needs_body=True)

    @app.post("/")
    async def show(name: Annotated[str, Form()], user: Annotated[None, Depends(sign_in)]) -> str:
        return name

    client = serve(app)
    assert client.post("/", content=b"").status_code == 401
    assert client.post("/", content=b"name=Ada", headers={"authorization": "x"}).text == "Ada"
    assert order == ["sign in", "sign in", "form"]


def claims() -> Velo:
    app = Velo()
    app.add_extractor(Claim, read_claims, name="claim")

    @app.get("/")
    async def show(
        sub: Annotated[str, Claim()],
        level: Annotated[int, Claim(ge=1)] = 1,
        factor: Annotated[float, Claim()] = 1.0,
        roles: Annotated[list[str], Claim()] = [],  # noqa: B006 - copied for each request
        person: Annotated[dict[str, int] | None, Claim()] = None,
    ) -> list[object]:
        return [sub, level, factor, roles, person]

    return app


def test_values_that_are_no_text_have_to_be_of_the_type(serve: Serve) -> None:
    client = serve(claims())

    def get(**given: object) -> httpx2.Response:
        return client.get("/", headers={"authorization": msgspec.json.encode(given).decode()})

    assert get(sub="ada", level=3, factor=2, roles=["a"], person={"x": 1}).json() == ["ada", 3, 2.0, ["a"], {"x": 1}]
    assert get(sub="ada", level="3").json()[1] == 3
    assert get(sub="ada", roles=[]).json()[3] == []
    assert misfits(get(sub=1, level=0, factor=True, roles=[1], person={"x": "y"})) == [
        ("claim", "sub", "type"),
        ("claim", "level", "ge"),
        ("claim", "factor", "type"),
        ("claim", "roles", "type"),
        ("claim", "person", "type"),
    ]
    assert misfits(get(sub="ada", level=True)) == [("claim", "level", "type")]


def test_a_source_that_cannot_be_made_is_answered_for_itself(serve: Serve) -> None:
    client = serve(claims())
    assert misfits(client.get("/")) == [("header", "authorization", "missing")]
    assert client.get("/", headers={"authorization": "{}"}).status_code == 401


def test_a_marker_may_say_how_to_take(serve: Serve) -> None:
    def take(source: str, marker: Part, name: str) -> str | None:
        parts = source.split(marker.separator)
        return parts[marker.index] if marker.index < len(parts) else None

    def source(request: Request) -> str:
        return request.query_string

    app = Velo()
    app.add_extractor(Part, source, name="part", take=take, inline=True)

    @app.get("/")
    async def show(first: Annotated[int, Part()], last: Annotated[str, Part(separator="-", index=1)] = "?") -> list[object]:
        return [first, last]

    client = serve(app)
    assert client.get("/?1,2").json() == [1, "?"]
    assert client.get("/?1,2-3").json() == [1, "3"]
    assert misfits(client.get("/?a")) == [("part", "first", "type")]


class Upload:
    """What no text can be."""

    def __init__(self, size: int) -> None:
        self.size = size


class Uploads(msgspec.Struct):
    picture: Upload
    more: list[Upload] = []


class Files(Marker):
    """An uploaded file."""


def test_objects_of_a_class_are_taken_as_they_are(serve: Serve) -> None:
    class Source:
        def __init__(self, query: QueryParams) -> None:
            self.query = query

        def get(self, name: str) -> object:
            return next(iter(self.get_all(name)), None)

        def get_all(self, name: str) -> list[object]:
            return [Upload(int(size)) if size.isdigit() else size for size in self.query.get_all(name)]

    def source(request: Request) -> Source:
        return Source(request.query)

    app = Velo()
    app.add_extractor(Files, source, name="file")

    @app.get("/")
    async def show(picture: Annotated[Upload, Files()], more: Annotated[list[Upload], Files()]) -> list[int]:
        return [picture.size, *(one.size for one in more)]

    @app.get("/model")
    async def model(uploads: Annotated[Uploads, Files()]) -> list[int]:
        return [uploads.picture.size, len(uploads.more)]

    client = serve(app)
    assert client.get("/?picture=3&more=4&more=5").json() == [3, 4, 5]
    assert misfits(client.get("/?picture=x&more=4&more=x")) == [("file", "picture", "type"), ("file", "more", "type")]
    assert client.get("/model?picture=3&more=1").json() == [3, 1]
    assert misfits(client.get("/model?more=x")) == [("file", "picture", "missing"), ("file", "more", "type")]


def test_a_source_can_live_as_long_as_the_application_or_have_a_tear_down(serve: Serve) -> None:
    closed: list[str] = []

    async def tenants() -> AsyncIterator[Mapping[str, str]]:
        yield {"rate": "5"}
        closed.append("tenants")

    async def per_request() -> AsyncIterator[Mapping[str, str]]:
        yield {"rate": "6"}
        closed.append("request")

    app = Velo()
    app.add_extractor(Claim, tenants, name="setting", lifetime="app")
    app.add_extractor(Form, per_request, name="form")

    @app.get("/")
    async def show(rate: Annotated[int, Claim()], other: Annotated[int, Form(alias="rate")]) -> list[int]:
        return [rate, other]

    client = serve(app)
    assert client.get("/").json() == [5, 6]
    assert closed == ["request"]


def test_a_router_hands_its_extractors_down_and_a_child_replaces_them(serve: Serve) -> None:
    def giving(value: str) -> Any:
        def source() -> Mapping[str, str]:
            return {"a": value}

        return source

    async def show(a: Annotated[str, Claim()]) -> str:
        return a

    app, child, other = Velo(), Router("/child"), Router("/other")
    app.add_extractor(Claim, giving("app"), name="claim")
    other.add_extractor(Claim, giving("other"), name="claim")
    app.get("/")(show)
    child.get("/")(show)
    other.get("/")(show)
    app.include(child)
    app.include(other)
    client = serve(app)
    assert [client.get(path).text for path in ("/", "/child/", "/other/")] == ["app", "app", "other"]


def test_a_class_derived_from_a_marker_is_read_like_it(serve: Serve) -> None:
    class OwnQuery(Query):
        pass

    class OwnClaim(Claim):
        pass

    def source() -> Mapping[str, str]:
        return {"a": "1"}

    app = Velo()
    app.add_extractor(Claim, source, name="claim")

    @app.get("/")
    async def show(a: Annotated[int, OwnClaim()], b: Annotated[int, OwnQuery()]) -> list[int]:
        return [a, b]

    assert serve(app).get("/?b=2").json() == [1, 2]


def test_a_marker_that_nobody_reads_is_found_at_start_up() -> None:
    app = Velo()

    @app.get("/")
    async def show(a: Annotated[str, Claim()]) -> str:
        return a

    with pytest.raises(SetupError, match="Claim, which nobody reads") as caught:
        app.freeze()
    assert caught.value.code == "VELO_EXTRACTOR"


def test_a_type_that_cannot_be_taken_is_found_at_start_up() -> None:
    app = forms()

    @app.post("/")
    async def show(a: Annotated[list[Mapping[str, int]], Form()]) -> None: ...

    app.freeze()

    app = forms()

    @app.post("/")
    async def wrong(a: Annotated[int, Form(pattern="x")]) -> None: ...

    with pytest.raises(SetupError, match="pattern") as caught:
        app.freeze()
    assert caught.value.code == "VELO_TYPE"


@pytest.mark.parametrize(
    ("marker", "name", "code"),
    [
        (Query, "own", "VELO_EXTRACTOR"),
        (Body, "own", "VELO_EXTRACTOR"),
        (Marker, "own", "VELO_EXTRACTOR"),
        (str, "own", "VELO_EXTRACTOR"),
        (Claim, "query", "VELO_EXTRACTOR"),
        (Form, "own", "VELO_EXTRACTOR_DUPLICATE"),
    ],
)
def test_what_cannot_be_an_extractor_is_refused(marker: Any, name: str, code: str) -> None:
    with pytest.raises(SetupError) as caught:
        forms().add_extractor(marker, read_form, name=name)
    assert caught.value.code == code


def test_the_binding_tells_documentation_what_is_taken() -> None:
    app = forms()

    async def show(person: Annotated[Person, Form()], note: Annotated[str, Form(description="What else?")]) -> None: ...

    binding, problems = bind(show, (), surroundings=Surroundings(extractors=app.own_extractors))
    assert binding is not None, problems
    person, note = binding.extracts
    assert [field.key for field in person.fields] == ["name", "age", "tags"]
    assert (note.extractor.location, note.extractor.media_types) == ("body", ("application/x-www-form-urlencoded",))
    assert note.declared.marker is not None
    assert note.declared.marker.description == "What else?"
