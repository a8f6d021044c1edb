"""From logits to tokens, with numbers to check by hand."""

from __future__ import annotations

import math

import pytest
import torch

from vilasr.policies.transformers.sampling import sample_tokens
from vilasr.types import SamplingParams

# Probabilities 0.1, 0.2, 0.3, 0.4.
LOGITS = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.4]]))
NONE = torch.tensor([], dtype=torch.long)
HOT = SamplingParams(temperature=1.0)


def draw(uniform, params=HOT, banned=NONE, logits=LOGITS):
    (token,), (logprob,) = sample_tokens(logits, banned, [params], [uniform])
    return token, logprob


def test_greedy_takes_the_likeliest():
    token, logprob = draw(0.0, SamplingParams())
    assert token == 3
    assert logprob == pytest.approx(math.log(0.4))


@pytest.mark.parametrize(("uniform", "token"), [(0.0, 0), (0.09, 0), (0.11, 1), (0.31, 2), (0.59, 2), (0.61, 3)])
def test_a_uniform_number_falls_into_the_cumulative_distribution(uniform, token):
    assert draw(uniform)[0] == token


def test_the_largest_random_number_still_chooses_a_possible_token():
    assert draw(math.nextafter(1.0, 0.0), banned=torch.tensor([3]))[0] == 2


def test_banned_tokens_are_never_chosen_but_stay_in_the_denominator_of_the_log_probability():
    token, logprob = draw(0.0, SamplingParams(), banned=torch.tensor([3]))
    assert token == 2
    assert logprob == pytest.approx(math.log(0.3))
    assert draw(0.0, banned=torch.tensor([0]))[0] == 1


@pytest.mark.parametrize(("top_p", "uniform", "token"), [(0.4, 0.0, 3), (0.5, 0.0, 2), (0.5, 0.42, 2), (0.5, 0.44, 3)])
def test_top_p_keeps_the_smallest_set_of_likely_tokens(top_p, uniform, token):
    # top_p 0.5 keeps tokens 2 and 3, with 3/7 = 0.4286 and 4/7.
    assert draw(uniform, SamplingParams(temperature=1.0, top_p=top_p))[0] == token


def test_temperature_sharpens_or_flattens_the_choice_and_leaves_the_log_probability_alone():
    # Temperature 0.5 squares the odds: 1, 4, 9, 16 of 30.
    token, logprob = draw(0.16, SamplingParams(temperature=0.5))
    assert (token, draw(0.17, SamplingParams(temperature=0.5))[0]) == (1, 2)
    assert logprob == pytest.approx(math.log(0.2))


def test_rows_with_different_parameters_do_not_disturb_each_other():
    logits = LOGITS.repeat(3, 1)
    params = [SamplingParams(), HOT, SamplingParams(temperature=1.0, top_p=0.4)]
    assert sample_tokens(logits, NONE, params, [0.9, 0.0, 0.0])[0] == [3, 0, 3]
