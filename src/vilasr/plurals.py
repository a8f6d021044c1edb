"""Numbers of things, as messages and reports say them."""

from __future__ import annotations


def counted(num: int, what: str) -> str:
    """
    >>> counted(1, "sample"), counted(2500, "sample")
    ('1 sample', '2,500 samples')
    """
    return f"{num:,} {what}" if num == 1 else f"{num:,} {what}s"
