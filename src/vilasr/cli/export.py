"""`vilasr export`: a dataset or a rollout file in the layout of another program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vilasr.cli.common import add_seed_option, decimal_number, say, whole_number
from vilasr.cli.exit_codes import DONE
from vilasr.errors import InputError
from vilasr.plurals import counted

if TYPE_CHECKING:
    import argparse

    from vilasr.errors import DataError
    from vilasr.integrations import Exported, Source

EXAMPLES = """\
formats:
  sharegpt   conversations for LLaMA-Factory: NAME.json, dataset_info.json, images
  verl       prompts for reinforcement learning with verl: NAME.parquet
  vilasr     the official ViLaSR layout: questions in rl/ (or eval/), of training data also conversations in cold_start/
  parquet    a dataset of ours

examples:
  vilasr export mazes --format sharegpt --out mazes-sft
  vilasr export runs/rollouts.jsonl --format sharegpt --out rollouts-sft

Of a dataset, conversations are demonstrations, played for the occasion. Of a rollout file, they are the rollouts that
ended with an answer. OUT appears when it is complete.
"""


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="write a dataset or rollouts for LLaMA-Factory, verl and others",
        description="Write a dataset or a rollout file in the layout of another program.",
        epilog=EXAMPLES,
    )
    parser.add_argument("source", metavar="DATA_OR_ROLLOUTS", help="a dataset folder, or a rollout file")
    parser.add_argument("--format", required=True, metavar="F", help="sharegpt, verl, vilasr or parquet")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--num", type=whole_number(1), metavar="N", help="only the first N samples or rollouts (default: all)"
    )
    group = parser.add_argument_group("how a dataset is said (a rollout file has been said already)")
    group.add_argument("--protocol", metavar="P", help="vilasr, compact or json (default: vilasr)")
    group.add_argument("--style", metavar="S", help="how marks look: default or published")
    group.add_argument(
        "--max-pixels", type=whole_number(1024), metavar="N", help="of an image; larger are scaled down (1280 tokens)"
    )
    group.add_argument("--no-drawing", dest="drawing", action="store_false", help="reason without drawing")
    group.add_argument(
        "--mistakes", type=decimal_number(0, 1), default=0.0, metavar="SHARE",
        help="share of demonstrations with a deliberate mistake that is then corrected; needs --keep-mistakes",
    )  # fmt: skip
    parser.add_argument(
        "--keep-mistakes",
        action="store_true",
        help="keep conversations with a deliberate mistake, though LLaMA-Factory will train it too",
    )
    add_seed_option(parser)


def run(args: argparse.Namespace) -> int:
    from vilasr.cli.progress import Progress
    from vilasr.integrations import FORMATS, ExportOptions, export, open_source

    if args.format not in FORMATS:
        raise InputError("--format", expected="one of " + ", ".join(FORMATS), got=repr(args.format))
    num_told = 0

    def tell(error: DataError) -> None:
        nonlocal num_told
        num_told += 1
        progress.note(f"left out: {error}")

    with Progress(None, "rows") as progress:
        source = open_source(args.source, on_bad=tell, num=args.num)
        _check_options(args, source)
        options = ExportOptions(
            format=args.format,
            protocol=args.protocol,
            style=args.style or "default",
            drawing=args.drawing,
            max_pixels=args.max_pixels,
            mistakes=args.mistakes,
            keep_mistakes=args.keep_mistakes,
            seed=args.seed,
        )
        done = export(source, args.out, options, on_row=progress.advance)
    if num_told:
        say(f"{counted(num_told, 'row')} could not be used.")
    print(summary(done, args.out))
    return DONE


def summary(done: Exported, out: str) -> str:
    """ "20 conversations and 20 questions in DIR", and what was left out."""
    counts = ((done.num_conversations, "conversation"), (done.num_questions, "question"))
    written = " and ".join(counted(num, what) for num, what in counts if num)
    lines = [f"{written} in {out}"]
    lines += [f"  left out: {count:,} {reason}" for reason, count in sorted(done.left_out.items())]
    return "\n".join(lines)


def _check_options(args: argparse.Namespace, source: Source) -> None:
    """Raises InputError for an option that could have no effect."""
    if args.mistakes and not args.keep_mistakes:
        raise InputError(
            "--mistakes",
            expected="--keep-mistakes with it",
            got="--mistakes alone",
            remedy="LLaMA-Factory cannot leave a single message out of the loss, so by default such conversations are "
            "left out; give --keep-mistakes to train them whole, or train with 'vilasr train sft'.",
        )
    given = {
        "--protocol": args.protocol is not None and args.format in ("sharegpt", "vilasr"),
        "--style": args.style is not None,
        "--max-pixels": args.max_pixels is not None,
        "--no-drawing": not args.drawing,
        "--mistakes": args.mistakes > 0,
    }
    for option, is_given in given.items():
        if is_given and source.header is not None:
            got = "a rollout file, which has its own"
            raise InputError(option, expected="a dataset to say", got=got, remedy=f"Leave {option} out.")
