"""Tests which package may import which. The table is the architecture: change a line only on purpose. Imports for
types count too."""

import re
import sys
from collections.abc import Iterator

import pytest

from app.cli import COMMANDS
from tests.house.sources import ROOT, Import, Module, modules, packages, pyproject, read_module, source

OURS: dict[str, tuple[str, ...]] = {
    "domain": (),
    "ops": ("domain.finding", "domain.moment", "domain.secret"),
    "webhook": ("domain", "ops.access_log", "ops.metrics"),
    "cache": ("domain", "ops.metrics"),
    "graph_client": ("domain", "ops.metrics"),
    "api": ("domain",),
    "simulator": ("domain", "webhook.signature"),
    "client": (),
    "console": (),
    "app": ("api", "cache", "client", "console", "domain", "graph_client", "ops", "simulator", "webhook"),
}
"""The packages, or single modules, of this project that a package may import beside itself. No package imports
`app`."""

THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "starlette": (
        "api",
        "app",
        "console.routes",
        "ops.hooks",
        "ops.middleware",
        "ops.routes",
        "ops.tracing",
        "simulator.graph",
        "webhook.callbacks",
        "simulator.graph_media",
    ),
    "redis": ("cache",),
    "hiredis": ("cache.server.exchange",),
    "httpx2": ("app.receipt_command", "app.remote", "app.supervisor", "ops.outside", "simulator.sender"),
    "httpcore2": ("graph_client.client",),
    "cryptography": ("cache.keyring", "cache.purging.receipt_signature", "cache.sealing", "cache.messages.vault"),
    "prometheus_client": ("ops.loop_collector", "ops.metrics", "ops.routes", "ops.totals"),
    "structlog": ("api", "app", "cache", "graph_client", "ops", "webhook"),
    "orjson": ("api", "app", "cache", "graph_client", "ops", "simulator.graph", "webhook"),
    "opentelemetry": ("ops.tracing",),
    "phonenumbers": ("api.phone_plans",),
    "pydantic": ("api",),
    "pydantic_core": ("api.openapi",),
    "jwt": ("api.auth", "api.token_keys", "cache.purging.receipt_signature"),
    "zstandard": ("api.compression", "cache.codec"),
    "click": (
        "app.audit_command",
        "app.backup_commands",
        *(
            "app.cli",
            "app.doctor_command",
            "app.env_command",
            "app.export_command",
            "app.receipt_command",
            "app.run_command",
        ),
        *("app.serve_command", "app.settings_command", "app.simulate_command", "app.store_commands"),
        *("app.token_command", "app.where"),
    ),
    "httptools": ("app.edge_connection",),
    "uvicorn": (
        *(
            "app.asgi_connection",
            "app.delivery_connection",
            "app.edge_connection",
            "app.process",
            "app.public_server",
            "app.server",
        ),
        "app.worker",
    ),
    "uvloop": ("app.server",),
}
"""The modules that may import a library. No module may import a library that is not listed. `domain` imports none."""

PURE = (
    *("api.models", "api.openapi", "api.params"),
    *("cache.codec", "cache.cursors", "cache.keys"),
    *("ops.meters", "ops.redact", "ops.traces", "ops.values"),
    *("webhook.changes", "webhook.facts", "webhook.handshake", "webhook.messaging"),
    *("webhook.normalize", "webhook.signature", "webhook.values"),
)
"""Modules that must be pure even if their docstring does not say so. All modules of `domain` must be pure too, and so
must every module whose docstring begins with "Pure" or says it in its first line."""

IMPURE = {
    *(
        "asyncio",
        "concurrent",
        "fcntl",
        "http",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "secrets",
        "select",
        "shutil",
    ),
    *("signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib.request"),
    *(
        "click",
        "hiredis",
        "httptools",
        "httpcore2",
        "httpx2",
        "prometheus_client",
        "redis",
        "starlette",
        "structlog",
        "uvicorn",
        "uvloop",
    ),
}
"""Modules that do I/O, read the clock, wait, or draw random values."""


def ours() -> tuple[Module, ...]:
    """Returns every module of the project. The modules are read at the first test that needs them, and not while tests
    are collected."""
    return modules(*packages())


def within(name: str, allowed: tuple[str, ...]) -> bool:
    """Returns True if a module is one of these modules or in one of these packages."""
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


def is_pure(module: Module) -> bool:
    first = module.doc.partition("\n")[0]
    return module.package == "domain" or module.name in PURE or first.startswith("Pure") or first.endswith(" Pure.")


def imports_of(module: Module) -> Iterator[tuple[str, Import]]:
    """Yields the imports, each with its place."""
    for one in module.imports:
        yield f"{module.path}:{one.line} imports {one.module}", one


def refused(module: Module) -> list[str]:
    """Returns the imports that the tables do not allow."""
    found = []
    for place, one in imports_of(module):
        if one.package in OURS:
            if one.package != module.package and not within(one.module, OURS[module.package]):
                found.append(place)
        elif one.package in sys.stdlib_module_names:
            continue
        elif not within(module.name, THIRD_PARTY.get(one.package, ())):
            found.append(place)
        if one.module.startswith("."):
            found.append(f"{place}: relative")
    return found


def impurities(module: Module) -> list[str]:
    """Returns the imports that a pure module must not have."""
    return [place for place, one in imports_of(module) if within(one.module, tuple(IMPURE))]


def test_every_package_is_in_the_table() -> None:
    """The table names no other package."""
    assert set(OURS) == set(packages())


def test_a_module_imports_only_packages_that_the_table_allows() -> None:
    """The rule holds for our packages and for libraries."""
    assert [place for module in ours() for place in refused(module)] == []


def test_a_pure_module_imports_no_impure_module() -> None:
    """Clock, waiting and randomness are arguments."""
    assert [place for module in ours() if is_pure(module) for place in impurities(module)] == []


def test_every_module_in_the_list_of_pure_modules_exists() -> None:
    """Without this check, a renamed module would no longer be tested as pure."""
    assert set(PURE) <= {module.name for module in ours()}


LOADED_LATER: dict[str, set[str]] = {
    "api.docs": {"api.docs_page", "api.openapi"},
    "api.phone_plans": {"phonenumbers"},
    "app.serve_command": {"app.factory", "app.process", "app.supervisor"},
    "graph_client.client": {"httpcore2"},
}
"""The modules that import something inside a function, so that a start does not load it."""


def test_imports_inside_a_function_are_in_the_table() -> None:
    """All other imports are at the top of their module."""
    found = {m.name: {one.module for one in m.imports if not (one.top or one.by_name)} for m in ours()}
    assert {name: loaded for name, loaded in found.items() if loaded} == LOADED_LATER


LOADED_BY_NAME: dict[str, tuple[str, ...]] = {
    "app.start": ("app.cli",),
    "app.cli": tuple(sorted(set(COMMANDS.values()))),
    "ops.tracing_switch": ("ops.tracing",),
}
"""The modules that load another module through `importlib` when it is needed."""


def test_modules_are_loaded_by_name_only_where_the_table_says_so() -> None:
    """A command's module is loaded when the command is called, and tracing when it is switched on."""
    found = {m.name: tuple(sorted({one.module for one in m.imports if one.by_name})) for m in ours()}
    assert {name: loaded for name, loaded in found.items() if loaded} == LOADED_BY_NAME


def test_the_installed_package_does_not_contain_the_simulator() -> None:
    """The wheel does not have the simulator's package. Only two modules of `app` import the simulator."""
    assert "simulator" not in pyproject()["tool"]["setuptools"]["packages"]
    importers = {
        m.name for m in ours() if m.package != "simulator" and any(i.package == "simulator" for i in m.imports)
    }
    assert importers == {"app.demo", "app.simulate_command"}


def test_no_other_package_imports_the_application() -> None:
    """`app` connects all packages, so no other package may depend on it."""
    others = [module for module in ours() if module.package != "app"]
    assert [place for m in others for place, one in imports_of(m) if one.package == "app"] == []


def test_no_installed_module_imports_a_test() -> None:
    """The bench imports no test, and the installed package does not import itself by another name."""
    strangers = {"tests", "bench"}
    assert [place for m in ours() for place, one in imports_of(m) if one.package in strangers] == []


def test_an_init_is_a_docstring() -> None:
    """Importing a package runs nothing, so importing one module does not import its neighbours."""
    inits = [module for module in ours() if module.path.endswith("__init__.py")]
    assert {module.name for module in inits} == {*pyproject()["tool"]["setuptools"]["packages"], "simulator"}
    assert [module.path for module in inits if not module.only_docstring] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """A circle may have any number of modules, and may go through `importlib`."""
    graph = {module.name: sorted({i.module for i in module.imports if i.package in OURS}) for module in ours()}
    assert circle(graph) == []


_IMPORTED_SCRIPT = re.compile(r"""\b(?:from|import)\s*\(?\s*["'`]\./([\w-]+\.js)["'`]""")
"""Finds the modules of the same folder that a JavaScript module imports, exports again or loads later."""


def test_no_modules_of_the_console_import_each_other_in_a_circle() -> None:
    """A circle is refused even if a module of it is loaded later or exported again. Each module imports only names that
    exist."""
    paths = [*(ROOT / "console" / "js").glob("*.js"), ROOT / "client" / "page-inbox.js"]
    scripts = {path.name: path.read_text(encoding="utf-8") for path in paths}
    graph = {name: _IMPORTED_SCRIPT.findall(source) for name, source in scripts.items()}
    assert graph["page-inbox.js"] == []
    assert circle(graph) == []
    assert {name for imported in graph.values() for name in imported} <= set(scripts)
    assert set(scripts) - {name for imported in graph.values() for name in imported} == {"main.js", "early.js"}


def test_the_client_is_the_only_module_of_the_console_that_calls_the_service() -> None:
    """The client itself imports nothing."""
    scripts = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "console" / "js").glob("*.js")}
    calls = re.compile(r"(?:await|return|=) fetch\(|EventSource|XMLHttpRequest|WebSocket|sendBeacon")
    assert {name for name, source in scripts.items() if calls.search(source)} <= {"words.js"}
    client = (ROOT / "client" / "page-inbox.js").read_text(encoding="utf-8")
    assert not re.search(r"^\s*import\b|\bimport\(|\brequire\(|^export .* from ", client, re.MULTILINE)


def test_every_module_has_a_docstring() -> None:
    """The docstring comes first and has one sentence or more."""
    paths = [path for folder in (*packages(), "tests", "bench") for path in sorted((ROOT / folder).rglob("*.py"))]
    assert [str(path) for path in paths if not re.match(r'r?"""[^"]{10}', source(path))] == []


def test_every_library_that_is_allowed_is_used() -> None:
    """The table has no permission that is not used."""
    used = {one.package for module in ours() for one in module.imports}
    assert set(THIRD_PARTY) - used == set()


def circle(graph: dict[str, list[str]]) -> list[str]:
    """Returns the modules of one circle, or an empty list."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for following in graph.get(name, []):
            if found := walk(following, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in graph if (found := walk(name, []))), [])


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("domain.shop", "import orjson"),
        ("domain.shop", "from ops.metrics import Metrics"),
        ("ops.health", "from domain.ids import ShopId"),
        ("ops.logs", "from prometheus_client import Counter"),
        ("webhook.receiver", "import redis.asyncio"),
        ("webhook.receiver", "from cache import keys"),
        ("webhook.receiver", "def f():\n    import redis"),
        ("webhook.receiver", "if TYPE_CHECKING:\n    from cache.keys import ShopKeys"),
        ("cache.messages.reader", "from webhook.signature import sign"),
        ("cache.messages.reader", "from .keys import ShopKeys"),
        ("api.messages", "from cache.messages.reader import Reader"),
        ("api.messages", "from app.wiring import Services"),
        ("simulator.plan", "import httpx2"),
        ("simulator.plan", "from webhook.normalize import normalize"),
        ("app.demo", "import httpx2"),
        ("app.cli", "import requests"),
    ],
)
def test_the_tables_refuse_forbidden_imports(name: str, source: str) -> None:
    """The test gives the rules imports that they must refuse."""
    module = read_module(name, "x.py", source, frozenset({"cache.keys"}))
    assert refused(module)


def test_the_other_rules_find_impure_imports_circles_and_code_in_an_init() -> None:
    """The rules are about impure modules, circles, and code in an `__init__`."""
    assert impurities(read_module("domain.x", "x.py", "import time"))
    assert impurities(read_module("domain.x", "x.py", "from urllib import request", frozenset({"urllib.request"})))
    assert not impurities(read_module("domain.x", "x.py", "from urllib.parse import quote"))
    by_name = 'import importlib\nTABLE = {"x": "a.b"}\nimportlib.import_module("ops.tracing")'
    read = read_module("ops.x", "x.py", by_name, frozenset({"a.b", "ops.tracing"}))
    assert {one.module for one in read.imports} == {"importlib", "a.b", "ops.tracing"}
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    scripts = """import { a } from "./a.js"; export * from './b.js';
        const c = await import(`./c.js`); import "./d.js"; import x from "https://e.js"; from "./f.css" """
    assert _IMPORTED_SCRIPT.findall(scripts) == ["a.js", "b.js", "c.js", "d.js"]
    assert circle({"a": ["b", "c"], "b": ["c"], "c": []}) == []
    assert not read_module("x", "x.py", '"""A docstring."""\nX = 1').only_docstring
    assert (ROOT / "pyproject.toml").is_file()
