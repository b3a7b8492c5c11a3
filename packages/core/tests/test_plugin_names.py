"""Plugins installed by their names."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from plugin_making import plugin, problems_of

from velo_core import Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


MODULE = """
from velo_core import Manifest, Plugin, Router

class Shouter(Plugin):
    manifest = Manifest(name="shouter", provides=("noise",))

    def __init__(self, *, times: int = 1) -> None:
        if times < 1:
            raise ValueError("at least once")
        self.times = times

    def install(self, router: Router) -> None:
        router.get("/shout")(self.shout)

    async def shout(self) -> str:
        return "HEY" * self.times

def not_a_plugin() -> str:
    return "text"
"""


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a distribution with entry points, as pip would: a package and its dist-info in a folder of `sys.path`."""

    def install(name: str, entry_points: dict[str, str], code: str = MODULE) -> None:
        folder = tmp_path / name
        module = name.replace("-", "_")
        (folder / f"{module}-1.0.dist-info").mkdir(parents=True)
        (folder / f"{module}.py").write_text(code)
        (folder / f"{module}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{entry} = {target}\n" for entry, target in entry_points.items())
        (folder / f"{module}-1.0.dist-info" / "entry_points.txt").write_text(f"[velo.plugins]\n{lines}")
        monkeypatch.syspath_prepend(str(folder))  # pyright: ignore[reportUnknownMemberType]: pytest leaves its argument untyped
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def test_a_plugin_is_found_by_name_and_gets_its_options(serve: Serve, distribution: Callable[..., None]) -> None:
    distribution("velo-test-shouter", {"shouter": "velo_test_shouter:Shouter"})
    app = Velo()
    app.install("shouter", times=3)

    assert serve(app).get("/shout").text == "HEYHEYHEY"


def test_a_distribution_that_is_only_there_enables_nothing(distribution: Callable[..., None]) -> None:
    distribution("velo-test-idle", {"idle": "velo_test_idle:Shouter"}, "raise RuntimeError('imported')")
    app = Velo()
    app.freeze()

    assert app.plugins == ()
    assert "velo_test_idle" not in sys.modules


def test_a_name_meets_requirements_and_clashes_like_an_instance(distribution: Callable[..., None]) -> None:
    distribution("velo-test-shouter", {"shouter": "velo_test_shouter:Shouter"})
    app = Velo()
    app.install(plugin("neighbour", after=["noise"]))
    app.install("shouter")
    assert [ready.manifest.name for ready in app.plugins] == ["shouter", "neighbour"]

    app = Velo()
    app.install("shouter")
    app.install("shouter", times=2)
    assert [problem.code for problem in problems_of(app)] == ["VELO_PLUGIN_DUPLICATE"]


def test_a_name_that_nothing_offers_is_reported_with_those_that_are_there(distribution: Callable[..., None]) -> None:
    distribution("velo-test-shouter", {"shouter": "velo_test_shouter:Shouter"})
    app = Velo()
    app.install("shooter")
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_UNKNOWN"
    assert "no installed distribution offers the plugin 'shooter' (" in problem.message
    assert "test_plugin_names.py:" in problem.message
    assert "shouter" in problem.message.partition("installed are:")[2]
    assert "pip install velo-shooter" in problem.message


def test_a_name_that_two_distributions_offer_is_reported_with_both(distribution: Callable[..., None]) -> None:
    distribution("velo-test-one", {"shouter": "velo_test_one:Shouter"})
    distribution("velo-test-two", {"shouter": "velo_test_two:Shouter"})
    app = Velo()
    app.install("shouter")
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_AMBIGUOUS"
    assert "velo-test-one and velo-test-two" in problem.message
    assert "test_plugin_names.py:" in problem.message


@pytest.mark.parametrize(
    ("entry", "options", "code", "text"),
    [
        ("velo_test_odd:Shouter", {"volume": 11}, "VELO_PLUGIN_OPTIONS", "has no option 'volume'"),
        ("velo_test_odd:Shouter", {"times": 0}, "VELO_PLUGIN_OPTIONS", "ValueError: at least once"),
        ("velo_test_odd:Missing", {}, "VELO_PLUGIN_LOAD", "has no attribute 'Missing'"),
        ("velo_test_nowhere:Shouter", {}, "VELO_PLUGIN_LOAD", "No module named 'velo_test_nowhere'"),
        ("velo_test_odd:not_a_plugin", {}, "VELO_PLUGIN_INVALID", "str"),
    ],
    ids=["unknown option", "refused option", "no such class", "no such module", "no plugin"],
)
def test_a_name_that_does_not_lead_to_a_plugin_is_reported(
    distribution: Callable[..., None], entry: str, options: dict[str, object], code: str, text: str
) -> None:
    distribution("velo-test-odd", {"odd": entry})
    app = Velo()
    app.install("odd", **options)
    (problem,) = problems_of(app)

    assert problem.code == code
    assert text in problem.message
    assert "test_plugin_names.py:" in problem.message
