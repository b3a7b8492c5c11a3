"""What is sent of a result: nothing that its type does not have."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Protocol, TypeVar, Union

import msgspec
import pydantic
import pytest
from returning import UNSET, User, returning
from typing_extensions import TypeAliasType, TypedDict

from velo_core import Velo
from velo_testing import TestClient

T = TypeVar("T")


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Secretive(User):
    secret: str = "leak"


class Unrelated(msgspec.Struct):
    id: int
    secret: str = "leak"


@dataclasses.dataclass
class DataclassUser:
    id: int


@dataclasses.dataclass
class DataclassSecretive(DataclassUser):
    secret: str = "leak"


class DictUser(TypedDict):
    id: int


class DictSecretive(DictUser):
    secret: str


class PydanticUser(pydantic.BaseModel):
    id: int


class PydanticSecretive(PydanticUser):
    secret: str = "leak"


class PydanticUnrelated(pydantic.BaseModel):
    id: int
    secret: str = "leak"


class TupleUser(NamedTuple):
    id: int


class Row:
    """As objects of a database mapper: attributes, and no schema."""

    def __init__(self) -> None:
        self.id = 1
        self.secret = "leak"


class Holder(msgspec.Struct):
    user: User
    users: list[User] = []
    named: dict[str, User] = {}
    maybe: User | None = None
    either: User | int = 0
    pair: tuple[User, int] | None = None
    row: DictUser | None = None


@dataclasses.dataclass
class DataclassHolder:
    user: DataclassUser
    users: list[DataclassUser] = dataclasses.field(default_factory=list[DataclassUser])


class DictHolder(TypedDict):
    user: User
    rows: NotRequired[list[DictUser]]


class PydanticHolder(pydantic.BaseModel):
    user: PydanticUser
    users: list[PydanticUser] = []
    named: dict[str, PydanticUser] = {}
    maybe: PydanticUser | None = None


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class PydanticPage(pydantic.BaseModel, Generic[T]):
    items: list[T]


class Tree(msgspec.Struct):
    user: User
    children: list["Tree"] = []


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    owner: User


PublicUser = TypeAliasType("PublicUser", User)


class AliasHolder(msgspec.Struct):
    user: Annotated[User, "a note"]
    users: Sequence[User] = ()


def of(origin: Any, *arguments: Any) -> Any:
    """`origin[arguments]`, for types that are made at run time."""
    return origin[arguments[0] if len(arguments) == 1 else arguments]


DICT = {"id": 1, "secret": "leak"}


USER = {"id": 1}


LEAKS: list[tuple[object, object, object]] = [
    # From every kind of value to every kind of model.
    *[
        (model, value, USER)
        for model in (User, DataclassUser, PydanticUser)
        for value in (DICT, Secretive(1), Unrelated(1), DataclassSecretive(1), PydanticSecretive(id=1), PydanticUnrelated(id=1), Row())
    ],
    *[(DictUser, value, USER) for value in (DICT, Secretive(1), DataclassSecretive(1), PydanticSecretive(id=1))],
    # Inside of other types.
    *[
        (annotation, value, expected)
        for user in (User, PydanticUser, DictUser)
        for secret in (DICT, Secretive(1), PydanticSecretive(id=1))
        if not (user is DictUser and secret is not DICT)
        for annotation, value, expected in (
            (of(list, user), [secret], [USER]),
            (of(list, user), (secret,), [USER]),
            (of(Sequence, user), [secret], [USER]),
            (of(tuple, user, ...), (secret,), [USER]),
            (of(tuple, int, user), (1, secret), [1, USER]),
            (of(dict, str, user), {"a": secret}, {"a": USER}),
            (of(Mapping, str, user), {"a": secret}, {"a": USER}),
            (of(dict, str, of(list, user)), {"a": [secret]}, {"a": [USER]}),
            (of(Union, user, None), secret, USER),
            (of(list, of(Union, user, None)), [None, secret], [None, USER]),
            (of(Union, user, int), secret, USER),
            (of(Annotated, user, "a note"), secret, USER),
            (of(list, of(Annotated, user, "a note")), [secret], [USER]),
        )
    ],
    # In fields of models that are of the right class themselves.
    (Holder, Holder(Secretive(1)), {"user": USER}),
    (Holder, Holder(User(1), users=[User(1), Secretive(1)]), {"users": [USER, USER]}),
    (Holder, Holder(User(1), named={"a": Secretive(1)}), {"named": {"a": USER}}),
    (Holder, Holder(User(1), maybe=Secretive(1)), {"maybe": USER}),
    (Holder, Holder(User(1), either=Secretive(1)), {"either": USER}),
    (Holder, Holder(User(1), pair=(Secretive(1), 2)), {"pair": [USER, 2]}),
    (Holder, Holder(User(1), row=DictSecretive(id=1, secret="leak")), {"row": USER}),
    (Holder, {"user": DICT, "secret": "leak", "users": [DICT]}, {"user": USER, "users": [USER]}),
    (list[Holder], [Holder(User(1)), Holder(Secretive(1))], ...),
    (DataclassHolder, DataclassHolder(DataclassSecretive(1), [DataclassSecretive(1)]), {"user": USER, "users": [USER]}),
    (DictHolder, {"user": Secretive(1), "rows": [DICT]}, {"user": USER, "rows": [USER]}),
    (Page[User], Page([Secretive(1)]), {"items": [USER]}),
    (Page[User], {"items": [DICT]}, {"items": [USER]}),
    (Page[DictUser], Page([DICT]), {"items": [USER]}),
    (Tree, Tree(User(1), [Tree(User(1), [Tree(Secretive(1))])]), ...),
    (Cat | Dog, Dog(Secretive(1)), {"type": "Dog", "owner": USER}),
    (list[PublicUser], [Secretive(1)], [USER]),
    (AliasHolder, AliasHolder(Secretive(1), [Secretive(1)]), {"user": USER, "users": [USER]}),
    (PydanticHolder, PydanticHolder(user=PydanticSecretive(id=1)), {"user": USER}),
    (PydanticHolder, PydanticHolder(user=PydanticUser(id=1), users=[PydanticSecretive(id=1)]), {"users": [USER]}),
    (PydanticHolder, PydanticHolder.model_construct(user=PydanticUnrelated(id=1)), ...),
    (PydanticHolder, {"user": PydanticUnrelated(id=1), "named": {"a": DICT}, "x": "leak"}, {"user": USER, "named": {"a": USER}}),
    (PydanticPage[PydanticUser], PydanticPage[PydanticUser](items=[PydanticSecretive(id=1)]), {"items": [USER]}),
    # Where plain values are declared, models do not get out at all.
    *[
        (annotation, value, None)
        for secret in (Secretive(1), DICT, PydanticSecretive(id=1), DataclassSecretive(1))
        for annotation, value in (
            (int, secret),
            (list[str], [secret]),
            (dict[str, int], {"a": secret}),
            (list[dict[str, str]], [{"a": secret}]),
            (list[int | None], [None, secret]),
            (datetime, secret),
            (str, secret),
            (bytes, secret),
            (Literal["a"], secret),
            (tuple[int, str], (1, secret)),
        )
    ],
]


@pytest.mark.parametrize("as_model", [False, True], ids=["annotated", "response_model"])
def test_what_the_type_does_not_have_is_left_out(serve: Serve, as_model: bool) -> None:
    """Or the answer is a 500: in no case is it sent. `...` stands for one of the two, `None` for a 500."""
    app = Velo()
    for number, (annotation, value, _) in enumerate(LEAKS):
        if as_model:
            app.get(f"/{number}", response_model=annotation)(returning(value, object))
        else:
            app.get(f"/{number}")(returning(value, annotation))
    client = serve(app, raise_app_exceptions=False)
    for number, (annotation, value, expected) in enumerate(LEAKS):
        response = client.get(f"/{number}")
        assert "leak" not in response.text, (annotation, value)
        assert "secret" not in response.text, (annotation, value)
        if expected is None:
            assert response.status_code == 500, (annotation, value, response.text)
        elif expected is not ...:
            assert response.status_code == 200, (annotation, value)
            content = response.json()
            assert content == expected or (isinstance(expected, dict) and expected.items() <= content.items()), (annotation, value, content)


def test_what_is_exact_is_written_as_it_is(serve: Serve) -> None:
    """The models of the tests above without secrets: all of it is there."""
    app = Velo()
    results: list[tuple[object, object, object]] = [
        (Tree, Tree(User(1), [Tree(User(2))]), {"user": {"id": 1}, "children": [{"user": {"id": 2}, "children": []}]}),
        (Cat | Dog, Cat(9), {"type": "Cat", "lives": 9}),
        (list[Cat | Dog | int], [Dog(User(1)), 5], [{"type": "Dog", "owner": {"id": 1}}, 5]),
        (Page[Page[User]], Page([Page([User(1)])]), {"items": [{"items": [{"id": 1}]}]}),
        (DictHolder, {"user": User(1)}, {"user": {"id": 1}}),
        (TupleUser, TupleUser(1), [1]),
        (list[TupleUser], [TupleUser(1)], [[1]]),
    ]
    for number, (annotation, value, _) in enumerate(results):
        app.get(f"/{number}")(returning(value, annotation))
    client = serve(app)
    for number, (annotation, _, expected) in enumerate(results):
        assert client.get(f"/{number}").json() == expected, annotation


def test_names_in_json_are_those_of_the_declared_model(serve: Serve) -> None:
    class Renamed(msgspec.Struct, rename="camel"):
        user_id: int

    class Plain(msgspec.Struct):
        user_id: int

    class Aliased(pydantic.BaseModel):
        user_id: int = pydantic.Field(alias="userId")
        hidden: int = pydantic.Field(default=1, exclude=True)

    app = Velo()
    results: list[tuple[object, object]] = [
        (Renamed, Renamed(1)),
        (Renamed, Plain(1)),
        (Aliased, Aliased(userId=1)),
        (Aliased, {"userId": 1}),
        (UNSET, {"a": Aliased(userId=1)}),
        (UNSET, Aliased(userId=1)),
    ]
    for number, (annotation, value) in enumerate(results):
        app.get(f"/{number}")(returning(value, annotation))
    client = serve(app)

    assert [client.get(f"/{number}").json() for number in range(4)] == [{"userId": 1}] * 4
    assert client.get("/4").json() == {"a": {"userId": 1}}
    assert client.get("/5").json() == {"userId": 1}
