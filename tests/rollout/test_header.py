"""What the header of a rollout file makes of the settings, and the hash by which a resumed run knows them again."""

from __future__ import annotations

from pathlib import Path

from vilasr.rollout import Header, new_header
from vilasr.types import Box, SamplingParams, Status


def header() -> Header:
    """With a value of each kind that settings have."""
    config = {
        "source": {"file": Path("data") / "maze.json", "kinds": ("end", "valid"), 7: None},
        "mark": Box(image_index=1, box_px=(0.1, 2, 1e-7, 4.0), label="t\u00fcr"),
        "nested": [{"status": Status.ANSWERED, "sampling": SamplingParams()}],
        "strict": False,
    }
    return new_header(
        protocol="compact",
        model="nano",
        seed=3,
        style="default",
        drawing=True,
        sampling=SamplingParams(temperature=0.7, top_p=0.9, max_tokens=256),
        config=config,
    )


def test_records_paths_tuples_and_enums_become_json():
    assert header().config == {
        "source": {"file": "data/maze.json", "kinds": ["end", "valid"], "7": None},
        "mark": {"image_index": 1, "box_px": [0.1, 2, 1e-7, 4.0], "label": "t\u00fcr", "kind": "box"},
        "nested": [{"status": "answered", "sampling": {"temperature": 0.0, "top_p": 1.0, "max_tokens": 1024}}],
        "strict": False,
    }


def test_the_same_settings_have_the_same_hash_in_every_version():
    assert header().config_hash == "504f5aa3bf51b950c8b06ad138a8535c2e2c54aa7c2a5df7adc437e7beb0c815"
