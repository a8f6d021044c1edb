"""Data to and from other people's programs: LLaMA-Factory, verl, the official ViLaSR files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vilasr.integrations.exporting import FORMATS, Exported, ExportOptions, export
    from vilasr.integrations.importing import REJECTED_FILE, Imported, import_official
    from vilasr.integrations.sources import Source, open_source

__all__ = [
    "FORMATS",
    "REJECTED_FILE",
    "ExportOptions",
    "Exported",
    "Imported",
    "Source",
    "export",
    "import_official",
    "open_source",
]

_HOMES = {
    "exporting": ("FORMATS", "Exported", "ExportOptions", "export"),
    "importing": ("REJECTED_FILE", "Imported", "import_official"),
    "sources": ("Source", "open_source"),
}
"""Module -> its public names, imported when first used: reading rows must not load what exports need."""


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"vilasr.integrations.{module}"), name)
    raise AttributeError(f"module 'vilasr.integrations' has no attribute {name!r}")
