"""Rollouts as one self-contained HTML page. Imports types, drawing and errors only; scores come in as notes."""

from __future__ import annotations

from vilasr.viewer.note import RolloutNote
from vilasr.viewer.page import PageOptions, render_page, write_page

__all__ = ["PageOptions", "RolloutNote", "render_page", "write_page"]
