"""The project's files, as the house tests read them: modules with their import statements, and the files that git would
commit."""

import ast
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Import:
    """One import of one name: the module, if the name is a module, and the line."""

    module: str
    line: int
    top: bool
    """True if the statement is at the top of the file, and not in a function."""
    by_name: bool = False
    """True if the module is loaded later through `importlib`."""

    @property
    def package(self) -> str:
        """Returns the first part of the name."""
        return self.module.partition(".")[0]


@dataclass(frozen=True)
class Module:
    """One of the project's modules: dotted name, path from the root, docstring, imports."""

    name: str
    path: str
    doc: str
    imports: tuple[Import, ...]
    only_docstring: bool

    @property
    def package(self) -> str:
        """Returns the first part of the name."""
        return self.name.partition(".")[0]


@cache
def pyproject() -> dict[str, Any]:
    """Returns the content of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packages() -> tuple[str, ...]:
    """Returns our folders of the root, each with its sub-packages: the production packages and the simulator."""
    installed = pyproject()["tool"]["setuptools"]["packages"]
    return tuple(sorted({*(name for name in installed if "." not in name), "simulator"}))


@cache
def source(path: Path) -> str:
    """Returns the text of a file. The text is cached."""
    return path.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """Returns the syntax tree of a Python module. The tree is cached."""
    return ast.parse(source(path))


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Returns every module in these folders of the root."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    names = {_name(path) for path in paths}
    return tuple(_module(path, names) for path in paths)


def read_module(name: str, path: str, source: str, known: frozenset[str] = frozenset()) -> Module:
    """Returns a module, read from its source. `known` are the dotted names of the project's modules."""
    return _read(name, path, ast.parse(source), known)


def _read(name: str, path: str, tree: ast.Module, known: frozenset[str]) -> Module:
    nodes = list(ast.walk(tree))
    top = {id(node) for node in tree.body}
    imports = tuple(
        Import(module, node.lineno, id(node) in top)
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in _modules_of(node, known)
    )
    if any(one.module == "importlib" for one in imports):
        imports += tuple(
            Import(node.value, node.lineno, top=True, by_name=True)
            for node in nodes
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "." in node.value
            and node.value in known
        )
    only_docstring = len(tree.body) == 1 and ast.get_docstring(tree) is not None
    return Module(name, path, ast.get_docstring(tree) or "", imports, only_docstring)


def _module(path: Path, known: set[str]) -> Module:
    return _read(_name(path), str(path.relative_to(ROOT)), tree(path), frozenset(known))


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _modules_of(node: ast.Import | ast.ImportFrom, known: frozenset[str]) -> Iterator[str]:
    """Yields the modules that a statement imports. `from ops import values` imports ops.values if that is a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = "." * node.level + (node.module or "")
    for alias in node.names:
        yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base


@cache
def committed() -> tuple[Path, ...]:
    """Returns the files that git has, or would take with `git add --all`. In an unpacked archive, returns
    every file."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        hidden = {".venv", ".data", ".cache", ".git"}
        return tuple(p for p in sorted(ROOT.rglob("*")) if p.is_file() and not hidden & set(p.relative_to(ROOT).parts))
    command = [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603 - our own arguments
    return tuple(path for name in sorted(set(listed.stdout.split("\0"))) if name and (path := ROOT / name).is_file())
