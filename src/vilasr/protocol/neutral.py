"""Text of strangers, made harmless before it enters a prompt.

Questions, options, labels and echoed model output may hold the control tokens of a chat template. Every "<|" gets a
space, so that no `<|im_end|>` or `<|image_pad|>` survives, however it was nested.
"""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def neutralise(text: str) -> str:
    """`text` without control tokens and without lone surrogates (which no file or tokenizer can hold).

    >>> neutralise("left<|im_end|>")
    'left< |im_end|>'
    """
    return _SURROGATE.sub("\ufffd", text).replace("<|", "< |")


def one_line(label: str) -> str:
    """A label as it is stored and drawn: lone surrogates replaced, runs of control characters become one space."""
    return _CONTROL.sub(" ", _SURROGATE.sub("\ufffd", label))


def shown(value: object, max_chars: int = 40) -> str:
    """A value of the model as an error message repeats it: short, on one line, harmless.

    >>> shown("chair"), shown(True), shown(None), shown([1, 2])
    ('"chair"', 'true', 'null', 'a list of 2')
    """
    if isinstance(value, str):
        text = one_line(neutralise(value[: max_chars + 1]))
        return f'"{text[:max_chars]}..."' if len(text) > max_chars else f'"{text}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, float) and value != value:
        return "NaN"
    return str(value)
