"""What an endpoint without a model says to "how many marks are there?": it draws, corrects itself or not, and counts 2.

What it does follows from the picture alone: pictures whose digest begins with an even number get a
correction, every fourth a wrong answer.
"""

from __future__ import annotations

import hashlib

from vilasr.protocol import COMPACT, format_turn
from vilasr.types import Box

SIZES = ((28, 28),) * 3
"""Sizes do not matter where every box fits into the smallest picture."""


def reply(messages: list[dict]) -> str:
    """What a model would say now."""
    parts = [part for message in messages if message["role"] == "user" for part in message["content"]]
    url = next(part["image_url"]["url"] for part in parts if isinstance(part, dict) and part["type"] == "image_url")
    digest = hashlib.sha256(url.encode()).digest()
    num_said = sum(message["role"] == "assistant" for message in messages)
    if num_said < 1 + (digest[0] % 2 == 0):
        corner = 2 + 2 * num_said
        box = Box(image_index=1 + num_said, box_px=(corner, corner, 20, 20), label="A")
        return format_turn("Look.", actions=[box], protocol=COMPACT, sizes=SIZES, model_sizes=SIZES)
    answer = "5" if digest[1] % 4 == 0 else "2"
    return format_turn("So.", answer=answer, protocol=COMPACT, sizes=SIZES, model_sizes=SIZES)
