"""The configuration of an application: where its values come from, what is wrong with them, and who sees them."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core import Config, Depends, Secret, SetupError, Velo
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]
Write = Callable[[str], Path]


class Tone(Enum):
    KIND = "kind"
    RUDE = "rude"


class Database(Config):
    url: Secret[str]
    pool_size: Annotated[int, msgspec.Meta(ge=1)] = 5


@dataclass
class Cache:
    seconds: float = 60.0
    tags: list[str] = field(default_factory=lambda: ["a"])


class Shop(Config, env_prefix="SHOP_"):
    name: str = "shop"
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    tone: Tone = Tone.KIND
    folders: tuple[Path, ...] = ()
    database: Database
    cache: Cache = field(default_factory=Cache)
    backup: Secret[str] | None = None
    keys: dict[str, Secret[bytes]] = field(default_factory=dict[str, Secret[bytes]])


class Small(Config):
    name: str = "small"
    key: Secret[str] = Secret("none")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        (tmp_path / "velo.toml").write_text(text)
        return tmp_path / "velo.toml"

    return write


def problems_of(load: Callable[[], object]) -> list[str]:
    with pytest.raises(SetupError) as caught:
        load()
    return [f"{problem.code} {problem.message}" for problem in caught.value.problems]


# From where.


def test_code_wins_over_the_environment_and_that_over_the_file_and_that_over_defaults(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("[config]\nname = 'file'\npage_size = 30\ntone = 'rude'\n[config.database]\nurl = 'db://file'\npool_size = 7\n")
    monkeypatch.setenv("SHOP_PAGE_SIZE", "40")
    monkeypatch.setenv("SHOP_FOLDERS", '["/a", "/b"]')
    monkeypatch.setenv("SHOP_DATABASE__URL", "db://environment")
    shop = Shop.load(page_size=50)

    assert (shop.name, shop.page_size, shop.tone, shop.folders) == ("file", 50, Tone.RUDE, (Path("/a"), Path("/b")))
    assert shop.database == Database(url=Secret("db://environment"), pool_size=7)
    assert shop.cache == Cache()
    assert {name: setting.origin for name, setting in shop.settings.items()} == {
        "name": "velo.toml, [config]",
        "page_size": "code",
        "tone": "velo.toml, [config]",
        "folders": "SHOP_FOLDERS",
        "database.url": "SHOP_DATABASE__URL",
        "database.pool_size": "velo.toml, [config]",
        "cache": "default",
        "backup": "default",
        "keys": "default",
    }
    assert shop.settings["keys"].value == {}


def test_a_table_of_the_environment_may_be_json_and_a_part_of_it_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATABASE__POOL_SIZE", "9")
    monkeypatch.setenv("SHOP_DATABASE", '{"url": "db://{json}", "pool_size": 3}')
    monkeypatch.setenv("SHOP_CACHE__SECONDS", "2.5")
    monkeypatch.setenv("SHOP_KEYS", '{"a": "YWJj"}')
    monkeypatch.setenv("SHOP_BACKUP", "null")
    shop = Shop.load()

    assert (shop.database.url.reveal(), shop.database.pool_size) == ("db://{json}", 9)
    assert shop.settings["database.url"].origin == "SHOP_DATABASE"
    assert shop.cache == Cache(seconds=2.5, tags=["a"])
    assert shop.keys["a"].reveal() == b"abc"
    assert shop.backup == Secret("null")


def test_a_table_may_be_an_object_of_code() -> None:
    database = Database(url=Secret("db://code"))

    assert Shop.load(database=database).database is database
    assert Shop.load(database={"url": "db://code"}).database == database


def test_pyproject_has_the_same_in_a_table_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert Small.load().name == "small"

    (tmp_path / "pyproject.toml").write_text("[tool.velo.config]\nname = 'project'\n")
    assert Small.load().name == Small.load("pyproject.toml").name == "project"


def test_a_configuration_cannot_be_changed() -> None:
    small = Small.load()

    with pytest.raises(AttributeError):
        small.name = "other"  # pyright: ignore[reportAttributeAccessIssue]: what the test is about


def test_values_are_found_by_name_and_have_the_class_that_is_asked_for() -> None:
    shop = Shop.load(database={"url": "db://x"})

    assert shop.get("database.pool_size", int) == 5
    assert shop.get("nowhere", int, 3) == 3
    with pytest.raises(LookupError, match=r"Shop has no 'database\.size'; it has 'name', "):
        shop.get("database.size")
    with pytest.raises(TypeError, match="'name' of Shop is of type str, not int"):
        shop.get("name", int)
    for name in ("", ".", "get", "__class__", "name.upper", "database."):
        with pytest.raises(LookupError):
            shop.get(name)


# What is wrong.


def test_everything_that_is_wrong_is_reported_at_once_with_its_origin(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("[config]\nnme = 'x'\npage_size = 'many'\n[config.database]\nsize = 3\n[config.cache]\nseconds = 'x'\n")
    monkeypatch.setenv("SHOP_TON", "rude")
    monkeypatch.setenv("SHOP_DATABASE__UR", "hidden")

    assert problems_of(lambda: Shop.load(page_size=101)) == [
        "VELO_CONFIG the configuration Shop " + text
        for text in (
            "has no option 'nme' (velo.toml, [config]); did you mean 'name'?",
            "does not take its option 'page_size' (velo.toml, [config]): Expected `int`, got `str`",
            "has no option 'ton' (SHOP_TON); did you mean 'tone'?",
            "does not take its option 'page_size' (code): Expected `int` <= 100",
            "has no option 'database.size' (velo.toml, [config]); did you mean 'database.pool_size'?",
            "has no option 'database.ur' (SHOP_DATABASE__UR); did you mean 'database.url'?",
            "does not take its option 'cache.seconds' (velo.toml, [config]): Expected `float`, got `str`",
            "needs 'database.url': set SHOP_DATABASE__URL, or database.url in the table [config] of a file",
        )
    ]


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("SHOP_DATABASE__URL", "[", ""),
        ("SHOP_DATABASE", "hidden", "option 'database' (SHOP_DATABASE): "),
        ("SHOP_DATABASE", "{hidden", "it is no valid JSON"),
        ("SHOP_KEYS", '{"a": "hidden!"}', "it is no bytes that fits"),
        ("SHOP_KEYS", '["hidden"]', "Expected `object`"),
        ("SHOP_BACKUP", "hidden", ""),
    ],
)
def test_a_value_that_does_not_fit_is_not_shown(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, text: str) -> None:
    monkeypatch.setenv(variable, value)
    code = {} if variable.startswith("SHOP_DATABASE") else {"database": {"url": "x"}}
    if not text:
        assert "hidden" not in repr(Shop.load(**code))
        return
    (problem,) = problems_of(lambda: Shop.load(**code))

    assert text in problem
    assert "hidden" not in problem


def test_an_enum_or_a_pattern_in_a_secret_does_not_tell_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    class Strict(Config):
        tone: Secret[Tone]
        code: Secret[Annotated[str, msgspec.Meta(pattern="^[0-9]+$")]]

    monkeypatch.setenv("VELO_CONFIG_TONE", "hidden")
    monkeypatch.setenv("VELO_CONFIG_CODE", "hidden")
    problems = problems_of(Strict.load)

    assert len(problems) == 2
    assert "hidden" not in "".join(problems)
    monkeypatch.setenv("VELO_CONFIG_TONE", "kind")
    monkeypatch.setenv("VELO_CONFIG_CODE", "12")
    assert Strict.load().tone.reveal() is Tone.KIND


def test_what_the_class_itself_refuses_is_reported() -> None:
    class Range(Config):
        __qualname__ = "Range"

        low: int = 1
        high: int = 2

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")

    assert problems_of(lambda: Range.load(low=3)) == ["VELO_CONFIG the configuration Range does not take its values: low is above high"]


def test_a_class_that_cannot_work_is_refused() -> None:
    with pytest.raises(SetupError, match="has a field 'get', which is Velo's own name"):
        type("Bad", (Config,), {"__annotations__": {"get": int}})
    for prefix in ("", "SHOP", "shop_", "_", "A B_"):
        with pytest.raises(SetupError, match="write capitals with an underscore at the end"):
            type("Bad", (Config,), {"env_prefix": prefix})


def test_a_type_that_cannot_be_found_is_reported() -> None:
    class Hidden:
        pass

    class Lost(Config):
        one: Hidden

    (problem,) = problems_of(lambda: Lost.load(one=Hidden()))
    assert problem.endswith("has a field 'one' whose type is not known where the class stands; import it there")


@pytest.mark.parametrize("text", ["config = 3\n", "[config"])
def test_a_file_that_is_no_configuration_is_refused(write: Write, text: str) -> None:
    write(text)

    assert problems_of(Small.load)[0].startswith("VELO_CONFIG_FILE ")


def test_a_file_that_is_named_has_to_be_there() -> None:
    assert problems_of(lambda: Small.load("other.toml"))[0].startswith("VELO_CONFIG_FILE other.toml cannot be read")


# Secrets.


@given(st.text(min_size=1), st.text())
def test_nothing_that_shows_a_secret_shows_its_value(value: str, other: str) -> None:
    secret = Secret("\x00" + value + "\x00")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>20}", "%s %r" % (secret, secret), repr([secret]), format(secret, value)]  # noqa: UP031 - logging does this

    assert all("\x00" not in text for text in shown)
    assert secret.reveal() == "\x00" + value + "\x00"
    assert (Secret(value) == Secret(other)) == (value == other)
    assert Secret(value) != value
    assert hash(Secret(value)) == hash(Secret(value))


def test_a_secret_is_not_written() -> None:
    secret = Secret("hidden")
    for write in (json.dumps, msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps):
        with pytest.raises(TypeError) as caught:
            write(secret)
        assert "hidden" not in str(caught.value)

    assert copy.deepcopy(secret) is copy.copy(secret) is secret
    assert not hasattr(secret, "__dict__")
    assert not Secret("")
    assert Secret(b"a") == Secret(b"a") != Secret(b"b")
    assert Secret(1) == Secret(1) != Secret("1")


def test_the_configuration_does_not_show_what_is_or_sounds_secret() -> None:
    class Plain(Config):
        name: str = "plain"
        password: str = ""
        key: Secret[str] = Secret("hidden")

    plain = Plain(password="hidden")

    assert repr(plain).endswith("Plain(name='plain', password='********', key=Secret('********'))")
    assert repr(Plain()).endswith("Plain(name='plain', password='', key=Secret('********'))")


# In an application.


def test_handlers_and_dependencies_take_the_configuration_by_its_class(serve: Serve) -> None:
    small = Small.load(name="given", key="hidden")
    app = Velo(config=small)
    seen: list[object] = []

    def service(config: Small) -> str:
        seen.append(config)
        return config.name.upper()

    @app.get("/")
    async def index(config: Small, name: Annotated[str, Depends(service, lifetime="app")]) -> list[str]:
        seen.append(config)
        return [config.name, name]

    client = serve(app)

    assert client.get("/?name=x").json() == ["given", "GIVEN"]
    assert all(one is small for one in seen)
    assert app.config is small


def test_the_configuration_is_there_without_a_start(way: tuple[ProtocolName, bool]) -> None:
    protocol, interpreted = way
    app = Velo(interpreted=interpreted, config=Small.load(name="early"))

    @app.get("/")
    async def index(config: Small) -> str:
        return config.name

    with TestClient(app, protocol=protocol, lifespan=False) as client:
        assert client.get("/").text == "early"


async def test_it_is_there_again_after_a_stop() -> None:
    app = Velo(config=Small.load(name="again"))

    @app.get("/")
    async def index(config: Small) -> str:
        return config.name

    for _ in range(2):
        async with app.scope() as scope:
            assert (await scope.get(Small)).name == "again"


def test_a_test_can_put_another_in_its_place(serve: Serve) -> None:
    app = Velo(config=Small.load())

    @app.get("/")
    async def index(config: Small) -> str:
        return config.name

    app.dependency_overrides[Small] = lambda: Small(name="test")

    assert serve(app).get("/").text == "test"


def test_it_costs_a_request_nothing() -> None:
    app = Velo(config=Small.load())

    @app.get("/with")
    async def with_config(config: Small) -> str:
        return config.name

    @app.get("/without")
    async def without() -> str:
        return "x"

    def lines(path: str) -> int:
        return app.plan("GET", path).source.count("\n")

    assert lines("/with") == lines("/without")


def test_a_configuration_that_nobody_gave_is_never_read_from_a_request() -> None:
    app = Velo()

    @app.post("/")
    async def index(config: Small) -> str:
        return config.name

    (problem,) = problems_of(app.freeze)
    assert problem.startswith("VELO_NOT_PROVIDED POST /: parameter 'config' of ")
    assert problem.endswith("which the application does not have; give it: Velo(config=Small.load())")


def test_the_file_of_the_application_has_its_configuration_too(write: Write, serve: Serve) -> None:
    write("[app]\ndebug = true\n[config]\nname = 'file'\n").rename("other.toml")
    app = Velo.from_config("other.toml", config=Small)

    @app.get("/")
    async def index(config: Small) -> str:
        return config.name

    assert serve(app).get("/").text == "file"
    assert app.debug
    assert app.describe().config == {"name": "other.toml, [config]", "key": "default"}
    assert "hidden" not in repr(Velo.from_config("other.toml", config=Small(key=Secret("hidden"))).describe())


def test_what_is_no_configuration_is_refused() -> None:
    with pytest.raises(SetupError, match="derive a class from Config"):
        Velo(config=Small)  # pyright: ignore[reportArgumentType]: what the test is about
