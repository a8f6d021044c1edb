"""`vilasr ask`: a question about images or a video, answered by a model that may draw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vilasr.cli.common import (
    add_episode_options,
    add_model_options,
    add_seed_option,
    decimal_number,
    episode_config,
    make_folder,
    open_policy,
    say,
    whole_number,
    write_json,
)
from vilasr.cli.exit_codes import DONE, NO_ANSWER

if TYPE_CHECKING:
    import argparse

    from vilasr.api import AskResult, AskTurn, OpenedPolicy
    from vilasr.env import EpisodeConfig
    from vilasr.types import Sample

NANO_NOTE = (
    "nano has only ever seen synthetic mazes and rooms: expect nothing of it on other pictures. "
    "Name a real model with --model or --endpoint."
)
EXAMPLES = """\
examples:
  vilasr ask maze.png -q "Start at the green dot. Go right, then up. Where does it end?" \\
      --option A --option B --option C --option D --out answer
  vilasr ask room.mp4 -q "How many chairs are there?" --endpoint http://localhost:8000/v1

The answer goes to stdout, the model's turns to stderr. Exit code 3: the model gave no answer within its limits.
"""


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "ask",
        help="ask a question about images or a video",
        description="Ask a model about images or a video. It may draw boxes and lines while it reasons.",
        epilog=EXAMPLES,
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image files, or videos (mp4, mov, avi, mkv, webm)")
    parser.add_argument("-q", "--question", required=True, metavar="TEXT", help="the question, without its options")
    parser.add_argument(
        "--option", action="append", metavar="TEXT", help="one option, without its letter; once for each, in order"
    )
    parser.add_argument("--frames", type=whole_number(1), default=16, metavar="N", help="frames taken of a video")
    parser.add_argument("--out", metavar="DIR", help="folder for the pictures, result.json and index.html")
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="write the result as JSON, '-' for stdout; without --out, pictures go to FILE's name + '-images'",
    )
    add_model_options(parser)
    add_episode_options(parser)
    parser.add_argument(
        "--temperature", type=decimal_number(0), default=0.0, metavar="T", help="of sampling; 0: the likeliest token"
    )
    add_seed_option(parser)


def run(args: argparse.Namespace) -> int:
    from vilasr.api import NANO, make_sample, run_async

    sample = make_sample(args.images, args.question, args.option, frames=args.frames)
    folder = _picture_folder(args)
    if args.model == NANO and args.endpoint is None:
        say(NANO_NOTE)
    elif args.endpoint is None:
        say(f"Loading {args.model} ...")
    opened = open_policy(args)
    result = run_async(_converse(args, sample, opened, episode_config(args, opened), folder))
    if args.out is not None:
        say(f"All of it: {result.save(args.out)}")
    if args.json is not None:
        write_json(result.to_json(_path_of(folder)), args.json)
    if args.json != "-" and result.answer is not None:
        from vilasr.cli.narrate import printable

        print(printable(result.answer))
    return _exit_code(result)


async def _converse(
    args: argparse.Namespace, sample: Sample, opened: OpenedPolicy, config: EpisodeConfig, folder: Path | None
) -> AskResult:
    from vilasr.api import solve
    from vilasr.cli.narrate import turn_text

    def tell(turn: AskTurn) -> None:
        paths = {}
        if folder is not None and turn.pictures:
            paths = turn.save(make_folder(folder))
        say(turn_text(turn, paths))

    try:
        return await solve(sample, opened, config, seed=args.seed, temperature=args.temperature, on_turn=tell)
    finally:
        await opened.policy.close()


def _picture_folder(args: argparse.Namespace) -> Path | None:
    if args.out is not None:
        return make_folder(args.out)
    if args.json in (None, "-"):
        return None
    file = Path(args.json)
    return file.with_name(f"{file.stem}-images")


def _path_of(folder: Path | None) -> Any:
    return None if folder is None else lambda turn, index: str(folder / turn.file_name(index))


def _exit_code(result: AskResult) -> int:
    if result.answer is not None:
        return DONE
    from vilasr.cli.narrate import ending_text

    say(ending_text(result))
    return NO_ANSWER
