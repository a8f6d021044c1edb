"""Answers read, scores, rewards and statistics. Pure; needs neither torch nor network."""

from vilasr.scoring.comparison import Change, change_between
from vilasr.scoring.extract import Extraction, extract_answer
from vilasr.scoring.guessing import Guess, guessing_score, kind_of
from vilasr.scoring.modes import MODES
from vilasr.scoring.mra import mean_relative_accuracy
from vilasr.scoring.numbers import exact_number
from vilasr.scoring.pairing import DIFFERENCE_BOUNDS, Pairing, pair_samples
from vilasr.scoring.passing import pass_at, sample_passes
from vilasr.scoring.reflection import Reflection, is_reflective, reflections
from vilasr.scoring.reward import Reward, paper_reward
from vilasr.scoring.score import Score, score_answer
from vilasr.scoring.summary import (
    NORMAL_95,
    OUTCOMES,
    Estimate,
    IntervalKind,
    RolloutFacts,
    Summary,
    bootstrap_interval,
    bootstrap_means,
    estimate,
    facts_of,
    outcome_of,
    sample_scores,
    scores_by_sample,
    summarise,
    wilson_interval,
)
from vilasr.scoring.view_change import extract_view_change

__all__ = [
    "DIFFERENCE_BOUNDS",
    "MODES",
    "NORMAL_95",
    "OUTCOMES",
    "Change",
    "Estimate",
    "Extraction",
    "Guess",
    "IntervalKind",
    "Pairing",
    "Reflection",
    "Reward",
    "RolloutFacts",
    "Score",
    "Summary",
    "bootstrap_interval",
    "bootstrap_means",
    "change_between",
    "estimate",
    "exact_number",
    "extract_answer",
    "extract_view_change",
    "facts_of",
    "guessing_score",
    "is_reflective",
    "kind_of",
    "mean_relative_accuracy",
    "outcome_of",
    "pair_samples",
    "paper_reward",
    "pass_at",
    "reflections",
    "sample_passes",
    "sample_scores",
    "score_answer",
    "scores_by_sample",
    "summarise",
    "wilson_interval",
]
