"""Rebuild the embedded model from nothing: `make nano`.

Every step skips itself when its result is there and resumes where it was stopped, so the command may be killed and
given again. After the vision tower and the tokenizer come the stages of CHAIN, each a `vilasr train` with its file in
configs/nano, and each from the model of the one before.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from vilasr.training.memory import restart_keeping_memory

CONFIGS = Path("configs/nano")
RUNS = Path("runs/nano")
PACKAGE = Path("src/vilasr/models/nano")
CHAIN = {
    "1-point": "sft",
    "2-draw": "sft",
    "3-all": "sft",
    "4-closer": "sft",
    "5-families": "sft",
    "6-reflect": "rejection",
    "7-reinforce": "grpo",
}
"""File of configs/nano: the stage that it is a config of."""
NUM_PROCESSES = 2
"""Of seeing and fine-tuning: two of one thread are faster than one of two."""


def _dataset(task: str, *, seed: int, num: int, **options: str) -> tuple[str, ...]:
    """The arguments of `vilasr generate` that make it."""
    given = [word for name, value in options.items() for word in ("--family-option", f"{name}={value}")]
    return (task, "--seed", str(seed), "--num", str(num), *given)


DATASETS: dict[str, dict[str, tuple[str, ...]]] = {
    "3-all": {
        "multiview": _dataset("multiview", seed=100, num=1500),
        "video": _dataset("video", seed=100, num=1200, frames="16"),
    },
    "4-closer": {
        "lessons": _dataset("multiview", seed=100, num=3000, question="lessons", size="192"),
        "colored": _dataset("multiview", seed=202, num=1500, question="colored"),
    },
    "5-families": {
        "views": _dataset("multiview", seed=206, num=1000),
        "matches": _dataset("multiview", seed=207, num=400, question="matching"),
        "moves": _dataset("multiview", seed=205, num=300, question="camera_move"),
        "orders": _dataset("multiview", seed=203, num=250, question="order"),
        "relations": _dataset("multiview", seed=204, num=250, question="relative_position"),
        "appearances": _dataset("video", seed=211, num=300, frames="16", question="obj_appearance_order"),
        "nearest": _dataset("video", seed=212, num=150, frames="16", question="object_rel_distance"),
        "counts": _dataset("video", seed=213, num=150, frames="16", question="object_counting"),
        "sizes": _dataset("video", seed=214, num=120, frames="16", question="object_size_estimation"),
        "distances": _dataset("video", seed=215, num=120, frames="16", question="object_abs_distance"),
        "rooms": _dataset("video", seed=216, num=80, frames="16", question="room_size_estimation"),
    },
}
"""Stage -> name -> arguments of what is made before it: pictures that take longer to render than to learn from."""


def main(arguments: list[str] | None = None) -> None:
    """Run all steps, then write the embedded checkpoint."""
    parser = argparse.ArgumentParser(prog="make nano", description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGE, help="where the finished checkpoint goes")
    parser.add_argument(
        "--until", choices=[*CHAIN], help="end with this stage, and leave the embedded checkpoint alone"
    )
    args = parser.parse_args(arguments)
    if not CONFIGS.is_dir():
        sys.exit("run this from the top of the repository: configs/nano is not here")
    see()
    fresh()
    for name, stage in CHAIN.items():  # `vilasr` sees by itself what is finished
        for dataset, words in DATASETS.get(name, {}).items():
            run("generate", *words, "--out", str(RUNS / "data" / dataset))
        run("train", stage, str(CONFIGS / f"{name}.toml"), processes=NUM_PROCESSES if stage == "sft" else 1)
        if name == args.until:
            return
    package(RUNS / name / "model", args.out)


def run(*words: str, module: str = "vilasr", processes: int = 1) -> None:
    """A command of `vilasr`, or of another module, in so many processes; ends the program when it fails."""
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"] if processes > 1 else []
    if code := subprocess.run([sys.executable, "-m", *launcher, module, *words], check=False).returncode:
        sys.exit(code)


def see() -> None:
    """Stage 0a."""
    if not (RUNS / "0-see" / "vision.safetensors").exists():
        run(str(CONFIGS / "0-see.toml"), module="vilasr.training.nano.seeing", processes=NUM_PROCESSES)


def fresh() -> None:
    """The tokenizer, and the towers put together."""
    from safetensors.torch import load_file

    from vilasr.training.nano.fresh import write_fresh
    from vilasr.training.nano.seeing import word_meanings

    folder = RUNS / "fresh"
    if not (folder / "chat_template.jinja").exists():
        seen = RUNS / "0-see"
        vision = load_file(seen / "vision.safetensors")
        write_fresh(folder, seed=0, vision=vision, meanings=word_meanings(seen / "state.safetensors"))


def package(model: Path, out: Path) -> None:
    """Write the checkpoint in bfloat16 into `out`."""
    import torch

    from vilasr.policies.transformers.model import load_model, save_model

    loaded = load_model(model)
    loaded.model.to(torch.bfloat16)
    # `save_model` keeps side files that are there already; here they would be those of an older model.
    for pattern in ("*.json", "*.jinja", "*.safetensors"):
        for old in out.glob(pattern):
            old.unlink()
    save_model(loaded, out)
    print(f"wrote {out}", file=sys.stderr)


if __name__ == "__main__":
    # Before torch is imported.
    restart_keeping_memory()
    main()
