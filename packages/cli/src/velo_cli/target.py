"""`package.module:app` or `path/to/file.py:app`: where the application is, and how it is loaded."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from velo_cli.errors import Failure, details, reason

if TYPE_CHECKING:  # velo_core is imported when the application is: the process that only watches over workers does without
    from velo_core import Velo

__all__ = ["Loaded", "Target"]

DEFAULT = "app"


@dataclass(frozen=True, slots=True)
class Loaded:
    """An application that is ready to start.

    Attributes:
        app: Frozen.
        label: Where it was found, `examples/hunt.py:app`.
    """

    app: Velo
    label: str


@dataclass(frozen=True, slots=True)
class Target:
    """What the user named. Any process can load it.

    Attributes:
        text: Module or file, as given.
        folder: Goes to the front of `sys.path`.
        module: Name under which it is imported.
        file: Loaded from here; by its name if `None`.
        attribute: With dots; to be found if `None`.
        factory: Whether the attribute is called for the application.
    """

    text: str
    folder: str
    module: str
    file: str | None
    attribute: str | None
    factory: bool

    @classmethod
    def parse(cls, text: str, *, factory: bool = False) -> Target:
        """The target that `text` names.

        Args:
            text: `package.module`, `package.module:attribute`, `file.py` or `file.py:attribute`.
            factory: Whether the attribute is a function that returns the application.

        Raises:
            Failure: it is neither, or there is no such file.
        """
        source, colon, attribute = text.rpartition(":")
        if not colon or not _is_dotted(attribute):  # also a drive, as in `C:\\shop.py`
            source, attribute = text, ""
        if source.endswith(".py") or "/" in source or os.sep in source:
            folder, module, file = _locate(source)
            return cls(source, folder, module, file, attribute or None, factory)
        if not _is_dotted(source):
            raise Failure(f"{text!r} names no application; write package.module:app or path/to/file.py:app")
        return cls(source, str(Path.cwd()), source, None, attribute or None, factory)

    def load(self) -> Loaded:
        """Imports the application, and freezes it.

        Raises:
            Failure: with what is wrong, be it the name or what the user's code raised.
        """
        from velo_core import SetupError

        label = f"{self.text}:{self.attribute}" if self.attribute else self.text
        try:
            module = self._import()
            attribute = self.attribute or _find_attribute(self.text, module, self.factory)
            label = f"{self.text}:{attribute}"
            app = self._application(module, attribute)
            app.freeze()
        except Failure:
            raise
        except SetupError as error:
            raise Failure(str(error), details(error), [(one.code, one.message) for one in error.problems]) from error
        except SystemExit as error:
            raise Failure(f"{label} ends the program while it is loaded: {reason(error)}", details(error)) from error
        except Exception as error:
            raise Failure(f"{label} cannot be loaded: {reason(error)}", details(error)) from error
        return Loaded(app, label)

    def _import(self) -> ModuleType:
        if self.folder not in sys.path[:1]:
            sys.path.insert(0, self.folder)
        if self.file is not None:
            return _import_file(self.module, self.file)
        try:
            return importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{self.module}.".startswith(f"{error.name}."):
                raise  # the module is there; what it imports is not
            file = Path(self.text.replace(".", "/") + ".py")
            hint = f"did you mean {file}?" if file.is_file() else f"looked in {self.folder} and among what is installed"
            raise Failure(f"there is no module {error.name!r}; {hint}", details(error)) from error

    def _application(self, module: ModuleType, attribute: str) -> Velo:
        from velo_core import Velo

        found: object = module
        for name in attribute.split("."):
            if not hasattr(found, name):
                raise Failure(f"{self.text} has no {attribute!r}; {_instances(module)}")
            found = getattr(found, name)
        label = f"{self.text}:{attribute}"
        if not self.factory:
            if isinstance(found, Velo):
                return found
            hint = "; give --factory if it returns the application" if callable(found) else ""
            raise Failure(f"{label} is {_described(found)}, not a Velo application{hint}")
        if isinstance(found, Velo) or not callable(found):
            raise Failure(f"{label} is {_described(found)}; --factory is for a function that returns the application")
        made = cast("Callable[[], object]", found)()
        if not isinstance(made, Velo):
            raise Failure(f"{label} returned {_described(made)}, not a Velo application")
        return made


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _locate(source: str) -> tuple[str, str, str | None]:
    """Folder for `sys.path`, name of the module, and the file to load it from.

    A file in a package is imported as part of it, from the folder that holds the outermost package: loaded on its own, its relative imports
    would fail, and what it shares with the package would exist twice.
    """
    path = Path(source).resolve()
    if not path.is_file():
        suffixed = Path(f"{source}.py")
        hint = f"; did you mean {suffixed}?" if suffixed.is_file() else ""
        raise Failure(f"{source} is a folder; name the file in it" if path.is_dir() else f"there is no file {source}{hint}")
    if path.suffix != ".py":
        raise Failure(f"{source} is not a Python file; its name must end in .py")
    folder, names = path.parent, [path.stem]
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        names.insert(0, folder.name)
        folder = folder.parent
    if len(names) == 1:
        return str(folder), path.stem, str(path)
    return str(folder), ".".join(names[:-1] if path.stem == "__init__" else names), None


def _import_file(name: str, file: str) -> ModuleType:
    if name in sys.modules or name in sys.stdlib_module_names:
        raise Failure(f"{Path(file).name} would take the place of the module {name!r} that Python or a library uses; rename the file")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Failure(f"{file} cannot be imported")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _find_attribute(text: str, module: ModuleType, factory: bool) -> str:
    """`app`, or the only application there is."""
    if hasattr(module, DEFAULT):
        return DEFAULT
    names = [] if factory else _names(module)
    if len(names) != 1:
        raise Failure(f"{text} has no {DEFAULT!r}; {_instances(module)}")
    return names[0]


def _names(module: ModuleType) -> list[str]:
    """Names of the module's applications, one for each."""
    from velo_core import Velo

    found = {id(value): name for name, value in reversed(vars(module).items()) if isinstance(value, Velo)}
    return list(reversed(found.values()))


def _instances(module: ModuleType) -> str:
    names = _names(module)
    return f"its applications are {', '.join(names)}" if names else "it has no Velo application"


def _described(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    name = getattr(value, "__qualname__", None)
    kind = type(value).__qualname__
    return f"the {kind} {name}" if name else f"an object of type {kind}"
