"""Metric modes: how answers are read and compared, so that scores can be set beside other people's.

`default` is ours: the published definitions, and a reading under which no empty or ambiguous answer is ever right. The
others reproduce the scorers behind published figures, faults included; docs/metrics.md says which figures. In all of
them an answer tag is opened first, and a rollout that never answered scores 0.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vilasr.errors import InputError
from vilasr.scoring.extract import extract_answer
from vilasr.scoring.modes.official import MMSI, SPAR, SPAR_OF_LMMS_EVAL, VSI
from vilasr.scoring.modes.published import EVALUATION, REWARD
from vilasr.scoring.modes.rules import Rules
from vilasr.scoring.modes.vlmevalkit import RULES as VLMEVALKIT
from vilasr.scoring.view_change import extract_view_change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vilasr.scoring.extract import Extraction
    from vilasr.types import Sample

__all__ = ["MODES", "Rules", "rules_for"]

ANY = "any"
"""The rules of a mode for a benchmark that it names no rules for."""
BENCHMARK = re.compile(r"(?:imported-)?(vsi|spar|mmsi)")
"""How the task of a sample begins when it comes from a benchmark that a mode has rules of its own for."""


def _extract(answer: str, sample: Sample) -> Extraction:
    return extract_answer(answer, sample.answer_type, sample.options)


DEFAULT = Rules(
    choice=_extract, number=_extract, text=_extract, view_change=lambda answer, sample: extract_view_change(answer)
)
RULES: Mapping[str, Mapping[str, Rules]] = {
    "default": {ANY: DEFAULT},
    "official": {ANY: VSI, "spar": SPAR, "mmsi": MMSI},
    "lmms-eval": {ANY: VSI, "spar": SPAR_OF_LMMS_EVAL, "mmsi": MMSI},
    "vlmevalkit": {ANY: VLMEVALKIT},
    "vilasr": {ANY: EVALUATION},
    "vilasr-reward": {ANY: REWARD},
}
MODES = tuple(RULES)


def rules_for(mode: str, sample: Sample) -> Rules:
    """The rules of a mode for a sample, by the benchmark in its task. Raises InputError for a mode there is not."""
    if mode not in RULES:
        raise InputError("metric mode", expected="one of " + ", ".join(MODES), got=repr(mode))
    benchmark = BENCHMARK.match(sample.task)
    return RULES[mode].get(benchmark[1] if benchmark else ANY, RULES[mode][ANY])
