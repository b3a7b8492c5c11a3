"""What is wrong with a document: told at the start where that is cheap, and never a failure where the document is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, cast, get_args

import pydantic
import pytest
from openapi_spec_validator import validate

from velo_core import Depends, OpenAPIContribution, Operation, Query, Router, SetupError, Velo, Versioning
from velo_openapi import OpenAPI, OpenAPIError, operation
from velo_testing import ProtocolName, TestClient


async def nothing() -> None:
    """Does nothing."""


def said(identifier: str) -> Callable[[], object]:
    @operation(operation_id=identifier)
    async def say() -> None:
        """Says something."""

    return say


def problems(app: Velo) -> list[tuple[str, str]]:
    """Code and message of all that keeps the application from starting."""
    with pytest.raises(SetupError) as caught:
        app.freeze()
    return [(one.code, one.message) for one in caught.value.problems]


def login(scheme: str) -> OpenAPIContribution:
    return OpenAPIContribution(security=({"login": ()},), components={"securitySchemes": {"login": {"type": "http", "scheme": scheme}}})


class Guard:
    """Says of itself that it needs a login of some kind."""

    def __init__(self, scheme: str) -> None:
        self.openapi = login(scheme)

    async def __call__(self) -> None:
        """Lets all pass."""


def served(app: Velo) -> dict[str, Any]:
    """The document, the same over all protocols."""
    found: list[dict[str, Any]] = []
    for protocol in get_args(ProtocolName):
        with TestClient(app, protocol=protocol) as client:
            response = client.get("/openapi.json")
            assert response.status_code == 200
            found.append(response.json())
    assert found[1:] == found[:-1]
    return found[0]


def test_ids_that_are_given_twice_are_told_at_the_start_all_at_once() -> None:
    app, more = Velo(), Router("/more")
    app.install(OpenAPI())
    for identifier in ("first", "second"):
        app.get(f"/{identifier}")(said(identifier))
        more.get(f"/{identifier}")(said(identifier))
    app.get("/third")(said("third"))
    app.include(more)
    found = problems(app)

    assert [code for code, _ in found] == ["OPENAPI_OPERATION_ID"] * 2
    assert found[0][1].startswith("the operation id 'first' is given to GET /first (")
    assert " and to GET /more/first (" in found[0][1]
    assert found[0][1].count("test_starting.py:") == 2
    assert found[1][1].startswith("the operation id 'second' is given to ")


def test_ids_of_different_documents_and_of_hidden_routes_do_not_meet() -> None:
    app, one, other = Velo(), Router("/one"), Router("/other")
    for router in (one, other):
        router.install(OpenAPI())
        router.get("/")(said("same"))
        app.include(router)
    app.get("/hidden", include_in_schema=False)(said("same"))
    app.install(OpenAPI(include=lambda operation: not operation.path.startswith("/other")))
    app.freeze()


def test_one_handler_in_several_places_may_have_one_id_which_is_made_longer() -> None:
    app, plugin = Velo(versioning=Versioning.header("api-version", default="1")), OpenAPI()
    app.install(plugin)
    app.route("/both", methods=("GET", "POST"))(said("both"))
    app.get("/salt")(app.get("/tea")(said("here")))
    app.get("/versioned", version=("1", "2"))(said("versioned"))
    document = plugin.document(app).content
    validate(document)

    assert set(plugin.document(app).places) == {
        "both_get",
        "both_post",
        "here_get_tea",
        "here_get_salt",
        "versioned_get_versioned",
        "versioned_get_versioned_2",
    }


def test_names_of_routes_give_way_to_ids_that_are_said() -> None:
    app, plugin = Velo(), OpenAPI()
    app.install(plugin)
    app.get("/a", name="same")(nothing)
    app.get("/b")(said("same"))

    assert {place.partition(" (")[0]: one for one, place in plugin.document(app).places.items()} == {
        "GET /a": "same_get_a",
        "GET /b": "same",
    }


def same(one: Operation, method: str) -> object:
    return "same"


def a_number(one: Operation, method: str) -> object:
    return 7


def fails(one: Operation, method: str) -> object:
    return dict[str, str]()[one.path]


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (same, "the operation id 'same' is given to GET /a ("),
        (a_number, "operation_id of OpenAPI(...) returned 7, no text, for GET /a ("),
        (fails, "operation_id of OpenAPI(...) raised KeyError: '/a', for GET /a ("),
    ],
)
def test_a_policy_that_gives_no_ids_is_told_at_the_start(policy: Any, message: str) -> None:
    app = Velo()
    app.install(OpenAPI(operation_id=policy))
    app.get("/a")(nothing)
    app.get("/b")(nothing)

    assert problems(app)[0][0] == "OPENAPI_OPERATION_ID"
    assert problems(app)[0][1].startswith(message)


def test_components_that_differ_are_told_at_the_start() -> None:
    async def outer(inner: Annotated[None, Depends(Guard("basic"))]) -> None:
        """Needs another."""

    app = Velo()
    app.install(OpenAPI())
    app.add_openapi(login("bearer"))
    app.get("/", dependencies=[Depends(outer)])(nothing)
    ((code, message),) = problems(app)

    assert code == "OPENAPI_COMPONENT"
    assert message.startswith("two plugins or dependencies contribute different securitySchemes of the name 'login', to GET / (")


def test_components_of_different_documents_do_not_meet() -> None:
    app, one, other = Velo(), Router("/one"), Router("/other")
    for router, scheme in ((one, "basic"), (other, "bearer")):
        router.install(OpenAPI())
        router.get("/", dependencies=[Depends(Guard(scheme))])(nothing)
        app.include(router)
    app.freeze()


def test_a_guard_that_says_it_in_a_dictionary_is_told_at_the_start() -> None:
    class Wrong:
        openapi: ClassVar[dict[str, object]] = {"security": [{"login": ("read",)}]}

        async def __call__(self) -> None:
            """Lets all pass."""

    app = Velo()
    app.install(OpenAPI())
    app.get("/", dependencies=[Depends(Wrong())])(nothing)
    app.get("/again", dependencies=[Depends(Wrong)])(nothing)
    found = problems(app)

    assert [code for code, _ in found] == ["OPENAPI_CONTRIBUTION"] * 2
    assert "Wrong" in found[0][1]
    assert "has a dict as its attribute openapi, which says nothing to documents; make it an OpenAPIContribution(" in found[0][1]


def test_webhooks_that_are_wrong_are_told_at_the_start() -> None:
    hooks = Router()
    hooks.post("/{x:unknown}")(nothing)
    app = Velo()
    app.install(OpenAPI(webhooks=hooks))
    ((code, message),) = problems(app)

    assert code == "OPENAPI_WEBHOOK"
    assert message.startswith("in the webhooks: ")


def test_ids_of_webhooks_count_as_well() -> None:
    hooks = Router()
    hooks.post("/paid")(said("paid"))
    app = Velo()
    app.install(OpenAPI(webhooks=hooks))
    app.get("/paid")(said("paid"))

    assert [code for code, _ in problems(app)] == ["OPENAPI_OPERATION_ID"]


class Strange:
    """Of no library whose models Velo knows."""


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    strange: Strange


def test_what_only_the_document_shows_is_left_out_of_it_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    app, plugin = Velo(), OpenAPI(title="Shop")
    app.install(plugin)

    @app.get("/examples")
    async def examples(word: Annotated[str, Query(examples=(cast(Any, object()),))]) -> int:
        return 1

    @app.get("/models")
    async def models() -> Model:
        return Model(strange=Strange())

    with caplog.at_level(logging.ERROR, "velo.openapi"), TestClient(app) as client:
        document: dict[str, Any] = client.get("/openapi.json").json()
        client.get("/openapi.json")
    validate(document)
    logged = [record.getMessage() for record in caplog.records if record.name == "velo.openapi"]

    assert document["paths"].keys() == {"/examples", "/models"}
    assert document["paths"]["/examples"]["get"]["parameters"][0]["schema"] == {"type": "string"}
    assert document["paths"]["/models"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] == {}
    assert [one.rpartition(" ")[2] for one in logged] == ["[OPENAPI_SCHEMA]", "[OPENAPI_VALUE]"]
    assert "Model has no schema: " in logged[0]
    assert "GET /examples (" in logged[1]
    assert served(app) == document
    with pytest.raises(OpenAPIError) as caught:
        plugin.document(app)
    assert (caught.value.code, len(caught.value.problems)) == ("OPENAPI_SCHEMA", 2)


def test_operations_that_nobody_could_be_asked_about_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def include(one: Operation) -> bool:
        return one.path != "/secret" or one.tags[0] == "public"

    app = Velo()
    app.install(OpenAPI(include=include))
    app.get("/open")(nothing)
    app.get("/secret")(nothing)

    assert served(app)["paths"].keys() == {"/open"}
    assert "include of OpenAPI(...) raised IndexError: " in caplog.text


def test_the_start_makes_no_operations_where_nothing_seems_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take as long as all the rest of it."""
    plugin, app = OpenAPI(), Velo()
    asked: list[object] = []
    operations = plugin.operations
    monkeypatch.setattr(plugin, "operations", lambda app: asked.append(app) or operations(app))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]: it takes what the method takes
    app.install(plugin)
    app.get("/a")(said("a"))
    app.get("/b", dependencies=[Depends(Guard("basic"))])(said("b"))
    app.freeze()

    assert asked == []
