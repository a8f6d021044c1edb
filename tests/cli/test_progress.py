"""Progress bars."""

from __future__ import annotations

from vilasr.cli import progress
from vilasr.cli.progress import Progress


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
