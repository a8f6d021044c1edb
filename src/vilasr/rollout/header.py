"""The first line of a rollout file: what decided the rollouts, so that a resumed run can prove it is the same run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

from pydantic_core import to_jsonable_python

from vilasr.errors import DataError, InputError
from vilasr.rollout.fields import flag, integer, mapping, number, text
from vilasr.types import Json, SamplingParams

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1
HEADER_START = b'{"schema_version":'
"""How every header line begins, whole or cut off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What decided the rollouts of a file.

    Attributes:
        protocol, model, style: their names.
        seed: the run's; each rollout has its own, derived from it.
        drawing: False when the model was not allowed to draw.
        config: JSON: every other setting that rollouts depend on (limits, prompts, data); not their number.
        created: time of the first start, ISO 8601, UTC.
        vilasr_version: the version that started it.
    """

    protocol: str
    model: str
    seed: int
    style: str
    drawing: bool
    sampling: SamplingParams
    config: Mapping[str, Json] = field(default_factory=dict)
    created: str = ""
    vilasr_version: str = ""

    @property
    def settings(self) -> dict[str, Json]:
        """All that must be equal for a run to be resumed."""
        data = to_jsonable_python(self)
        return {key: value for key, value in data.items() if key not in ("created", "vilasr_version")}

    @property
    def config_hash(self) -> str:
        """SHA-256 (hex) of the settings."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()


def new_header(
    *,
    protocol: str,
    model: str,
    seed: int,
    style: str,
    drawing: bool,
    sampling: SamplingParams,
    config: Mapping[str, Json] | None = None,
) -> Header:
    """A header of now, by this version. `config` may hold dataclasses, enums and paths; it is turned into JSON."""
    return Header(
        protocol=protocol,
        model=model,
        seed=seed,
        style=style,
        drawing=drawing,
        sampling=sampling,
        config=to_jsonable_python(dict(config or {})),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        vilasr_version=metadata.version("vilasr"),
    )


def encode_header(header: Header) -> dict[str, Json]:
    return {"schema_version": SCHEMA_VERSION, "config_hash": header.config_hash, **to_jsonable_python(header)}


def decode_header(data: Json, name: str) -> Header:
    """Raises InputError when `data` is no header, or one of a schema that this version cannot read."""
    expected = f"a rollout file of schema version {SCHEMA_VERSION}"
    if not isinstance(data, dict) or "schema_version" not in data:
        raise InputError(name, expected=expected, got="a first line that is no header", remedy="Give a rollouts.jsonl.")
    if data["schema_version"] != SCHEMA_VERSION:
        got = f"schema version {data['schema_version']!r}"
        raise InputError(name, expected=expected, got=got, remedy="Read it with the version of vilasr that wrote it.")
    try:
        sampling = mapping(data, "sampling")
        return Header(
            protocol=text(data, "protocol"),
            model=text(data, "model"),
            seed=integer(data, "seed"),
            style=text(data, "style"),
            drawing=flag(data, "drawing"),
            sampling=SamplingParams(
                temperature=number(sampling, "temperature"),
                top_p=number(sampling, "top_p"),
                max_tokens=integer(sampling, "max_tokens"),
            ),
            config=mapping(data, "config"),
            created=text(data, "created"),
            vilasr_version=text(data, "vilasr_version"),
        )
    except DataError as error:
        raise InputError(name, expected=expected, got=f"a broken header ({error})") from error


def differences(old: Header, new: Header) -> list[str]:
    """The settings that differ, by dotted key: "sampling.temperature: 0.0 in the file, 1.0 now"."""
    before, now = _flat(old.settings), _flat(new.settings)
    missing = "nothing"
    return [
        f"{key}: {before.get(key, missing)} in the file, {now.get(key, missing)} now"
        for key in sorted({*before, *now})
        if before.get(key, missing) != now.get(key, missing)
    ]


def _flat(data: Json, prefix: str = "") -> dict[str, str]:
    if not isinstance(data, dict):
        return {prefix: json.dumps(data)}
    found: dict[str, str] = {}
    for key, value in data.items():
        found |= _flat(value, f"{prefix}.{key}" if prefix else key)
    return found
