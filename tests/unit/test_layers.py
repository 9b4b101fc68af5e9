"""Each module imports only modules above it, and foreign technology stays where it belongs."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import asok.errors

PACKAGE = Path(asok.errors.__file__).parent

# Read downwards: a module may import those before it. A new module takes its place here.
LAYERS = (
    # words
    "asok.errors",
    "asok.settings",
    "asok.journal",
    "asok.underneath",
    "asok.timing",
    "asok.inside",
    "asok.forks",
    # pure
    "asok.shape",
    "asok.duplicating",
    "asok.entered",
    "asok.carried",
    "asok.targets",
    "asok.protocol",
    "asok.diff",
    "asok.calls",
    "asok.attributes",
    "asok.spelling",
    "asok.roundtrip",
    "asok.fields",
    "asok.declaring",
    "asok.links",
    "asok.scoping",
    "asok.ticks",
    "asok.charts",
    "asok.markup",
    "asok.addresses",
    "asok.form_html",
    "asok.paths",
    "asok.form_words",
    "asok.form_shapes",
    "asok.form_values",
    "asok.form_checks",
    "asok.form_adapters",
    "asok.form_views",
    "asok.forms",
    "asok.frozen",
    "asok.trees",
    "asok.fitting",
    "asok.access",
    "asok.state",
    # model
    "asok.crowding",
    "asok.rota",
    "asok.driven",
    "asok.plainly",
    "asok.sessions",
    "asok.evicting",
    "asok.audience",
    "asok.bus",
    "asok.company",
    "asok.trials",
    "asok.roster",
    "asok.presence",
    "asok.observing",
    "asok.topics",
    "asok.relay",
    "asok.emitting",
    "asok.documents",
    "asok.writing",
    "asok.notices",
    "asok.glancing",
    "asok.rereading",
    "asok.replicas",
    "asok.grants",
    "asok.superstore",
    "asok.stores",
    "asok.namespaces",
    "asok.regions",
    "asok.asking",
    "asok.window",
    "asok.verdicts",
    "asok.surroundings",
    "asok.effects",
    "asok.placed",
    "asok.streaming",
    "asok.exposing",
    "asok.form_events",
    "asok.asynchronous",
    "asok.unknown",
    "asok.component",
    "asok.sources",
    "asok.statics",
    "asok.threads",
    "asok.calling",
    "asok.handlers",
    "asok.late_sessions",
    "asok.reviving",
    "asok.following",
    "asok.shared_fields",
    # engine
    "asok.immutable",
    "asok.columns",
    "asok.missing",
    "asok.postponed",
    "asok.numbering",
    "asok.purity",
    "asok.remembering",
    "asok.compiling",
    "asok.steady",
    "asok.frames",
    "asok.slots",
    "asok.rows",
    "asok.tags",
    "asok.stream_tag",
    "asok.template_files",
    "asok.unescaping",
    "asok.rendering",
    "asok.boundaries",
    "asok.pending",
    "asok.checking_markup",
    "asok.checking_attributes",
    "asok.checking_files",
    "asok.checking_components",
    "asok.checking_names",
    "asok.checking",
    "asok.texts",
    "asok.places",
    "asok.hosting",
    "asok.mounting",
    "asok.browsing",
    "asok.units",
    "asok.showing",
    "asok.opening",
    "asok.filling",
    "asok.committing",
    "asok.attempt",
    "asok.beginning",
    "asok.acting",
    "asok.live",
    "asok.news",
    "asok.lines",
    "asok.overlapping",
    "asok.hearing",
    "asok.fetching",
    "asok.reaching",
    "asok.outbox",
    "asok.admission",
    "asok.traffic",
    "asok.watching",
    "asok.speaking",
    "asok.conversation",
    # backends
    "asok.backends",
    "asok.backends.memory",
    "asok.backends.copies",
    "asok.backends.gathering",
    "asok.backends.sqlite_file",
    "asok.backends.sqlite",
    "asok.backends.resp",
    "asok.backends.redis_address",
    "asok.backends.redis_calls",
    "asok.backends.redis_cells",
    "asok.backends.redis_scripts",
    "asok.backends.redis",
    "asok.backends.lines",
    "asok.backends.sockets",
    "asok.backends.redis_said",
    "asok.backends.redis_lines",
    "asok.backends.redis_bus",
    # edge
    "asok.middleware",
    "asok.health",
    "asok.sweeping",
    "asok.ending",
    "asok.origins",
    "asok.connections",
    "asok.endpoints",
    "asok.polling",
    "asok.posted",
    "asok.posting",
    "asok.answers",
    "asok.openapi",
    "asok.store_http",
    "asok.form_http",
    "asok.watchdog",
    "asok.sharing",
    "asok.project",
    "asok.runtime",
    "asok.pages",
    "asok.routing",
    "asok.app",
    "asok",
    "asok.metrics",
    "asok.tracing",
    # tools
    "asok.testing_asgi",
    "asok.testing_values",
    "asok.testing_forms",
    "asok.testing_markup",
    "asok.testing_dom",
    "asok.testing_streams",
    "asok.testing_wires",
    "asok.testing_models",
    "asok.testing_events",
    "asok.testing_instances",
    "asok.testing_stores",
    "asok.testing_window",
    "asok.testing_waiting",
    "asok.testing_link",
    "asok.testing_tab",
    "asok.testing_firing",
    "asok.testing_gestures",
    "asok.testing_triggers",
    "asok.testing_reading",
    "asok.testing_visiting",
    "asok.testing_page",
    "asok.testing",
    "asok.testing_plugin",
    "asok.scaffold",
    "asok.editors",
    "asok.loading",
    "asok.log_lines",
    "asok.wire_frames",
    "asok.wire_handshake",
    "asok.wire_incoming",
    "asok.wire_pulse",
    "asok.wire",
    "asok.wire_rehearsal",
    "asok.wire_head",
    "asok.proxies",
    "asok.server",
    "asok.figures",
    "asok.worker",
    "asok.fleet",
    "asok.supervisor",
    "asok.cli",
    "asok.__main__",
)

# Who may import a technology, type-only imports included. "asok.testing" stands for all its parts.
ONLY_IN = {
    "sqlite3": {"asok.backends.sqlite", "asok.backends.sqlite_file"},
    "redis": set[str](),
    "jinja2": {
        "asok.missing",
        "asok.numbering",
        "asok.purity",
        "asok.compiling",
        "asok.tags",
        "asok.stream_tag",
        "asok.rendering",
        "asok.app",
        "asok.testing",
        "asok.sources",
        "asok.template_files",
        "asok.checking",
        "asok.checking_names",
    },
    "itsdangerous": {"asok.state", "asok.sessions"},
    "starlette.websockets": {"asok.endpoints", "asok.app"},
    "websockets": {"asok.wire"},
    "uvicorn": {"asok.server", "asok.wire"},
    "click": {"asok.cli"},
    "watchfiles": {"asok.server", "asok.supervisor"},
    "prometheus_client": {"asok.metrics"},
    "opentelemetry": {"asok.tracing"},
    "bs4": {"asok.testing"},
    "httpx": {"asok.testing"},
    "pytest": {"asok.testing"},
    "pydantic": {"asok.form_adapters"},
    "wtforms": {"asok.form_adapters"},
}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py")) if "templates" not in path.parts}


@cache
def imports_of(module: str) -> frozenset[str]:
    """The dotted names it imports, wherever they stand: at the top, in a function, for the type checker only."""
    found = set[str]()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide the layer; write the whole name"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else str(node.module))
    return frozenset(found)


def is_part(name: str, of: str) -> bool:
    return name == of or name.startswith((f"{of}.", f"{of}_"))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_modules_above_it(module: str) -> None:
    assert module in LAYERS, f"give {module} its place in LAYERS"
    above = LAYERS[: LAYERS.index(module)]
    wrong = {name for name in imports_of(module) if name.split(".")[0] == "asok" and name not in above}
    assert not wrong, f"{module} imports {', '.join(sorted(wrong))}, which must not stand above it"


@cache
def named_by(module: str) -> frozenset[str]:
    """What it says that others may take: the lists that it gives and adds to `__all__`."""
    found = set[str]()
    for node in ast.parse(MODULES[module].read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and ast.unparse(node).startswith("__all__"):
            assert node.value is not None
            found |= set(ast.literal_eval(node.value))
    return frozenset(found)


def taken_by(module: str) -> set[tuple[str, str]]:
    """The names that it imports from other modules of ours, each with its home."""
    nodes = [each for each in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(each, ast.ImportFrom)]
    names = {(str(node.module), alias.name) for node in nodes for alias in node.names}
    return {(home, name) for home, name in names if home in MODULES and f"{home}.{name}" not in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_takes_from_others_only_what_they_name(module: str) -> None:
    hidden = {f"{home}.{name}" for home, name in taken_by(module) if name not in named_by(home)}
    assert not hidden, f"{module} imports {', '.join(sorted(hidden))}: put it into __all__ there"


@pytest.mark.parametrize("technology", ONLY_IN)
def test_a_technology_is_imported_only_where_it_belongs(technology: str) -> None:
    users = {module for module in MODULES if any(is_part(name, technology) for name in imports_of(module))}
    strangers = {user for user in users if not any(is_part(user, home) for home in ONLY_IN[technology])}
    assert not strangers, f"{technology} is imported by {', '.join(sorted(strangers))}"
