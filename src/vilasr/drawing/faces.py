"""Font faces: the one we ship, and for characters it lacks whichever font of the system has them.

The system is searched on the first need only. A label in a script that the shipped font covers (Latin, Greek, Cyrillic,
Arabic, Hebrew and more) looks the same on every machine.
"""

from __future__ import annotations

import os
import struct
import sys
from bisect import bisect_right
from functools import lru_cache
from pathlib import Path
from typing import NewType

from PIL import ImageFont, features

Face = NewType("Face", Path)
"""A font file that has been opened once."""

SHIPPED = Face(Path(__file__).parent / "fonts" / "DejaVuSans-Bold.ttf")
REPLACEMENT = "\ufffd"
MAX_SYSTEM_FACES = 64
PROBE_SIZE_PX = 16
LIKELY_WIDE = ("cjk", "unifont", "unicode", "gothic", "ming", "noto", "emoji", "symbol", "dejavu", "free")
"""Words in the names of fonts that cover many scripts; those are tried first."""


def font_folders() -> tuple[Path, ...]:
    """Where this system keeps fonts."""
    if sys.platform == "win32":
        return (Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts",)
    home = Path(os.environ.get("HOME", "/"))
    if sys.platform == "darwin":
        return (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts")
    return (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts", home / ".fonts")


@lru_cache(maxsize=1)
def system_faces() -> tuple[Face, ...]:
    """At most `MAX_SYSTEM_FACES` usable faces, the widest first by name."""

    def rank(path: Path) -> tuple[int, str]:
        name = path.name.lower()
        return next((i for i, word in enumerate(LIKELY_WIDE) if word in name), len(LIKELY_WIDE)), str(path)

    paths = {
        Path(folder, name)
        for root in font_folders()
        for folder, _, names in os.walk(root)
        for name in names
        if name.lower().endswith((".ttf", ".otf", ".ttc")) and "italic" not in name.lower()
    }
    return tuple(face for face in map(Face, sorted(paths, key=rank)[:MAX_SYSTEM_FACES]) if _usable(face))


@lru_cache(maxsize=8192)
def face_for(character: str) -> Face | None:
    """The first face with a glyph for this character, the shipped one before others; None when no font has one."""
    if covers(SHIPPED, character):
        return SHIPPED
    return next((face for face in system_faces() if covers(face, character)), None)


def covers(face: Face, character: str) -> bool:
    """Whether the face has a glyph for this character."""
    ranges = _coverage(face)
    code = ord(character)
    place = bisect_right(ranges, (code, sys.maxunicode)) - 1
    return place >= 0 and ranges[place][0] <= code <= ranges[place][1]


@lru_cache(maxsize=256)
def load_font(face: Face, size_px: int, shaped: bool) -> ImageFont.FreeTypeFont:
    """The face at a size; `shaped` for scripts that join or run right to left, where the system can shape them."""
    can_shape = shaped and features.check_feature("raqm")
    engine = ImageFont.Layout.RAQM if can_shape else ImageFont.Layout.BASIC
    return ImageFont.truetype(str(face), size_px, layout_engine=engine)


def _usable(face: Face) -> bool:
    """Fonts of fixed-size bitmaps and broken files do not open at any size we ask for."""
    try:
        ImageFont.truetype(str(face), PROBE_SIZE_PX, layout_engine=ImageFont.Layout.BASIC).getmask("a")
        return bool(_coverage(face))
    except (OSError, ValueError, struct.error):
        return False


@lru_cache(maxsize=MAX_SYSTEM_FACES + 1)
def _coverage(face: Face) -> tuple[tuple[int, int], ...]:
    """Sorted, disjoint ranges (first, last) of the code points a font maps to glyphs.

    Read from the "cmap" table of the file: asking the rasteriser for each character in each font is far slower.

    Source: OpenType specification, "cmap", formats 4 and 12.
    """
    with face.open("rb") as file:
        data = file.read(16)
        start = struct.unpack_from(">I", data, 12)[0] if data[:4] == b"ttcf" else 0
        file.seek(start + 4)
        num_tables = struct.unpack(">H6x", file.read(8))[0]
        directory = file.read(16 * num_tables)
        tables = {tag: (offset, length) for tag, offset, length in struct.iter_unpack(">4s4xII", directory)}
        offset, length = tables.get(b"cmap", (0, 0))
        file.seek(offset)
        cmap = file.read(length)
    ranges: set[tuple[int, int]] = set()
    num_maps = struct.unpack_from(">H", cmap, 2)[0] if cmap else 0
    for platform, encoding, at in struct.iter_unpack(">HHI", cmap[4 : 4 + 8 * num_maps]):
        # Unicode maps: platform 0, and Windows (3) with the basic plane (1) or all of Unicode (10).
        if platform == 0 or (platform == 3 and encoding in (1, 10)):
            ranges.update(_ranges(cmap, at))
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged)


def _ranges(cmap: bytes, at: int) -> list[tuple[int, int]]:
    form = struct.unpack_from(">H", cmap, at)[0]
    if form == 12:
        num_groups = struct.unpack_from(">I", cmap, at + 12)[0]
        groups = struct.iter_unpack(">III", cmap[at + 16 : at + 16 + 12 * num_groups])
        return [(first, last) for first, last, _ in groups]
    if form == 4:
        num_segments = struct.unpack_from(">H", cmap, at + 6)[0] // 2
        lasts = struct.unpack_from(f">{num_segments}H", cmap, at + 14)
        firsts = struct.unpack_from(f">{num_segments}H", cmap, at + 16 + 2 * num_segments)
        return [(first, last) for first, last in zip(firsts, lasts, strict=True) if first != 0xFFFF]
    return []
