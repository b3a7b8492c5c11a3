"""Options of plugins that are installed by name: from code, environment and file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from velo_core import Router, SetupError, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]
Write = Callable[[str, str], Path]

GREETER = """
from __future__ import annotations
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated
import msgspec
from velo_core import Manifest, Plugin, Router
if TYPE_CHECKING:
    from nowhere import Unknown

class Tone(Enum):
    KIND = "kind"
    RUDE = "rude"

@dataclass
class Rule:
    name: str
    limit: int | None = None
    key: Callable[[], str] | None = None
    odd: Unknown | None = None

    def __post_init__(self) -> None:
        if self.name == "bad":
            raise ValueError("not this one")

class Greeter(Plugin):
    manifest = Manifest(name="greeter")

    def __init__(
        self, greeting: str = "Hello", *, path: str = "/greet", times: Annotated[int, msgspec.Meta(ge=1)] = 1, tone: Tone = Tone.KIND,
        rules: Sequence[Rule] = (), tags: tuple[str, ...] = (), key: Callable[[], str] | None = None, odd: Unknown | None = None,
        ratio: float = 1.0, loud: bool = False
    ) -> None:
        self.path = path
        self.all = (greeting, times, tone.name, [(rule.name, rule.limit) for rule in rules], list(tags), ratio, loud)

    def install(self, router: Router) -> None:
        router.get(self.path)(self.greet)

    async def greet(self) -> list[object]:
        return list(self.all)

class Settings(msgspec.Struct):
    greeting: str
    times: int = 1

class Structured(Plugin):
    manifest = Manifest(name="structured")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def install(self, router: Router) -> None:
        router.get("/structured")(self.show)

    async def show(self) -> Settings:
        return self.settings
"""
DEFAULTS: list[object] = ["Hello", 1, "KIND", [], [], 1.0, False]


@pytest.fixture(autouse=True)
def greeter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with two plugins, installed as pip would."""
    folder = tmp_path / "site"
    info = folder / "velo_test_greeter-1.2.dist-info"
    info.mkdir(parents=True)
    (folder / "velo_test_greeter.py").write_text(GREETER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: velo-test-greeter\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[velo.plugins]\ngreeter = velo_test_greeter:Greeter\ngreeter-plus = velo_test_greeter:Structured\n"
    )
    monkeypatch.syspath_prepend(str(folder))  # pyright: ignore[reportUnknownMemberType]: pytest leaves its argument untyped
    monkeypatch.delitem(sys.modules, "velo_test_greeter", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def problems_of(app: Velo) -> list[str]:
    with pytest.raises(SetupError) as caught:
        app.freeze()
    return [f"{problem.code} {problem.message}" for problem in caught.value.problems]


# From where.


def test_without_options_the_defaults_of_the_constructor_hold(serve: Serve) -> None:
    app = Velo()
    app.install("greeter")

    assert serve(app).get("/greet").json() == DEFAULTS


def test_code_wins_over_the_environment_and_that_over_the_file(
    serve: Serve, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VELO_GREETER_TIMES", "3")
    monkeypatch.setenv("VELO_GREETER_TONE", "rude")
    write("velo.toml", "[[plugins]]\nname = 'greeter'\n[plugins.options]\ngreeting = 'Hi'\ntimes = 2\ntone = 'kind'\nloud = true\n")
    app = Velo.from_config()
    (ready,) = app.plugins

    assert serve(app).get("/greet").json() == ["Hi", 3, "RUDE", [], [], 1.0, True]
    origins = {name: setting.origin for name, setting in ready.settings.items()}
    assert origins["greeting"] == origins["loud"] == "velo.toml, plugins[0]"
    assert (origins["times"], origins["tone"], origins["path"]) == ("VELO_GREETER_TIMES", "VELO_GREETER_TONE", "default")

    app = Velo()
    app.install("greeter", times=9)
    (ready,) = app.plugins
    assert ready.settings["times"].value == 9
    assert "test_options.py:" in ready.settings["times"].origin
    assert ready.settings["tone"].origin == "VELO_GREETER_TONE"


def test_the_environment_says_lists_and_tables_in_json(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELO_GREETER_RULES", '[{"name": "a", "limit": 5}, {"name": "b"}]')
    monkeypatch.setenv("VELO_GREETER_TAGS", '["x", "y"]')
    monkeypatch.setenv("VELO_GREETER_RATIO", "2.5")
    monkeypatch.setenv("VELO_GREETER_LOUD", "true")
    monkeypatch.setenv("VELO_GREETER_GREETING", "[not json]")
    app = Velo()
    app.install("greeter")

    assert serve(app).get("/greet").json() == ["[not json]", 1, "KIND", [["a", 5], ["b", None]], ["x", "y"], 2.5, True]


def test_a_constructor_that_takes_one_struct_has_its_fields_as_options(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELO_GREETER_PLUS_TIMES", "3")
    app = Velo()
    app.install("greeter-plus", greeting="Hi")

    assert serve(app).get("/structured").json() == {"greeting": "Hi", "times": 3}


def test_variables_of_a_plugin_whose_name_begins_alike_are_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELO_GREETER_PLUS_TIMES", "3")
    app = Velo()
    app.install("greeter")

    app.freeze()


def test_an_instance_does_not_look_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    monkeypatch.setenv("VELO_GREETER_NONSENSE", "3")
    app = Velo()
    app.install(import_module("velo_test_greeter").Greeter())

    app.freeze()


# What is wrong with them.


def test_an_option_that_is_not_there_is_reported_with_the_one_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELO_GREETER_XYZ", "1")
    app = Velo()
    app.install("greeter", greting="Hi")
    (problem,) = problems_of(app)

    assert problem.startswith("VELO_PLUGIN_OPTIONS the plugin 'greeter' (velo-test-greeter 1.2, ")
    assert "has no option 'xyz' (VELO_GREETER_XYZ); it has 'greeting', 'path'," in problem
    assert "has no option 'greting' (" in problem
    assert problem.endswith("did you mean 'greeting'?")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("times = 'many'", "option 'times' (velo.toml, plugins[0]): Expected `int`, got `str`"),
        ("times = '3'", "option 'times' (velo.toml, plugins[0]): Expected `int`, got `str`"),
        ("times = 0", "Expected `int` >= 1"),
        ("tone = 'shy'", "(velo.toml, plugins[0]): Invalid enum value; it is one of 'kind', "),
        ("rules = [{name = 'a'}, {limit = 3}]", "rules[1] needs 'name'".removeprefix("rules")),
        ("rules = [{name = 'a', limit = 'x'}]", "[0].limit: Expected `int | null`, got `str`"),
        ("rules = [{name = 'a', limt = 3}]", "Rule has no '[0].limt'; did you mean 'limit'?"),
        ("rules = [{name = 'bad'}]", "[0]: not this one"),
        ("key = 'x'", "cannot be written as text; install the plugin in code"),
        ("odd = 'x'", "cannot be written as text; install the plugin in code"),
        ("rules = [{name = 'a', odd = 1}]", "cannot be written as text"),
    ],
)
def test_a_value_that_does_not_fit_is_reported_with_its_origin(write: Write, options: str, text: str) -> None:
    write("velo.toml", f"[[plugins]]\nname = 'greeter'\n[plugins.options]\n{options}\n")
    (problem,) = problems_of(Velo.from_config())

    assert problem.startswith(
        "VELO_PLUGIN_OPTIONS the plugin 'greeter' (velo-test-greeter 1.2, velo.toml, plugins[0]) does not take its option "
    )
    assert text in problem


def test_a_value_that_does_not_fit_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELO_GREETER_TIMES", "my-secret")
    monkeypatch.setenv("VELO_GREETER_RULES", "[my-secret")
    app = Velo()
    app.install("greeter")
    (problem,) = problems_of(app)

    assert "VELO_GREETER_TIMES" in problem
    assert "it is no valid JSON" in problem
    assert "my-secret" not in problem


def test_plain_data_in_code_is_checked_and_objects_are_passed_on(serve: Serve) -> None:
    app = Velo()
    app.install("greeter", times="3")
    (problem,) = problems_of(app)
    assert "Expected `int`, got `str`" in problem

    app = Velo()
    app.install("greeter", key=lambda: "x", odd=object(), rules=[{"name": "a"}])
    assert serve(app).get("/greet").json()[3] == [["a", None]]


def test_what_has_to_be_given_is_named() -> None:
    app = Velo()
    app.install("greeter-plus")
    (problem,) = problems_of(app)

    assert problem.endswith("needs 'greeting'; give it as an option")


# The file.


def test_plugins_go_on_the_routers_that_the_file_names(serve: Serve, write: Write) -> None:
    write(
        "velo.toml",
        "[[plugins]]\nname = 'greeter'\non = '/left/below'\noptions = { greeting = 'left' }\n"
        "[[plugins]]\nname = 'greeter'\non = 'right'\n[plugins.options]\ngreeting = 'right'\n",
    )
    app = Velo.from_config("velo.toml")
    left, below, right = Router("/left"), Router("/below"), Router("/r", name="right")
    left.include(below)
    app.include(left)
    app.include(right)
    client = serve(app)

    assert client.get("/left/below/greet").json()[0] == "left"
    assert client.get("/r/greet").json()[0] == "right"
    assert client.get("/greet").status_code == 404


def test_the_file_can_say_of_the_application_whatever_plain_data_can(write: Write) -> None:
    given = {"on_disconnect": "shield", "trusted_proxies": ["10.0.0.0/8"], "produces": ["application/json"], "pools": {"cpu": 3}}
    write("velo.toml", "[app]\n" + "".join(f"{name} = {value!r}\n" for name, value in given.items()).replace("'cpu':", "cpu ="))
    assert {name: one.value for name, one in Velo.from_config().settings.items()} == given

    write("velo.toml", "[app]\non_disconnect = 'explode'\nversioning = 'header'\n")
    with pytest.raises(SetupError) as caught:
        Velo.from_config()
    assert [problem.message.partition(": ")[2].partition("): ")[2] for problem in caught.value.problems] == [
        "Invalid enum value; it is one of 'cancel', 'shield', 'ignore'",
        "velo_core.versioning.Versioning | None cannot be written as text; install the plugin in code",
    ]


def test_a_router_that_is_not_there_is_reported_with_those_that_are(write: Write) -> None:
    write("velo.toml", "[[plugins]]\nname = 'greeter'\non = '/nowhere'\n")
    app = Velo.from_config()
    app.include(Router("/admin"))
    (problem,) = problems_of(app)

    assert problem == (
        "VELO_CONFIG_ROUTER the plugin 'greeter' (velo.toml, plugins[0]) goes on '/nowhere', which is no router; there are '/admin'"
    )


def test_options_of_the_application_are_typed_and_code_wins(write: Write) -> None:
    write("velo.toml", "[app]\ndebug = true\nmax_content_length = 10\ntags = ['a', 'b']\ntrailing_slash = 'redirect'\n[config]\nmine = 1\n")
    app = Velo.from_config(debug=False)

    assert (app.debug, app.max_content_length, app.tags) == (False, 10, ("a", "b"))


def test_pyproject_has_the_same_in_a_table_of_its_own(write: Write, serve: Serve) -> None:
    write("pyproject.toml", "[project]\nname = 'shop'\n[tool.velo.app]\ndebug = true\n[[tool.velo.plugins]]\nname = 'greeter'\n")
    app = Velo.from_config()

    assert app.debug
    assert serve(app).get("/greet").json() == DEFAULTS


def test_everything_that_is_wrong_with_a_file_is_reported_at_once(write: Write) -> None:
    write(
        "velo.toml",
        "[aap]\n[app]\ndebug = 'yes'\ndebag = true\n"
        "[[plugins]]\nnme = 'x'\n[[plugins]]\n[[plugins]]\nname = 'a'\non = 3\n[[plugins]]\nname = 'a'\noptions = 3\n",
    )
    with pytest.raises(SetupError) as caught:
        Velo.from_config()

    assert {problem.code for problem in caught.value.problems} == {"VELO_CONFIG_FILE"}
    assert [problem.message for problem in caught.value.problems] == [
        "velo.toml: there is no table 'aap'; tables are app, plugins, config",
        "velo.toml: the application does not take its option 'debug' (velo.toml): Expected `bool`, got `str`",
        "velo.toml: the application has no option 'debag' (velo.toml); did you mean 'debug'?",
        "velo.toml: plugins[0] has no key 'nme'; it has name, on, options, and what is for the plugin itself goes into options",
        "velo.toml: plugins[1] has no name; write name = 'limiter', the name of an entry point",
        "velo.toml: plugins[2]: on is the prefix or the name of a router, such as '/admin'",
        "velo.toml: plugins[3]: options is no table",
    ]


@pytest.mark.parametrize(
    ("text", "message"), [("[app", "cannot be read"), ("plugins = 3", "write \\[\\[plugins\\]\\]"), ("app = 3", "app is no table")]
)
def test_a_file_that_is_no_configuration_is_refused(write: Write, text: str, message: str) -> None:
    write("velo.toml", text)
    with pytest.raises(SetupError, match=message) as caught:
        Velo.from_config()
    assert caught.value.code == "VELO_CONFIG_FILE"


def test_a_file_that_is_not_there_is_refused(write: Write) -> None:
    with pytest.raises(SetupError, match=r"neither velo\.toml nor pyproject\.toml is in "):
        Velo.from_config()
    with pytest.raises(SetupError, match=r"other\.toml cannot be read"):
        Velo.from_config("other.toml")
    write("pyproject.toml", "[project]\nname = 'x'\n")
    with pytest.raises(SetupError, match=r"has no table \[tool\.velo\]"):
        Velo.from_config()
