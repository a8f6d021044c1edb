"""The entry point `vilasr`: finds the command, runs it, turns errors into messages and exit codes.

Exit codes: 0 done; 2 bad usage or input; 3 the model gave no answer within its limits; 130 interrupted. 1 is for bugs,
and only a bug shows a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast

import vilasr
from vilasr.cli.exit_codes import BAD_INPUT, INTERRUPTED, PIPE_CLOSED
from vilasr.errors import DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "demo": "vilasr.cli.demo",
    "ask": "vilasr.cli.ask",
    "generate": "vilasr.cli.generate",
    "rollout": "vilasr.cli.rollout",
    "eval": "vilasr.cli.evaluate",
    "score": "vilasr.cli.score",
    "compare": "vilasr.cli.compare",
    "train": "vilasr.cli.train",
    "export": "vilasr.cli.export",
    "import": "vilasr.cli.import_data",
    "view": "vilasr.cli.view",
}
"""Command -> module, in the order of the help text."""


class Command(Protocol):
    """What a command module offers."""

    def add_parser(self, subparsers: argparse._SubParsersAction[Parser]) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


class HelpFormatter(argparse.HelpFormatter):
    """Shows the default of every option that has one."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=min(110, _columns() - 2))

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        default = action.default
        hidden = default is None or isinstance(default, (bool, list)) or default == argparse.SUPPRESS
        if not text or hidden or not action.option_strings or "default" in text:
            return text
        return f"{text} (default: %(default)s)"

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Examples are laid out by hand."""
        return text if "\n" in text else super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """Options are written out in full, and a wrong one ends in the same "error:" line as any other bad input."""

    def __init__(self, **settings: Any) -> None:
        chosen: dict[str, Any] = {"formatter_class": HelpFormatter, "allow_abbrev": False} | settings
        super().__init__(**chosen)
        self._is_mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Options may stand anywhere among the words of a command that takes any number of them: argparse alone would
        give it those before the first option, and know nothing of the rest."""
        takes_any = any(action.nargs in ("*", "+") for action in self._get_positional_actions())
        if self._is_mixing or not takes_any:
            return super().parse_known_args(args, namespace)
        self._is_mixing = True  # what is called now parses options and words in turn, by this very method
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_mixing = False

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {message}\nRun '{self.prog} --help' to see what it takes.\n")


def run() -> NoReturn:
    """The console script."""
    logging.basicConfig(level=logging.WARNING, format="warning: %(message)s")
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command line, without the program's name; returns the exit code. Bugs leave as exceptions."""
    try:
        code = _run(argv)
        sys.stdout.flush()
    except (InputError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as interrupt:  # a command may say in it how to go on
        print(f"\nInterrupted. {interrupt}".rstrip(), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end, and would complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def build_parser(names: Sequence[str] = tuple(COMMANDS)) -> Parser:
    """The parser with the commands of these names."""
    parser = Parser(prog="vilasr", description=vilasr.__doc__)
    parser.add_argument("--version", action="version", version=f"vilasr {vilasr.__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    for name in names:
        _module(name).add_parser(subparsers)
    return parser


def _run(argv: Sequence[str]) -> int:
    """Only the command that was asked for is imported; the general help needs them all."""
    names = [argv[0]] if argv and argv[0] in COMMANDS else list(COMMANDS)
    try:
        args = build_parser(names).parse_args(argv)
    except SystemExit as end:  # argparse has printed its help or its error
        return end.code if isinstance(end.code, int) else 0
    return _module(args.command).run(args)


def _module(name: str) -> Command:
    return cast("Command", importlib.import_module(COMMANDS[name]))


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 100
