"""The house stands as ARCHITECTURE.md says: imports point down, and array libraries are named in backends/ alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "src" / "wengert"
FILES = sorted(path for path in ROOT.rglob("*.py"))

# The rooms from the ground up; rooms on one line do not know each other.
STOREYS = [
    ["errors", "lines", "migration", "numpy_errors"],
    ["tracing"],
    ["files", "backends", "random"],
    ["core"],
    ["functions", "initializers"],
    ["trees", "standins", "debug"],
    ["visualize"],
    ["numpy_writes"],
    ["numpy_protocol", "numpy_adapters", "scipy_adapters"],  # the others are the first's tables, loaded when asked for
    ["array_methods"],
    ["variable"],
    ["recomputing"],
    ["derivatives"],
    ["testing", "data", "layers"],
    ["models", "optimizers"],
    ["serialization"],
    ["training", "interop"],
    ["dezero", "demo"],
    ["cli", "__main__"],
    ["__init__"],
]
STOREY = {room: number for number, rooms in enumerate(STOREYS) for room in rooms}


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else path.stem


def imports_of(path: Path) -> list[tuple[int, str]]:
    """What a file imports when it runs, at the top or late, with line numbers: not what only the type checker sees."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING"
        for part in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "wengert":
            found += [(node.lineno, f"wengert.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.lineno, node.module))
    return found


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_file_is_in_a_room(path: Path) -> None:
    assert room_of(path) in STOREY


@pytest.mark.parametrize("path", [path for path in FILES if room_of(path) != "__init__"], ids=name)
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    upwards = []
    for line, module in imports_of(path):
        if module.startswith("wengert."):
            below = module.split(".")[1]
            down = STOREY.get(below, -1) < STOREY[room] or below == room or {room, below} <= {"numpy_protocol", "numpy_adapters", "scipy_adapters"}
            if not down:
                upwards.append(f"line {line}: {module}")
    assert not upwards


LIBRARIES = {"jax", "jaxlib", "torch", "cupy", "tensorflow"}


@pytest.mark.parametrize("path", [path for path in FILES if room_of(path) not in ("backends", "interop")], ids=name)
def test_array_libraries_are_named_in_backends_alone(path: Path) -> None:
    assert not [module for _, module in imports_of(path) if module.split(".")[0] in LIBRARIES]


@pytest.mark.parametrize("path", [path for path in FILES if room_of(path) == "core"], ids=name)
def test_the_core_names_no_library_at_all(path: Path) -> None:
    assert not [module for _, module in imports_of(path) if module.split(".")[0] in LIBRARIES | {"numpy", "scipy"}]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_what_a_file_offers_is_there(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__":
            names = [part.value for part in getattr(node.value, "elts", []) if isinstance(part, ast.Constant)]
            assert len(names) == len(set(names))
            module = "wengert." + ".".join(path.relative_to(ROOT).with_suffix("").parts)
            space = __import__(module.removesuffix(".__init__"), fromlist=["*"])
            assert not [each for each in names if not hasattr(space, each)]


def test_import_is_light() -> None:
    """Heavy parts load when first used: neither libraries that only some need, nor the rooms above derivatives."""
    code = "import sys, wengert; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"jax", "torch", "scipy", "matplotlib", "tqdm", "safetensors", "sklearn", "multiprocessing"}
    assert not heavy & set(loaded)
    assert not [room for room in ("layers", "models", "optimizers", "data") if f"wengert.{room}" in loaded]
