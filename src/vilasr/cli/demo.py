"""`vilasr demo`: the main job on the embedded model, with everything to look at."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from vilasr.cli.common import add_model_options, make_folder, seed_number
from vilasr.cli.exit_codes import DONE, NO_ANSWER

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from vilasr.api import AskResult, AskTurn, OpenedPolicy
    from vilasr.types import Sample

TASK = "maze"
NUM_SEEDS = 1_000_000


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo",
        help="watch the embedded model solve a fresh maze by drawing",
        description="Draw a maze that no model was trained on, and let the model find its way by drawing on it.",
    )
    parser.add_argument(
        "--seed", type=seed_number, metavar="N", help="number of the maze (default: a new one each time)"
    )
    parser.add_argument("--out", default="vilasr-demo", metavar="DIR", help="folder for the pictures and index.html")
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    from vilasr.api import clear_result, picture_name, run_async
    from vilasr.cli.common import open_policy
    from vilasr.cli.narrate import ending_text, printable
    from vilasr.cli.results import note_on
    from vilasr.drawing import load_image, save_png
    from vilasr.scoring import score_answer
    from vilasr.tasks import task_named

    folder = make_folder(args.out)
    seed = secrets.randbelow(NUM_SEEDS) if args.seed is None else args.seed
    sample = task_named(TASK).generate("test", 0, seed, {})
    clear_result(folder)
    picture = folder / picture_name(0, 1)
    save_png(load_image(sample.images[0]), picture)
    print(f"Maze {seed} (image 1: {picture})\n{sample.question}\n", flush=True)
    result = run_async(_converse(sample, open_policy(args), folder))
    page = result.save(folder, note=note_on(result.rollout))
    if result.answer is None:
        print(f"\n{ending_text(result)}")
    else:
        score = score_answer(sample, result.rollout.answer)
        verdict = "right" if score.value == 1 else f"wrong: it is {sample.answer}"
        print(f"\nAnswer: {printable(result.answer)} ({verdict}), in {result.num_turns} turns, {result.seconds:.1f} s")
    print(f"See it drawn: {page}")
    return DONE if result.answer is not None else NO_ANSWER


async def _converse(sample: Sample, opened: OpenedPolicy, folder: Path) -> AskResult:
    from vilasr.api import episode_config, solve
    from vilasr.cli.narrate import turn_text

    def tell(turn: AskTurn) -> None:
        print(turn_text(turn, turn.save(folder)), flush=True)

    try:
        return await solve(sample, opened, episode_config(opened), on_turn=tell)
    finally:
        await opened.policy.close()
