"""Scenes need an OpenGL driver; where there is none, the tests that draw them are skipped and say what to install.
A shell lets what it starts in the background ignore Ctrl-C; tests that press it need it. Servers of tests are on this
machine, whatever proxy it has. Hypothesis draws the same examples each time, however slow the machine is."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager


settings.register_profile(
    "same", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("same")
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    if not hasattr(config, "workerinput"):  # workers have it from here
        signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture
def files_limited_to() -> Callable[[int], AbstractContextManager[None]]:
    """A disk that is full: within `files_limited_to(num_bytes)` no file of this process grows beyond that."""
    resource = pytest.importorskip("resource")

    @contextmanager
    def limited(num_bytes: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
