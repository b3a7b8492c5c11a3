"""Every Python block of the documentation runs.

The blocks of a page run in order and share one namespace, as a reader would type them; `assert` in them is welcome. A block that begins
with the line `# new file` starts over with an empty namespace. A block with a title (`python title="shop.py"`) is also written to the
current folder, so that a later block may `import shop`. What is not to be run is not Python: shell sessions are `console`, output is
`text`.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *ROOT.glob("README.md"), *sorted(ROOT.glob("packages/*/README.md"))]
LANGUAGES = {"console", "html", "http", "ini", "jinja", "json", "python", "text", "toml"}
OPENING = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<language>[^\s`]*)(?P<options>[^`]*)")
NEW_FILE = "# new file"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page.

    Attributes:
        line: Line number of the first line inside the fence.
        title: File name to write the block to, if it has one.
    """

    page: Path
    line: int
    language: str
    title: str | None
    source: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of `page`, also those inside lists and admonitions; the indentation of the fence is taken off."""
    lines = enumerate(page.read_text().splitlines(), 1)
    for number, text in lines:
        if not (opening := OPENING.fullmatch(text)):
            continue
        indent, fence = len(opening["indent"]), opening["fence"]
        inside: list[str] = []
        for _, line in lines:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                break
            inside.append(line[min(indent, len(line) - len(line.lstrip(" "))) :])
        else:
            raise SyntaxError(f"{page.relative_to(ROOT)}:{number}: this block is never closed")
        title = re.search(r'title="([^"]+)"', opening["options"])
        yield Block(page, number + 1, opening["language"], title and title[1], "\n".join(inside) + "\n")


def programs(page: Path) -> Iterator[list[Block]]:
    """The Python blocks of `page`, in groups that share a namespace."""
    program: list[Block] = []
    for block in blocks(page):
        if block.language != "python":
            continue
        if block.source.startswith(NEW_FILE) and program:
            yield program
            program = []
        program.append(block)
    if program:
        yield program


@pytest.mark.parametrize("program", [pytest.param(program, id=str(program[0])) for page in PAGES for program in programs(page)])
def test_the_python_blocks_run(program: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder; a traceback points at the line of the page."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    module = ModuleType("documentation")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    try:
        for block in program:
            run(block, module)
    finally:
        for name in sys.modules.keys() - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[name]


def run(block: Block, module: ModuleType) -> None:
    """Run one block in `module`, numbered like the page it stands on."""
    if block.title:
        Path(block.title).parent.mkdir(parents=True, exist_ok=True)
        Path(block.title).write_text(block.source)
    numbered = "\n" * (block.line - 1) + block.source
    exec(compile(numbered, str(block.page), "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the documentation is our own


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_it_is(page: Path) -> None:
    """A language that is tested here or is data: a `bash` or `py` block would be neither run nor noticed."""
    unknown = [f"{block}: {block.language or 'no language'}" for block in blocks(page) if block.language not in LANGUAGES]

    assert unknown == []


def test_the_navigation_has_every_page_once() -> None:
    """Neither a page that no reader can find nor an entry without a page, which the site builder both let pass."""

    def entries(section: list[dict[str, Any]]) -> Iterator[str]:
        for target in (target for item in section for target in item.values()):
            yield from [target] if isinstance(target, str) else entries(target)

    configuration = tomllib.loads((ROOT / "zensical.toml").read_text())

    assert sorted(entries(configuration["project"]["nav"])) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", sorted({*PAGES, *ROOT.glob("*.md")}), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    """Images and the pages outside docs/, which the site builder does not look at, included."""
    prose = re.sub(r"^ *(```|~~~).*?^ *\1$|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets: list[str] = re.findall(r"\]\(([^)#\s]+)", prose)
    broken = [target for target in targets if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists()]

    assert broken == []


def test_a_failure_names_the_line_of_the_page(tmp_path: Path) -> None:
    """The runner itself: an error in the second block of a page is an error at that line of that page."""
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nx = 1\n```\n\n* text\n\n  ```python\n  y = x\n  raise LookupError\n  ```\n")
    module = ModuleType("documentation")
    first, second = blocks(page)
    run(first, module)

    with pytest.raises(LookupError) as raised:
        run(second, module)

    assert (str(raised.traceback[-1].path), raised.traceback[-1].lineno + 1) == (str(page), 11)
