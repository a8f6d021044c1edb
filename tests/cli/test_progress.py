"""Progress bars."""

from __future__ import annotations

from vilasr.cli import progress
from vilasr.cli.progress import Progress
from vilasr.cli.tally import Tally
from vilasr.types import AnswerType, Rollout, Sample, Status, Turn


def test_short_jobs_show_no_bar(capsys):
    with Progress(10, "samples") as bar:
        bar.advance(10)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_long_jobs_show_a_bar_on_stderr(capsys, monkeypatch):
    monkeypatch.setattr(progress, "DELAY_S", 0.0)
    with Progress(10, "samples", done=4) as bar:
        bar.show(answered="97 %")
        bar.advance(6)
        bar.note("one sample is broken")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "4/10" in captured.err
    assert "10/10" in captured.err
    assert "one sample is broken\n" in captured.err


def tally_of(*answers):
    """The values beside the bar after rollouts that gave these answers, where B is right."""
    sample = Sample(
        id="1", task="maze", question="?", images=(), options=("x", "y"), answer="B", answer_type=AnswerType.CHOICE
    )
    tally = Tally()
    for answer in answers:
        turn = Turn(context=(), text="", answer=answer)
        tally.add(Rollout(sample=sample, status=Status.ANSWERED, images=(), turns=(turn,)))
    return tally.values()


def test_the_running_score_has_an_interval_that_is_honest_where_all_scores_are_equal_too():
    assert tally_of("B", "A", "B", "A")["score"] == "50.0 +- 56.6"  # 1.96 * root(0.25 / 3)
    assert tally_of("B", "B", "B")["score"] == "100.0 (43.8 to 100.0)"  # 3 / (3 + 1.96^2), by Wilson
    assert tally_of("B") == {"score": "100.0", "answered": "100%"}
