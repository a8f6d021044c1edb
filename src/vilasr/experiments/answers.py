"""The questions of the study, answered by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.experiments.evidence import metric_named
from vilasr.experiments.intervals import conclusion, difference_of
from vilasr.experiments.tables import NOT_RUN, seeds_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vilasr.experiments.evidence import Evidence
    from vilasr.experiments.study import Measure, Question


def answers(evidence: Evidence) -> Iterator[str]:
    """Each question, and below it a sentence for each of its measures; those with nothing to go by at the end."""
    study = evidence.study
    yield (
        "Answered by rule, not by hand: two models are compared item by item and seed by seed; for the 95 % interval "
        "of their difference both items and seeds are drawn anew; a difference whose interval contains 0 is not shown."
    )
    open_questions = []
    for question in study.questions:
        wanted = question.measures or [measure.title for measure in study.measures[:1]]
        told = {
            measure.title: _answer(evidence, question, measure) for measure in study.measures if measure.title in wanted
        }
        if not any(told.values()):
            open_questions.append(question)
            continue
        yield ""
        yield f"**{question.ask}** ({question.metric})"
        yield ""
        for title, answer in told.items():
            yield f"- {title}: {answer or f'{NOT_RUN}.'}"
    if open_questions:
        yield ""
        yield f"{NOT_RUN.capitalize()}:"
        yield ""
        for question in open_questions:
            yield f"- {question.ask} ({question.metric})"


def _answer(evidence: Evidence, question: Question, measure: Measure) -> str:
    """A sentence; "" where one of the models was not measured yet."""
    metric, study = metric_named(question.metric), evidence.study
    ours, theirs = (evidence.values(measure, name, metric) for name in (question.model, question.against))
    if not ours or not theirs:
        return ""
    difference = difference_of(ours, theirs, factor=question.factor)
    if difference is None:
        return "nothing that both have, so far."
    told = conclusion(
        difference,
        model=question.model,
        against=question.against,
        factor=question.factor,
        unit=metric.unit,
        scale=metric.scale,
    )
    is_seeded = any(study.is_seeded(study.model(name)) for name in (question.model, question.against))
    is_part = is_seeded and len(difference.by_seed) < len(study.seeds)
    return f"{told} So far {seeds_text([*difference.by_seed])} only." if is_part else told
