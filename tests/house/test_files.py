"""Files that belong in the repository, and files that do not."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from cache import scripts
from cache.server.connection import Script
from tests.house.sources import ROOT, committed, modules, packages, pyproject, source, tree

NEIGHBOURS = ("../" + "shared", "." + "library", "/work" + "/")
"""Parts that are joined here, so that this file does not contain the text itself."""

INDEXES = re.compile(
    "--(extra-)?index" + "-url|--find" + "-links|--trusted" + "-host|^-[if] |/sim" + r"""ple[/"'\s]|"""
    r"(pypi|pythonhosted|npmjs|yarnpkg|debian)\.(org|com)",
    re.MULTILINE,
)
"""The addresses of package indexes. No file may contain them, because the installing machine chooses its index."""

TEXTS = {".py", ".lua", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".cfg", ".js", ".mjs", ".html", ".css", ""}


@cache
def texts() -> dict[str, str]:
    """Returns every committed text by its path from the root."""
    return {
        str(path.relative_to(ROOT)): source(path)
        for path in committed()
        if path.suffix in TEXTS and path.name != "record.dict"
    }


def test_no_file_refers_to_folders_outside_the_repository() -> None:
    """A clone on another machine does not have the folders beside this one."""
    wrong = [name for name, text in texts().items() if any(place in text for place in NEIGHBOURS)]
    assert wrong == []


def test_no_file_names_a_package_index() -> None:
    """A requirement has a name, a version and hashes."""
    found = {name: match.group() for name, text in texts().items() if (match := INDEXES.search(text))}
    assert found == {}
    assert "emit-index" + "-url" not in texts()["Makefile"], "what makes them leaves the addresses out unless asked"


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_every_requirement_is_locked_by_a_hash(path: Path) -> None:
    """Each lock depends only on version and platform."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    form = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+\s*")
    assert lines
    assert [line[:60] for line in lines if not form.fullmatch(line)] == []


def test_every_lua_script_has_a_name_in_python_and_every_name_has_a_script() -> None:
    """A script without a caller is dead code. A name without a file fails at import."""
    files = {path.stem for path in (ROOT / "cache" / "scripts").glob("*.lua")}
    named = {name.lower() for name, value in vars(scripts).items() if isinstance(value, Script)}
    assert named == files


def test_every_name_of_a_script_is_used() -> None:
    """The use is outside the module that defines the name."""
    used = {
        alias.name
        for module in modules("cache")
        for node in ast.walk(tree(ROOT / module.path))
        if isinstance(node, ast.ImportFrom) and node.module == "cache.scripts"
        for alias in node.names
    }
    named = {name for name, value in vars(scripts).items() if isinstance(value, Script)}
    assert named == used


def test_shared_blocks_of_scripts_are_used_and_not_repeated() -> None:
    """Each block of the prelude is used. No script writes a prefix of a key or a position in a record itself."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "cache" / "scripts").glob("*.lua")}
    uses = {
        name
        for text in texts.values()
        for line in re.findall(r"^-- USES: (.*)$", text, re.MULTILINE)
        for name in line.split(", ")
    }
    blocks = re.findall(r"^--- (\w+)$", (ROOT / "cache" / "prelude.lua").read_text(encoding="utf-8"), re.MULTILINE)
    assert uses == set(blocks)
    again = re.compile(r"'[a-z]:'|sub\([a-z]+, \d+, [2-9]|'TIME'")
    assert {name: again.findall(text) for name, text in texts.items() if again.search(text)} == {}


@pytest.mark.parametrize("path", sorted((ROOT / "cache" / "scripts").glob("*.lua")), ids=lambda path: path.stem)
def test_a_script_describes_its_keys_arguments_and_reply(path: Path) -> None:
    """After the line with its flags, a script describes its work, keys, arguments and reply."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"#!lua( flags=[a-z,-]+)?", lines[0])
    head = []
    for line in lines[1:]:
        if not line.startswith("--"):
            break
        head.append(line)
    told = "\n".join(head)
    assert all(word in told for word in ("KEYS:", "ARGV:", "Reply:"))


def test_pyproject_lists_every_package_folder() -> None:
    """The list is explicit, so that tests and the bench are never installed. The list is complete."""
    listed = pyproject()["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT) for top in packages() for path in (ROOT / top).rglob("__init__.py")}
    folders.discard(Path("simulator"))  # it is a separate package: simulator/pyproject.toml
    top = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert set(packages()) == top
    assert listed == sorted(".".join(folder.parts) for folder in folders)


@pytest.mark.parametrize("package", ["graph_client", "simulator"])
def test_a_large_package_names_each_of_its_modules(package: str) -> None:
    """The docstring of the package shows a newcomer which module to open."""
    listed = set(re.findall(r"`(\w+)`", source(ROOT / package / "__init__.py")))
    assert listed == {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}


def test_the_tools_look_at_every_package() -> None:
    """mypy also checks the tests and the benchmarks."""
    tools = pyproject()["tool"]
    assert set(tools["mypy"]["packages"]) == {*packages(), "tests", "bench", "docs"}
    assert set(tools["vulture"]["paths"]) == set(packages())


def test_other_files_of_a_package_are_installed_with_it() -> None:
    """Scripts and the dictionary are read from the installed package."""
    data = pyproject()["tool"]["setuptools"]["package-data"]
    others = {
        (name.parts[0], str(name.relative_to(name.parts[0])))
        for path in committed()
        if (name := path.relative_to(ROOT)).parts[0] in packages()
        and path.suffix != ".py"
        and path.name != "pyproject.toml"
    }
    left = [(package, file) for package, file in others if not _matches(file, data.get(package, []))]
    assert left == []


def _matches(file: str, patterns: list[str]) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]*"), file) for pattern in patterns)


def test_the_repository_contains_no_secret() -> None:
    """The repository has no private key and no text in the form of a token of Facebook."""
    marks = ("-----BEGIN " + "PRIVATE", "-----BEGIN RSA " + "PRIVATE", "EA" + "ACE", "gh" + "p_")
    assert [name for name, text in texts().items() if any(mark in text for mark in marks)] == []
