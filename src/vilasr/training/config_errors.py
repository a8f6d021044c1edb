"""What is wrong with a config, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic import ValidationError


def first_mistake(kind: type[BaseModel], path: Path, error: ValidationError) -> InputError:
    """The first of the mistakes that pydantic found in the values of the file `path`, for a config of this kind."""
    first, num = error.errors()[0], error.error_count()
    location, fault, value = first["loc"], first["type"], first["input"]
    got = "a table" if isinstance(value, dict) else repr(value)
    if fault == "extra_forbidden":
        expected, got = f"a known key ({', '.join(sorted(_fields_at(kind, location)))})", "another"
    elif fault == "missing":
        expected, got = "a value", "none"
    elif fault == "value_error":
        reason = str(first["ctx"]["error"])
        is_table = isinstance(value, dict)
        expected, got = ("settings that fit together", f"others: {reason}") if is_table else (reason, got)
    elif fault in ("model_type", "dict_type"):
        expected = "a table"
    else:
        expected = _wanted(first["msg"])
    return InputError(
        f"{path}: {'.'.join(map(str, location))}" if location else str(path),
        expected=expected,
        got=got,
        remedy=f"{num} problems in all." if num > 1 else "",
    )


def _wanted(message: str) -> str:
    """
    >>> _wanted("Input should be greater than 0"), _wanted("Input is not a valid path for <class 'pathlib.Path'>")
    ('a number greater than 0', 'a valid path')
    """
    wanted = re.sub("^Input (should be|is not) | for <class .*", "", message)
    return f"a number {wanted}" if wanted.startswith(("greater", "less")) else wanted


def _fields_at(kind: type[BaseModel], location: Sequence[str | int]) -> Mapping[str, object]:
    """Fields of the section in which `location` lies."""
    for part in location[:-1]:
        field = kind.model_fields.get(str(part))
        for inner in (field.annotation, *get_args(field.annotation)) if field is not None else ():
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                kind = inner
    return kind.model_fields
