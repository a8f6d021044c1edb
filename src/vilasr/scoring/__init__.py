"""Answers read, scores, rewards and statistics. Pure; needs neither torch nor network."""

from vilasr.scoring.extract import Extraction, extract_answer
from vilasr.scoring.mra import mean_relative_accuracy
from vilasr.scoring.reflection import Reflection, is_reflective, reflections
from vilasr.scoring.reward import Reward, paper_reward
from vilasr.scoring.score import Score, score_answer
from vilasr.scoring.summary import Estimate, RolloutFacts, Summary, bootstrap_interval, estimate, facts_of, summarise

__all__ = [
    "Estimate",
    "Extraction",
    "Reflection",
    "Reward",
    "RolloutFacts",
    "Score",
    "Summary",
    "bootstrap_interval",
    "estimate",
    "extract_answer",
    "facts_of",
    "is_reflective",
    "mean_relative_accuracy",
    "paper_reward",
    "reflections",
    "score_answer",
    "summarise",
]
