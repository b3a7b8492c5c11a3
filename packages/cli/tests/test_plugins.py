"""`velo plugins`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Result

Write = Callable[[str, str], Path]
Run = Callable[..., "Result"]

APP = """
from velo_core import Manifest, Plugin, Router, Velo

class Store(Plugin):
    manifest = Manifest(name="store", provides=("session-store",))
    def install(self, router: Router) -> None: ...

class Greeter(Plugin):
    manifest = Manifest(name="greeter", requires_api=">=0.1,<1", requires=("session-store",))
    def install(self, router: Router) -> None: ...

app = Velo()
app.install(Greeter())
app.install(Store())
"""


def install(write: Write, name: str = "greeter", code: str = "raise RuntimeError", commands: str = "") -> None:
    """A distribution in `site`, as pip would install it."""
    module = name.replace("-", "_")
    write(f"site/{module}-1.2.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    points = f"[velo.plugins]\ngreeter = {module}_code:Greeter\n" + (f"[velo.commands]\n{commands}\n" if commands else "")
    write(f"site/{module}-1.2.dist-info/entry_points.txt", points)
    write(f"site/{module}_code.py", code)


GREETER = """
from velo_core import Manifest, Plugin, Router

class Greeter(Plugin):
    \"\"\"Greets.\"\"\"

    manifest = Manifest(name="greeter", requires_api=">=0.1,<1", provides=("greetings",))

    def __init__(self, greeting: str, *, times: int = 1, api_key: str = "none") -> None: ...

    def install(self, router: Router) -> None: ...
"""


@pytest.mark.parametrize("command", [["plugins"], ["plugins", "list"]])
def test_what_is_installed_is_listed_without_importing_it(velo: Run, write: Write, tmp_path: Path, command: list[str]) -> None:
    install(write)
    result = velo(*command, path=tmp_path / "site")

    assert (result.status, result.err) == (0, "")
    assert ["greeter", "greeter", "1.2", "greeter_code:Greeter"] in [line.split() for line in result.out.splitlines()]


def test_json_lists_what_is_installed(velo: Run, write: Write, tmp_path: Path) -> None:
    install(write)
    listed = json.loads(velo("plugins", "list", "--json", path=tmp_path / "site").out)

    assert {"name": "greeter", "distribution": "greeter", "version": "1.2", "entry_point": "greeter_code:Greeter"} in listed


def test_what_an_application_uses_is_shown_in_its_order(velo: Run, write: Write, tmp_path: Path) -> None:
    write("shop.py", APP)
    place = tmp_path / "shop.py"

    head, store, greeter = velo("plugins", "list", "shop").out.splitlines()

    assert head.split() == ["name", "from", "api", "provides", "installed", "at", "why", "here"]
    assert store.split() == ["store", "shop", ">=0.1", "session-store", f"{place}:14"]
    assert greeter.split(maxsplit=4) == ["greeter", "shop", ">=0.1,<1", f"{place}:13", "after store: requires='session-store'"]


def test_json_shows_the_whole_manifest(velo: Run, write: Write, tmp_path: Path) -> None:
    write("shop.py", APP)

    store, greeter = json.loads(velo("plugins", "list", "shop", "--json").out)

    assert store["provides"] == ["session-store"]
    assert (greeter["name"], greeter["plugin"], greeter["requires"]) == ("greeter", "shop.Greeter", ["session-store"])
    assert greeter["place"] == f"{tmp_path / 'shop.py'}:13"
    assert greeter["reasons"] == ["after store: requires='session-store'"]


def test_an_application_without_plugins_says_so(velo: Run, write: Write) -> None:
    write("shop.py", "from velo_core import Velo\napp = Velo()\n")

    assert velo("plugins", "list", "shop").out == "The application uses no plugins.\n"


def test_a_plugin_is_shown_with_its_options(velo: Run, write: Write, tmp_path: Path) -> None:
    install(write, code=GREETER)
    result = velo("plugins", "show", "greeter", path=tmp_path / "site")
    lines = [line.split() for line in result.out.splitlines()]

    assert ["distribution", "greeter", "1.2"] in lines, result.err
    assert ["about", "Greets."] in lines
    assert ["provides", "greetings"] in lines
    assert ["plugin", "api", "0.1,", "which", "fits"] in lines
    assert ["greeting", "str", "required", "VELO_GREETER_GREETING"] in lines
    assert ["times", "int", "1", "VELO_GREETER_TIMES"] in lines
    assert json.loads(velo("plugins", "show", "greeter", "--json", path=tmp_path / "site").out)["options"][1]["option"] == "times"


def test_a_plugin_that_is_not_there_or_broken_cannot_be_shown(velo: Run, write: Write, tmp_path: Path) -> None:
    install(write)

    assert "no installed distribution offers the plugin 'nobody'; installed are: " in velo("plugins", "show", "nobody").err
    broken = velo("plugins", "show", "greeter", path=tmp_path / "site")
    assert broken.err.startswith("Error: the plugin 'greeter' of greeter 1.2 cannot be imported: RuntimeError")


def test_the_doctor_finds_nothing_wrong_with_good_plugins(velo: Run, write: Write, tmp_path: Path) -> None:
    install(write, code=GREETER)
    write("shop.py", APP)
    result = velo("plugins", "doctor", "shop", path=tmp_path / "site")

    assert (result.status, result.out) == (0, "All is well.\n"), result.err


def test_the_doctor_tells_what_is_wrong(velo: Run, write: Write, tmp_path: Path) -> None:
    install(write, code=GREETER.replace(">=0.1,<1", ">=9"), commands="run = x:y\nhello = x:y")
    install(write, "welcomer", commands="hello = x:y")
    write("shop.py", APP.replace("app.install(Store())", ""))
    result = velo("plugins", "doctor", "shop", path=tmp_path / "site")
    lines = result.out.replace(f"{tmp_path / 'site'}/", "").splitlines()

    assert result.status == 1
    assert (
        "- the plugin 'greeter' is offered by greeter 1.2 (greeter-1.2.dist-info/entry_points.txt:2) and "
        "welcomer 1.2 (welcomer-1.2.dist-info/entry_points.txt:2); uninstall one of them [VELO_PLUGIN_AMBIGUOUS]"
    ) in lines
    assert (
        "- the command 'hello' is offered by greeter 1.2 (greeter-1.2.dist-info/entry_points.txt:5) and "
        "welcomer 1.2 (welcomer-1.2.dist-info/entry_points.txt:4); uninstall one of them [VELO_COMMAND_DUPLICATE]"
    ) in lines
    assert "- the command 'run' of greeter 1.2 is never run: velo has one of that name" in lines
    assert "- the plugin 'greeter' of greeter 1.2 works with plugin API >=9, this velo-core has 0.1" in lines
    assert any(line.startswith("- the plugin 'greeter' of welcomer 1.2 cannot be imported: RuntimeError") for line in lines)
    assert any("requires 'session-store', which nothing on its router or above it provides" in line for line in lines)
    assert lines[-1] == "6 problems."


def test_the_configuration_is_shown_with_origins_and_without_secrets(
    velo: Run, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(write, code=GREETER)
    write("velo.toml", "[app]\ndebug = true\n[[plugins]]\nname = 'greeter'\noptions = { greeting = 'Hi' }\n")
    write("shop.py", "from velo_core import Velo\napp = Velo.from_config()\n")
    monkeypatch.setenv("VELO_GREETER_API_KEY", "hidden")
    result = velo("config", "show", "shop", path=tmp_path / "site")
    lines = [line.split() for line in result.out.splitlines()]

    assert ["app", "debug", "True", "velo.toml"] in lines, result.err
    assert ["greeter", "greeting", "'Hi'", "velo.toml,", "plugins[0]"] in lines
    assert ["greeter", "times", "1", "default"] in lines
    assert ["greeter", "api_key", "********", "VELO_GREETER_API_KEY"] in lines
    assert "hidden" not in result.out
    assert json.loads(velo("config", "show", "shop", "--json", path=tmp_path / "site").out)[0]["of"] == "app"


def test_the_configuration_of_the_application_is_shown_without_its_secrets(
    velo: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        "shop.py",
        "from velo_core import Config, Secret, Velo\n"
        "class Database(Config):\n    dsn: Secret[str] = Secret('hidden')\n    size: int = 5\n"
        "class Shop(Config):\n    name: str = 'shop'\n    pin: Secret[str]\n    others: list[Secret[str]]\n    database: Database\n"
        "app = Velo(config=Shop.load(others=['hidden']))\n",
    )
    monkeypatch.setenv("VELO_CONFIG_PIN", "hidden")
    monkeypatch.setenv("VELO_CONFIG_DATABASE__SIZE", "7")
    result = velo("config", "show", "shop")
    lines = [line.split() for line in result.out.splitlines()]

    assert ["config", "name", "'shop'", "default"] in lines, result.err
    assert ["config", "pin", "********", "VELO_CONFIG_PIN"] in lines
    assert ["config", "others", "[Secret('********')]", "code"] in lines
    assert ["config", "database.dsn", "********", "default"] in lines
    assert ["config", "database.size", "7", "VELO_CONFIG_DATABASE__SIZE"] in lines
    assert "hidden" not in result.out + velo("config", "show", "shop", "--json").out


def test_an_application_without_options_says_so(velo: Run, write: Write) -> None:
    write("shop.py", "from velo_core import Velo\napp = Velo()\n")

    assert velo("config", "show", "shop").out.startswith("The application has no options from files")
