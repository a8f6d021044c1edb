"""Makes `rollouts_by_hand` and `chromium` importable, and starts one browser for all tests of this folder."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    from chromium import Chromium, find_chromium

    program = find_chromium()
    if program is None:
        pytest.skip("no browser: install chromium (Debian: apt-get install chromium) or set CHROMIUM to its path")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as chromium:
        yield chromium
