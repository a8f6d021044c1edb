"""The command line as a whole: what it imports, how it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vilasr.cli import ask, generate
from vilasr.cli.main import COMMANDS, build_parser, main
from vilasr.errors import DataError

HEAVY = ("torch", "transformers", "numpy", "PIL", "pyarrow", "httpx", "pydantic", "tqdm", "av")


def run_python(code, *arguments):
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert [name for name in COMMANDS if f"\n    {name} " not in out] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"usage: vilasr {command}" in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    code = f"import sys; from vilasr.cli.main import main; main(['--help']); print({HEAVY} & sys.modules.keys())"
    done = run_python(code.replace(str(HEAVY), f"set({HEAVY})"))
    assert done.stdout.splitlines()[-1] == "set()"


def test_version_is_the_package_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "vilasr 0.1.0\n"


@pytest.mark.parametrize("argv", [[], ["paint"], ["ask"], ["generate", "maze"], ["view"], ["--fast"]])
def test_bad_usage_is_exit_code_2_with_one_error_line(argv, capsys):
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("Run 'vilasr")


def test_options_are_not_abbreviated(capsys):
    assert main(["generate", "maze", "--num", "1", "--out", "x", "--fam", "size=3"]) == 2
    assert "unrecognized arguments: --fam size=3" in capsys.readouterr().err


def test_defaults_are_shown_in_help(capsys):
    main(["ask", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert "frames taken of a video (default: 16)" in out
    assert "of every random choice (default: 0)" in out


def test_broken_data_is_exit_code_2(monkeypatch, capsys):
    def run(args):
        raise DataError("rollouts.jsonl, line 3: cut off")

    monkeypatch.setattr(generate, "run", run)
    assert main(["generate", "maze", "--num", "1", "--out", "x"]) == 2
    assert capsys.readouterr().err == "error: rollouts.jsonl, line 3: cut off\n"


def test_an_interruption_is_exit_code_130_without_a_traceback(monkeypatch, capsys):
    def run(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(ask, "run", run)
    assert main(["ask", "a.png", "-q", "Where?"]) == 130
    assert capsys.readouterr().err == "\nInterrupted.\n"


def test_a_bug_is_not_hidden(monkeypatch):
    def run(args):
        raise ZeroDivisionError

    monkeypatch.setattr(ask, "run", run)
    with pytest.raises(ZeroDivisionError):
        main(["ask", "a.png", "-q", "Where?"])


def test_a_closed_pipe_is_quiet(tmp_path):
    command = [sys.executable, "-c", "from vilasr.cli.main import run; run()"]
    command += ["generate", "maze", "--num", "1", "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 141


def test_parsers_can_be_built_one_command_at_a_time():
    args = build_parser(["view"]).parse_args(["view", "rollouts.jsonl"])
    assert (args.command, args.path, args.out) == ("view", "rollouts.jsonl", None)


def test_importing_the_package_loads_nothing_heavy_and_names_come_when_used():
    code = """
import sys, vilasr
print(sorted({"torch", "numpy", "PIL", "httpx", "asyncio"} & sys.modules.keys()))
print(vilasr.Sample.__name__, "PIL" in sys.modules)
print(vilasr.Episode.__name__, vilasr.EpisodeConfig.__name__, vilasr.Rollout.__name__, vilasr.ask.__name__)
print("torch" in sys.modules, set(vilasr.__all__) <= set(dir(vilasr)))
try:
    vilasr.nothing
except AttributeError as error:
    print(error)
"""
    assert run_python(code).stdout.splitlines() == [
        "[]",
        "Sample False",
        "Episode EpisodeConfig Rollout ask",
        "False True",
        "module 'vilasr' has no attribute 'nothing'",
    ]
