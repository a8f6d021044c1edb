"""Small datasets and rollout files to export, and files of strangers to import."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from vilasr.integrations import import_official

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def mazes(tmp_path_factory):
    """Eight mazes of all types of question."""
    from small_datasets import make_dataset

    return make_dataset(tmp_path_factory.mktemp("data") / "mazes", num=8)


@pytest.fixture
def pictures(tmp_path):
    """A folder with a.png and sub/b.png, and a secret beside it."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    Image.new("RGB", (56, 28), "red").save(folder / "a.png")
    Image.new("RGB", (28, 56), "blue").save(folder / "sub" / "b.png")
    Image.new("RGB", (28, 28), "black").save(tmp_path / "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "text.png").write_text("no picture")
    return folder


@pytest.fixture
def take(tmp_path, pictures):
    """Imports rows (a list, or bytes); gives what came of it and the rejected rows by number."""

    def run(rows, *, as_lines=False, images=pictures, name="official"):
        if not isinstance(rows, bytes):
            rows = "\n".join(map(json.dumps, rows)).encode() if as_lines else json.dumps(rows).encode()
        file = tmp_path / f"{name}.json"
        file.write_bytes(rows)
        rejected = {}
        with file.open("rb") as stream:
            done = import_official(
                stream, images, tmp_path / "out", name=name, on_row=lambda: None, on_rejected=rejected.__setitem__
            )
        return done, rejected

    return run
