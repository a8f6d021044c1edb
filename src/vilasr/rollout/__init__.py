"""Rollouts run asynchronously, and the file they are kept in."""

from vilasr.rollout.codec import check_tokens
from vilasr.rollout.file import RolloutWriter, check_same_run, read_rollouts
from vilasr.rollout.header import Header, new_header
from vilasr.rollout.runner import rollout_seed, run_rollout, run_rollouts

__all__ = [
    "Header",
    "RolloutWriter",
    "check_same_run",
    "check_tokens",
    "new_header",
    "read_rollouts",
    "rollout_seed",
    "run_rollout",
    "run_rollouts",
]
