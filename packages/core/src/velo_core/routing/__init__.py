"""Finding what serves a path: pure algorithms that know nothing of handlers, requests or plans.

converters   the text of one place in a path -> a value, and back
pattern      `/users/{id:int}` -> segments; values -> a path
tree         patterns merged by their segments, searched from the most specific one on
table        what runs: static paths, the tree, `HEAD`, `OPTIONS`, 404, 405 and the trailing slash
"""

from velo_core.routing.converters import CATCH_ALL, CONVERTERS, NO_MATCH, STRING, TYPED, Converter, NoMatch, RegexConverter
from velo_core.routing.pattern import Parameter, PathBuildError, Pattern, Segment, join, parse
from velo_core.routing.table import Fallback, Row, Table
from velo_core.routing.tree import Clash, Tree
from velo_core.types import WEBSOCKET, TrailingSlash

__all__ = [
    "CATCH_ALL",
    "CONVERTERS",
    "NO_MATCH",
    "STRING",
    "TYPED",
    "WEBSOCKET",
    "Clash",
    "Converter",
    "Fallback",
    "NoMatch",
    "Parameter",
    "PathBuildError",
    "Pattern",
    "RegexConverter",
    "Row",
    "Segment",
    "Table",
    "TrailingSlash",
    "Tree",
    "join",
    "parse",
]
