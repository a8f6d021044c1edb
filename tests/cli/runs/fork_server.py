"""Starts `vilasr` again and again without paying for its imports each time: commands run in forks of this process.

The commands are real processes that can be killed for real. Orders come as JSON lines, one answer for each:

    {"do": "start", "words": ["eval", ...], "log": PATH}    -> its process id
    {"do": "kill"}                                          -> its exit code: -9, or its own if it was faster
    {"do": "wait"}                                          -> its exit code
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Commands:
    """The other side: `start`, then `kill` or `wait`; one command at a time. A context manager."""

    def __init__(self, log: Path) -> None:
        self.log = log
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def start(self, words: Sequence[object]) -> None:
        self._order(do="start", words=[str(word) for word in words], log=str(self.log))

    def kill(self) -> int:
        return self._order(do="kill")

    def wait(self) -> int:
        return self._order(do="wait")

    def __enter__(self) -> Commands:
        return self

    def __exit__(self, *error: object) -> None:
        self._server.communicate()

    def _order(self, **order: object) -> int:
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


def run_command(words: Sequence[str], log: str) -> int:
    """In the fork: what the console script does, with everything it prints in `log`."""
    from vilasr.cli.main import main

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    try:
        return main(words)
    except BaseException:
        traceback.print_exc()
        return 1


def serve() -> None:
    import matplotlib.figure  # noqa: F401
    import torch
    import transformers.models.qwen3_vl.modeling_qwen3_vl  # noqa: F401

    import vilasr.cli.evaluate
    import vilasr.cli.rollout
    import vilasr.cli.train
    import vilasr.policies.openai
    import vilasr.tasks.maze
    import vilasr.training.grpo
    import vilasr.training.sft
    import vilasr.viewer  # noqa: F401

    torch.set_num_threads(1)
    child = 0
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            child = os.fork()
            if child == 0:
                code = run_command(order["words"], order["log"])
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
            answer = child
        else:
            if order["do"] == "kill":
                os.kill(child, signal.SIGKILL)  # not reaped before the next line, so the number is still its own
            answer = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(answer, flush=True)


if __name__ == "__main__":
    serve()
