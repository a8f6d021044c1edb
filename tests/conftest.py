"""Scenes need an OpenGL driver; where there is none, the tests that draw them are skipped and say what to install."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator


def skipped_without_gl() -> Generator[None, object, object]:
    try:
        return (yield)
    except InputError as error:
        if str(error).startswith("rendering of scenes:"):
            pytest.skip(str(error))
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    return (yield from skipped_without_gl())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    return (yield from skipped_without_gl())
