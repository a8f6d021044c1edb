"""Data to and from other people's programs: LLaMA-Factory, verl, the official ViLaSR files."""

from __future__ import annotations

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
