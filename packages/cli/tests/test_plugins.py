"""`velo plugins`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

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


def test_what_is_installed_is_listed_without_importing_it(velo: Run, write: Write, tmp_path: Path) -> None:
    write("site/greeter-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.2\n")
    write("site/greeter-1.2.dist-info/entry_points.txt", "[velo.plugins]\ngreeter = greeter_that_is_broken:Greeter\n")
    write("site/greeter_that_is_broken.py", "raise RuntimeError\n")

    result = velo("plugins", path=tmp_path / "site")
    listed = json.loads(velo("plugins", "--json", path=tmp_path / "site").out)

    assert (result.status, result.err) == (0, "")
    assert ["greeter", "greeter", "1.2", "greeter_that_is_broken:Greeter"] in [line.split() for line in result.out.splitlines()]
    assert {"name": "greeter", "distribution": "greeter", "version": "1.2", "entry_point": "greeter_that_is_broken:Greeter"} in listed


def test_what_an_application_uses_is_shown_in_its_order(velo: Run, write: Write, tmp_path: Path) -> None:
    write("shop.py", APP)
    place = tmp_path / "shop.py"

    assert velo("plugins", "shop").out.splitlines() == [
        f"{'name':7}  {'plugin':12}  {'api':8}  {'requires':13}  {'provides':13}  installed at",
        f"{'store':7}  {'shop.Store':12}  {'>=0.1':8}  {'':13}  {'session-store':13}  {place}:14",
        f"{'greeter':7}  {'shop.Greeter':12}  {'>=0.1,<1':8}  {'session-store':13}  {'':13}  {place}:13",
    ]


def test_json_shows_the_whole_manifest(velo: Run, write: Write, tmp_path: Path) -> None:
    write("shop.py", APP)

    store, greeter = json.loads(velo("plugins", "shop", "--json").out)

    assert store["provides"] == ["session-store"]
    assert (greeter["name"], greeter["plugin"], greeter["requires"]) == ("greeter", "shop.Greeter", ["session-store"])
    assert greeter["place"] == f"{tmp_path / 'shop.py'}:13"


def test_an_application_without_plugins_says_so(velo: Run, write: Write) -> None:
    write("shop.py", "from velo_core import Velo\napp = Velo()\n")

    assert velo("plugins", "shop").out == "The application uses no plugins.\n"
