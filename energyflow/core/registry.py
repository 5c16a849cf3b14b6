"""The one registry design: modules in order, each of which declares by name what it adds.

    MODULES = ("energyflow", "flow_policy", ...)                       one line a file, in the registry
    METHODS = {"flow_policy": Method("Flow Policy", FlowSettings)}     at the top of that file

What a module declares is needed where nothing is computed: to check a parameter file, to plan jobs, to name a line of a
figure. `declared` therefore evaluates the declaration alone, with the statements that it depends on, and imports
neither torch nor a simulator. What computes is imported by `implementation`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from energyflow.core.errors import UserError, nearest

T = TypeVar("T")
PACKAGE = "energyflow"
# Modules that import neither torch nor a simulator: they are imported as they are.
LIGHT = ("energyflow.config.", "energyflow.core.")
LIGHT_NAMES = (".registry", ".study")


class Registry(Mapping[str, T]):
    """Names of one kind, in the order of their modules: `registry[name]` is what the module declares."""

    def __init__(self, kind: str, package: str, constant: str, modules: tuple[str, ...]) -> None:
        """Say where the declarations are.

        Args:
            kind: what a name stands for, in messages: "method".
            package: of the modules.
            constant: name of the mapping that each module declares.
            modules: of the package, in the order in which readers meet the names.
        """
        self.kind, self.package, self.constant, self.modules = kind, package, constant, modules

    def _declarations(self) -> dict[str, tuple[str, T]]:
        found: dict[str, tuple[str, T]] = {}
        for module in (f"{self.package}.{name}" for name in self.modules):
            found |= {name: (module, fact) for name, fact in declared(module, self.constant).items()}
        return found

    def __iter__(self) -> Iterator[str]:
        """All names."""
        return iter(self._declarations())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._declarations())

    def __contains__(self, name: object) -> bool:
        """Whether there is such a name."""
        return name in self._declarations()

    def __getitem__(self, name: str) -> T:
        """What is declared of a name.

        Raises:
            UserError: there is no such name; the message suggests the nearest one.
        """
        return self._entry(name)[1]

    def module(self, name: str) -> str:
        """Module that declares a name; raises as `[]`."""
        return self._entry(name)[0]

    def _entry(self, name: str) -> tuple[str, T]:
        known = self._declarations()
        if name not in known:
            raise UserError(f"unknown {self.kind} '{name}'; {nearest(str(name), known)}")
        return known[name]


def implementation(where: str) -> Any:
    """Import `module:attribute`."""
    module, attribute = where.split(":")
    return getattr(import_module(module), attribute)


def source_file(module: str) -> Path:
    """File of a module of this package, found without importing it or its parents."""
    root = Path(__file__).parents[1]
    if not module.startswith(f"{PACKAGE}."):  # a user's own module, on Python's path
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise UserError(f"no module '{module}' on Python's path")
        return Path(spec.origin)
    path = root.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def declared(module: str, name: str) -> Any:
    """The value of a module's top-level name, computed without running the rest of the module.

    Only the statements that the name depends on are executed; names that come from other modules of this package are
    found in the same way, but for those of `LIGHT` modules, which are imported. A module that is imported already is
    simply asked. The classes found here are not those of the imported module: settings travel as plain values.

    Raises:
        UserError: the module declares no such name.
    """
    if module in sys.modules or module.startswith(LIGHT) or module.endswith(LIGHT_NAMES):
        return getattr(import_module(module), name)
    path = source_file(module)
    tree = ast.parse(path.read_text(), filename=str(path))
    makers = {made: statement for statement in tree.body for made in _made(statement)}
    if name not in makers:
        raise UserError(f"{path}: declares no {name}")
    scope, needed = _namespace(module), _slice(name, makers)
    for statement in (each for each in tree.body if needed & set(_made(each))):
        if isinstance(statement, ast.ImportFrom) and str(statement.module).startswith(f"{PACKAGE}."):
            for alias in (each for each in statement.names if (each.asname or each.name) in needed):
                vars(scope)[alias.asname or alias.name] = _imported(str(statement.module), alias.name)
        else:
            exec(compile(ast.Module([statement], []), str(path), "exec"), vars(scope))
    return getattr(scope, name)


class _Module:
    """A module of this package as `declared` sees it: its names are found when they are asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return declared(self._name, name)


def _imported(module: str, name: str) -> Any:
    """What `from module import name` binds."""
    return _Module(f"{module}.{name}") if source_file(f"{module}.{name}").is_file() else declared(module, name)


def _namespace(module: str) -> ModuleType:
    """A module of its own: pydantic looks annotations up in the module that a class says it is from."""
    scope = ModuleType(f"{module} (declared)")
    return sys.modules.setdefault(scope.__name__, scope)


def _made(statement: ast.stmt) -> list[str]:
    """Names that a top-level statement binds."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [
        node.id for target in targets if target is not None for node in ast.walk(target) if isinstance(node, ast.Name)
    ]


def _slice(name: str, makers: dict[str, ast.stmt]) -> set[str]:
    """The top-level names that a name depends on, itself and the module's `annotations` included."""
    seen = {"annotations"}
    todo = [name]
    while todo:
        current = todo.pop()
        if current in seen or current not in makers:
            continue
        seen.add(current)
        read = (node for node in ast.walk(makers[current]) if isinstance(node, ast.Name))
        todo += [node.id for node in read if isinstance(node.ctx, ast.Load)]
    return seen
