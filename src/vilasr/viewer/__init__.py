"""Rollouts and datasets as HTML pages. Imports types, drawing, errors only; scores come in as notes."""

from __future__ import annotations

from vilasr.viewer.note import RolloutNote
from vilasr.viewer.page import PageOptions, render_page, write_page
from vilasr.viewer.preview import PreviewOptions, write_preview
from vilasr.viewer.shell import static_page

__all__ = [
    "PageOptions",
    "PreviewOptions",
    "RolloutNote",
    "render_page",
    "static_page",
    "write_page",
    "write_preview",
]
