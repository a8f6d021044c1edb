"""What the README says is run here."""

import os
import re
from pathlib import Path

import pytest

from vilasr.cli.main import build_parser

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_ten_lines_of_python_run(tmp_path, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        exec(compile(code, "README.md", "exec"), {})
    finally:
        os.chdir(before)
    assert (tmp_path / "first-drawing.png").stat().st_size > 0
    assert capsys.readouterr().out.splitlines()[-1] == "answered"


@pytest.mark.parametrize("line", re.findall(r"^\| `vilasr (.*?)` \|", README, re.MULTILINE))
def test_every_command_line_parses(line):
    words = line.replace("IMAGE...", "a.png b.png").replace("TEXT", "where?").split()
    assert build_parser().parse_args(words).command == words[0]


def test_every_file_that_is_linked_exists():
    for target in re.findall(r"\]\((?!https?://)(.*?)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
