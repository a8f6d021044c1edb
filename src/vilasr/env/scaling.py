"""Pictures at the size the policy sees. Of a picture that was drawn on, only the part that changed is scaled again.

Always first along the rows, then along the columns: which comes first shows in the last bits of the pixels, and Pillow
decides it by the sizes, from version to version otherwise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

if TYPE_CHECKING:
    from vilasr.types import Size

Part = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels of the scaled image."""

BICUBIC_REACH = 2.0
"""A scaled pixel depends on image pixels this far from its place, in pixels of the coarser of both images."""


def scaled(image: Image.Image, size: Size) -> Image.Image:
    """The image at this size, bicubic; itself where that is its own."""
    return image if image.size == size else _scaled_part(image, size, (0, 0, *size))


def scaled_again(image: Image.Image, size: Size, *, before: Image.Image, view: Image.Image) -> Image.Image:
    """The very pixels of `scaled(image, size)`, sooner the less `image` differs from the image `before`.

    Args:
        before: an image of the same size as `image`.
        view: `scaled(before, size)`.
    """
    if image.size == size:
        return image
    result = view.copy()
    changed = ImageChops.difference(image, before).getbbox()
    if changed is not None:
        left, right = _touched(changed[0], changed[2], image.width, size[0])
        top, bottom = _touched(changed[1], changed[3], image.height, size[1])
        result.paste(_scaled_part(image, size, (left, top, right, bottom)), (left, top))
    return result


def _touched(first: int, last: int, own: int, shown: int) -> tuple[int, int]:
    """Along an axis of `own` pixels scaled to `shown`: a range that holds all that depends on the own first..last - 1.

    Its ends are multiples of the odd part of `shown`. So their places among the own pixels are whole numbers over a
    power of two: exact in the single precision in which Pillow takes them, else a part would differ from the whole.

    >>> _touched(100, 120, 280, 192)  # 192 = 64 * 3
    (63, 87)
    """
    scale = own / shown
    reach = BICUBIC_REACH * max(scale, 1.0)
    step = shown // (shown & -shown)
    start = math.floor(((first - reach) / scale - 1) / step) * step
    end = math.ceil(((last + reach) / scale + 1) / step) * step
    return max(0, start), min(shown, end)


def _scaled_part(image: Image.Image, size: Size, part: Part) -> Image.Image:
    """That part of the whole image scaled to `size`."""
    left, top, right, bottom = part
    (own_width, own_height), (width, height) = image.size, size
    reach = BICUBIC_REACH * max(own_height / height, 1.0)
    first_row = max(0, math.floor(top * own_height / height - reach))
    last_row = min(own_height, math.ceil(bottom * own_height / height + reach))
    rows = image.crop((0, first_row, own_width, last_row))
    columns = (left * own_width / width, 0, right * own_width / width, rows.height)
    narrow = rows.resize((right - left, rows.height), Image.Resampling.BICUBIC, columns)
    lines = (0, top * own_height / height - first_row, right - left, bottom * own_height / height - first_row)
    return narrow.resize((right - left, bottom - top), Image.Resampling.BICUBIC, lines)
