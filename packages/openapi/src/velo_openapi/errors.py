"""What this package raises when it is set up wrongly.

| code                    | meaning                                                                        |
|-------------------------|--------------------------------------------------------------------------------|
| `OPENAPI_OPTION`        | an option of `OpenAPI` or `operation` cannot be                                |
| `OPENAPI_COMPONENT`     | two contributions, or two classes in a type, have one name                     |
| `OPENAPI_OPERATION_ID`  | two operations were given one id                                               |
| `OPENAPI_VALUE`         | what is said in options or contributions has no form in JSON                   |
"""

from __future__ import annotations

__all__ = ["OpenAPIError"]


class OpenAPIError(ValueError):
    """A document that cannot be made as it was asked for.

    Args:
        code: Stable, one of those in this module's docstring.
        message: What is wrong, where, and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"{message} [{code}]")
