"""What several commands share: groups of options, and what is built from them."""

from __future__ import annotations

import argparse
import json
import math
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vilasr.api import OpenedPolicy
    from vilasr.env import EpisodeConfig
    from vilasr.types import Json


# --- options ----------------------------------------------------------------------------------------------------------


def add_model_options(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """--model, --endpoint, --device."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        default=None if required else "nano",
        required=required,
        metavar="M",
        help="'nano' (embedded: synthetic mazes, rooms), a checkpoint folder, a Hugging Face name, or with --endpoint "
        "the model's name there",
    )
    group.add_argument(
        "--endpoint", metavar="URL", help="an OpenAI-compatible server, such as http://localhost:8000/v1"
    )
    group.add_argument("--device", default="auto", help="where a local model runs: auto, cpu, cuda, cuda:1")


def add_episode_options(parser: argparse.ArgumentParser) -> None:
    """--style, --protocol, --system-prompt, --no-drawing, --max-turns, --max-pixels, --strict."""
    group = parser.add_argument_group("conversation")
    group.add_argument(
        "--style", type=_style, default="default", metavar="S", help="how marks look: default or published"
    )
    group.add_argument(
        "--protocol", type=_protocol, metavar="P", help="vilasr, compact or json (default: the model's own)"
    )
    group.add_argument("--system-prompt", metavar="FILE", help="a text file that replaces the protocol's system prompt")
    group.add_argument("--no-drawing", dest="drawing", action="store_false", help="reason without drawing")
    group.add_argument(
        "--max-turns",
        type=whole_number(1),
        metavar="N",
        help="replies allowed (default: 20 for mazes and in 'vilasr ask', else 10)",
    )
    group.add_argument(
        "--max-pixels",
        type=whole_number(1),
        metavar="N",
        help="of an image as the model sees it (default: the model's own; at an endpoint 1,280 visual tokens)",
    )
    group.add_argument("--strict", action="store_true", help="the first mistake of the model ends its attempt")


def add_seed_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=seed_number, default=0, metavar="K", help="of every random choice")


def whole_number(least: int, most: float = 10**15) -> Callable[[str], int]:
    """An argparse type: a whole number from `least`, and not so large that clocks and slices cannot count it."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            limits = f"from {least}" if value < least else f"up to {most:,}"
            raise argparse.ArgumentTypeError(f"expected a whole number {limits}; got {text!r}.")
        return value

    return read


seed_number = whole_number(0, math.inf)


def decimal_number(least: float, most: float = math.inf) -> Callable[[str], float]:
    """An argparse type: a number from `least` to `most`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (least <= value <= most and math.isfinite(value)):
            limits = f"from {least:g}" if math.isinf(most) else f"from {least:g} to {most:g}"
            raise argparse.ArgumentTypeError(f"expected a number {limits}; got {text!r}.")
        return value

    return read


def _style(name: str) -> str:
    """Checked while the command line is read, long before a model is loaded."""
    from vilasr.drawing import style_named

    return style_named(name).name


def _protocol(name: str) -> str:
    from vilasr.protocol import protocol_named

    return protocol_named(name).name


# --- what is built from them ------------------------------------------------------------------------------------------


def open_policy(args: argparse.Namespace) -> OpenedPolicy:
    """The policy that the model options name; close `.policy` after use. Raises InputError."""
    from vilasr.api import open_policy

    return open_policy(args.model, endpoint=args.endpoint, device=args.device)


def episode_config(args: argparse.Namespace, opened: OpenedPolicy) -> EpisodeConfig:
    """The configuration that the episode options ask for, and that fits the policy. Raises InputError."""
    from vilasr.api import episode_config
    from vilasr.env import Limits

    return episode_config(
        opened,
        protocol=args.protocol,
        system_prompt=None if args.system_prompt is None else read_text(args.system_prompt),
        style=args.style,
        drawing=args.drawing,
        strict=args.strict,
        max_pixels=args.max_pixels,
        limits=Limits(max_turns=args.max_turns),
    )


def read_text(path: str) -> str:
    """The text of a file that the user named; raises InputError."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        got = str(error.strerror).lower() if isinstance(error, OSError) else str(error)
        raise InputError(path, expected="a text file (UTF-8)", got=got, remedy="Check the path.") from error


def make_folder(path: str | Path) -> Path:
    """The folder, made where it is missing; raises InputError."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        got = str(error.strerror).lower()
        raise InputError(str(path), expected="a folder that can be written", got=got, remedy="Give another.") from error
    return folder


def write_json(data: Json, target: str) -> None:
    """To a file, or to stdout for "-"; raises InputError."""
    if target == "-":
        print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
        return
    path = Path(target)
    make_folder(path.parent)
    with writable(path):
        path.write_bytes(json_bytes(data))


def json_bytes(data: Json) -> bytes:
    """What a JSON file for people and programs holds. A character that cannot be encoded is written as its escape."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """A failure to write `path` becomes an InputError."""
    try:
        yield
    except OSError as error:
        got = str(error.strerror).lower()
        raise InputError(str(path), expected="a file that can be written", got=got, remedy="Give another.") from error


def check_own_file(option: str, target: str | Path, sources: Iterable[Path]) -> None:
    """Raises InputError when what is written to `target` would replace what was read."""
    for source in sources:
        if Path(target).exists() and source.exists() and Path(target).samefile(source):
            raise InputError(option, expected="a file of its own", got=f"{source}, which is read")


def say(text: str) -> None:
    """A line for people, on stderr: stdout is for results."""
    print(text, file=sys.stderr, flush=True)
