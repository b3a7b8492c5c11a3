"""OpenAPI documents for Velo, made of the bindings that run the requests."""

from __future__ import annotations

from velo_openapi.document import Document, build
from velo_openapi.errors import OpenAPIError
from velo_openapi.options import DocumentOptions, OperationOptions, operation
from velo_openapi.plugin import OpenAPI

__version__ = "0.1.0"

__all__ = ["Document", "DocumentOptions", "OpenAPI", "OpenAPIError", "OperationOptions", "build", "operation"]
