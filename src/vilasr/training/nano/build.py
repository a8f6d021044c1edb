"""Rebuild the embedded model from nothing: `make nano`.

Every stage skips itself when its result is there and resumes where it was stopped, so the command may be killed and
given again. The stages are the TOML files of configs/nano, in the order of their numbers.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from vilasr.training.memory import restart_keeping_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIGS = Path("configs/nano")
RUNS = Path("runs/nano")
PACKAGE = Path("src/vilasr/models/nano")


def main(arguments: list[str] | None = None) -> None:
    """Run all stages, then write the embedded checkpoint."""
    parser = argparse.ArgumentParser(prog="make nano", description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGE, help="where the finished checkpoint goes")
    out = parser.parse_args(arguments).out
    if not CONFIGS.is_dir():
        sys.exit("run this from the top of the repository: configs/nano is not here")
    see()
    fresh()
    for path in sorted(CONFIGS.glob("[1-9]*.toml"), key=lambda path: int(path.stem.partition("-")[0])):
        last = fine_tune(path)
    package(last, out)


def see() -> None:
    """Stage 0a."""
    from vilasr.training.config import load_config
    from vilasr.training.nano.seeing import SeeingConfig, train_seeing

    config = load_config(SeeingConfig, CONFIGS / "0-see.toml")
    if (config.out / "vision.safetensors").exists():
        return
    with progress("0-see", config.steps) as report:
        train_seeing(config, report=report)


def fresh() -> None:
    """The tokenizer, and the towers put together."""
    from safetensors.torch import load_file

    from vilasr.training.nano.fresh import write_fresh

    folder = RUNS / "fresh"
    if not (folder / "chat_template.jinja").exists():
        write_fresh(folder, seed=0, vision=load_file(RUNS / "0-see" / "vision.safetensors"))


def fine_tune(path: Path) -> Path:
    """One stage of supervised fine-tuning; returns the folder of its model."""
    from vilasr.training.config import SftConfig, load_config
    from vilasr.training.sft import train_sft

    config = load_config(SftConfig, path)
    if (config.out / "model" / "vilasr.json").exists():
        return config.out / "model"
    with progress(path.stem, config.num_steps) as report:
        return train_sft(config, report=report)


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


@contextmanager
def progress(name: str, steps: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """A bar on stderr; enter it to get the `report` of a stage."""
    with tqdm(total=steps, desc=name, unit="step") as shown:

        def report(step: int, metrics: dict[str, float]) -> None:
            shown.update(step + 1 - shown.n)
            known = {key: metrics[key] for key in ("loss", "recall", "where_px") if key in metrics}
            shown.set_postfix({key: f"{value:.3f}" for key, value in known.items()})

        yield report


if __name__ == "__main__":
    # Before torch is imported.
    restart_keeping_memory()
    main()
