"""What servers import: `velo_wsgi` is the application of `velo` for "wsgi"."""

from typing import Any

from benchmarks.contenders import application


def __getattr__(name: str) -> Any:
    contender, _, kind = name.partition("_")
    if kind == "":
        raise AttributeError(name)
    return application(contender, kind, 0)
