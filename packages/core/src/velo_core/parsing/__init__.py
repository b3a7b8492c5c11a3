"""Parsers and formatters of what stands in a request target and in header fields.

Pure functions over `str`, standard library only. Each is linear in its input and bounded; what a peer sends never makes one raise
unless its documentation says so. The formatters raise `ValueError` instead of writing what could be read as something else.
"""

from velo_core.parsing.accept import AcceptItem, best_match, parse_accept
from velo_core.parsing.cookies import SameSite, format_set_cookie, parse_cookies
from velo_core.parsing.dates import format_http_date, parse_http_date
from velo_core.parsing.disposition import content_disposition
from velo_core.parsing.etags import Etags, format_etag, parse_etags
from velo_core.parsing.forwarded import parse_forwarded, parse_node
from velo_core.parsing.host import parse_host
from velo_core.parsing.media import MediaType, parse_media_type
from velo_core.parsing.origin import Origin, parse_origin
from velo_core.parsing.percent import percent_decode
from velo_core.parsing.preconditions import FindAll, Outcome, evaluate, range_applies
from velo_core.parsing.query import QueryParams, last_values, parse_query
from velo_core.parsing.ranges import Unsatisfiable, parse_range

__all__ = [
    "AcceptItem",
    "Etags",
    "FindAll",
    "MediaType",
    "Origin",
    "Outcome",
    "QueryParams",
    "SameSite",
    "Unsatisfiable",
    "best_match",
    "content_disposition",
    "evaluate",
    "format_etag",
    "format_http_date",
    "format_set_cookie",
    "last_values",
    "parse_accept",
    "parse_cookies",
    "parse_etags",
    "parse_forwarded",
    "parse_host",
    "parse_http_date",
    "parse_media_type",
    "parse_node",
    "parse_origin",
    "parse_query",
    "parse_range",
    "percent_decode",
    "range_applies",
]
