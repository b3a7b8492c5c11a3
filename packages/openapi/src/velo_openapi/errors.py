"""What this package raises when it is set up wrongly.

| code                    | meaning                                                                        |
|-------------------------|--------------------------------------------------------------------------------|
| `OPENAPI_OPTION`        | an option of `OpenAPI` or `operation` cannot be                                |
| `OPENAPI_COMPONENT`     | two contributions, or two classes in a type, have one name                     |
| `OPENAPI_CONTRIBUTION`  | a dependency says what it adds, but not as an `OpenAPIContribution`            |
| `OPENAPI_OPERATION_ID`  | two operations were given one id                                               |
| `OPENAPI_OPERATION`     | an operation cannot be described                                               |
| `OPENAPI_SCHEMA`        | a type has no schema                                                           |
| `OPENAPI_VALUE`         | what is said in options or contributions has no form in JSON                   |
| `OPENAPI_WEBHOOK`       | a route of `webhooks` is wrong                                                 |
"""

from __future__ import annotations

from collections.abc import Sequence

from velo_core import Problem

__all__ = ["OpenAPIError"]


class OpenAPIError(ValueError):
    """A document that cannot be made as it was asked for.

    Args:
        code: Stable, one of those in this module's docstring.
        message: What is wrong, where, and what to do.
        problems: Given instead, if there are several: all that is wrong. The code is that of the first.
    """

    def __init__(self, code: str, message: str = "", *, problems: Sequence[Problem] = ()) -> None:
        self.code = code
        self.problems: tuple[Problem, ...] = tuple(problems) or (Problem(code, message),)
        super().__init__("\n".join(f"{one.message} [{one.code}]" for one in self.problems))

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> OpenAPIError:
        """One error for all of them; there must be one."""
        return cls(problems[0].code, problems=problems)
