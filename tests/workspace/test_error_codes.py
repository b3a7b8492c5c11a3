"""Each code is explained in docs/errors.md, and each code that is explained there can be met.

Codes are what users match on and search for, so a new one without a word about it, and a word about one that is gone, are mistakes.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "errors.md"
CODE = re.compile(r"(VELO|OPENAPI)(_[A-Z]+)+")


def codes_in(source: Path) -> set[str]:
    """The codes in a file: string literals that are a code and nothing else, so what docstrings and messages say of one does not count."""
    texts = (node.value for node in ast.walk(ast.parse(source.read_text(), source)) if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str) and CODE.fullmatch(text)}


def explained() -> set[str]:
    """The codes that a page of documentation names as code."""
    return {text for text in re.findall(r"`(\w+)`", PAGE.read_text()) if CODE.fullmatch(text)}


def raised() -> set[str]:
    """The codes in what is published."""
    return {code for source in ROOT.glob("packages/*/src/**/*.py") for code in codes_in(source)}


def test_every_code_is_explained() -> None:
    assert sorted(raised() - explained()) == []


def test_every_explained_code_exists() -> None:
    assert sorted(explained() - raised()) == []


def test_every_code_says_what_to_do() -> None:
    """In the tables whose rows begin with a code: what it means, and what to do about it."""
    lines = re.findall(r"^\| `[A-Z]+_.*\|$", PAGE.read_text(), re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    incomplete = [row[0] for row in rows if len(row) != 3 or not all(row)]

    assert rows
    assert incomplete == []
