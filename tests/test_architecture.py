"""The rooms and the one way imports flow between them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vilasr

PACKAGE = Path(vilasr.__file__).parent
LAYERS = [
    {"errors", "files", "plurals", "types"},
    {"drawing", "locks", "machine"},
    {"protocol", "viewer"},
    {"env"},
    {"tasks", "policies"},
    {"rollout", "data"},
    {"scoring"},
    {"training"},
    {"api", "integrations"},
    {"benchmarks"},
    {"cli", "lmms_eval"},
    {"experiments"},
    {"__main__"},
]
MAY_ALSO_SEE = {"viewer": {"drawing", "errors", "types"}}
LIGHT = ["types", "errors", "drawing", "protocol", "env", "tasks.maze", "scoring"]


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports_of(path: Path) -> set[str]:
    """Rooms of ours that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {room(name.name) for name in node.names if name.name.startswith("vilasr.")}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("vilasr"):
            assert node.level == 0, f"{path}: relative import"
            found |= {room(node.module)} if "." in node.module else {name.name for name in node.names}
    return found - {"__version__"}


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_from_lower_rooms_or_its_own(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    own = parts[0]
    level = next((number for number, layer in enumerate(LAYERS) if own in layer), None)
    assert level is not None, f"{own} is in no layer: add it to LAYERS"
    allowed = {own}.union(*LAYERS[:level]) if own not in MAY_ALSO_SEE else {own, *MAY_ALSO_SEE[own]}
    assert imports_of(path) <= allowed


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["vilasr", *(f"vilasr.{room}" for room in LIGHT)])
def test_light_rooms_need_neither_torch_nor_network(name):
    code = f"import sys, {name}; print([m for m in ('torch', 'transformers', 'httpx', 'socket') if m in sys.modules])"
    assert run_python(code).strip() == "[]"


def test_no_room_imports_a_name_that_starts_with_an_underscore_from_another():
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("vilasr."):
                own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
                private = [name.name for name in node.names if name.name.startswith("_")]
                assert not private or room(node.module) == own, f"{path} imports {private}"
