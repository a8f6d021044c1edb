"""An OpenAI-compatible server without a model: what it says follows from the picture alone, so runs can be compared.

By default it first draws a box, then answers with a letter; every eighth picture gets a reply that is neither.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

from vilasr.protocol import VILASR, format_turn
from vilasr.types import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = ((112, 112),)
SECONDS_A_REPLY = 0.005


class RefusedError(Exception):
    """Raised by what replies: the server answers HTTP 400, and that conversation has failed."""


def digest_of(messages: list[dict]) -> bytes:
    """Of the first picture: 32 bytes."""
    urls = [part["image_url"]["url"] for part in messages[1]["content"] if part["type"] == "image_url"]
    return hashlib.sha256(urls[0].encode()).digest()


def reply(messages: list[dict]) -> str:
    """What a model would say now."""
    digest = digest_of(messages)
    num_said = sum(message["role"] == "assistant" for message in messages)
    if digest[1] % 8 == 0:
        return f"I cannot say, for the {num_said + 1}. time."
    if num_said == 0:
        box = Box(image_index=1, box_px=(8, 8, 20 + digest[2] % 64, 20 + digest[3] % 64), label="start")
        return format_turn("Look.", actions=[box], protocol=VILASR, sizes=SIZES, model_sizes=SIZES)
    return format_turn("Done.", answer="ABCD"[digest[0] % 4], protocol=VILASR, sizes=SIZES, model_sizes=SIZES)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(SECONDS_A_REPLY)
        try:
            said = self.server.reply(body["messages"])
        except RefusedError as error:
            self.send_error(400, str(error))
            return
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        content = json.dumps({"choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Nothing: a killed client is no news."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    reply: Callable[[list[dict]], str]

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a killed client leaves broken connections."""


@contextmanager
def serve(reply: Callable[[list[dict]], str] = reply) -> Iterator[str]:
    """The base URL, for as long as the server runs. `reply` says what a model would say to the messages."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.reply = reply
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
