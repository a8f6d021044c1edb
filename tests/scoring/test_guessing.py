import pytest

from vilasr.scoring.guessing import Guess, best_constant, guess_of, guessing_score
from vilasr.scoring.score import gold_of
from vilasr.types import AnswerType, Sample


def guess(answer, answer_type, options=(), task="static"):
    sample = Sample(id="1", task=task, question="?", options=options, answer=answer, answer_type=answer_type, images=())
    return guess_of(sample, gold_of(sample))


def test_a_choice_is_guessed_by_chance_and_a_number_remembers_what_is_right():
    assert guess("B", AnswerType.CHOICE, ("left", "right")) == Guess(chance=0.5)
    assert guess("C", AnswerType.CHOICE, ("1", "2", "3", "4")) == Guess(chance=0.25)
    assert guess("2.5", AnswerType.NUMBER) == Guess(number=2.5)


def test_guessing_is_not_defined_for_text_view_changes_and_what_has_no_right_answer():
    assert guess("a sofa", AnswerType.TEXT) is None
    assert guess("move_right: 0.3", AnswerType.TEXT, task="spar") is None
    assert guess(None, AnswerType.CHOICE, ("left", "right")) is None
    assert guess("many", AnswerType.NUMBER) is None


def test_the_best_constant_is_found_by_hand_in_small_cases():
    assert best_constant([3, 3, 5]) == (3, pytest.approx((1 + 1 + 0.3) / 3))
    assert best_constant([7.0]) == (7.0, 1.0)
    # 100 is 90 % off 1,000 and 1,000 is 900 % off 100: nothing lies near both, so one of them it is
    assert best_constant([100, 1000])[1] == pytest.approx(0.5)


def test_a_number_that_is_never_right_can_be_the_best():
    constant, accuracy = best_constant([90, 96, 104, 110])
    assert constant not in {90, 96, 104, 110}
    # thresholds passed, of ten: 96 gets 9 + 10 + 9 + 8 = 36; 104 gets 7 + 9 + 10 + 9; 100 gets 8 + 10 + 10 + 9 = 37
    assert accuracy >= 37 / 40


def test_a_truth_of_zero_is_missed_by_the_absolute_error():
    assert best_constant([0.0, 0.0, 10.0]) == (0.0, pytest.approx(2 / 3))


def test_choices_and_numbers_of_a_group_are_averaged_over_samples():
    guesses = [Guess(chance=0.25), Guess(number=2.0), Guess(number=2.0), Guess(number=4.0)]
    assert guessing_score(guesses) == pytest.approx((0.25 + 1 + 1 + 0.1) / 4)
    assert guessing_score([*guesses, None]) is None
    assert guessing_score([]) is None
