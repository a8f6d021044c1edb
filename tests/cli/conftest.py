"""An endpoint that follows a script, over real HTTP, and a tiny checkpoint: the commands are tested as they ship."""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

sys.path[:0] = [str(Path(__file__).parents[1] / "policies"), str(Path(__file__).parents[1] / "data")]

DRAW = """<think> I follow the way. </think> Action: Path Tracer
```json
[{"index": 1, "start_point_2d": [4, 4], "end_point_2d": [40, 30], "label": "way"}]
```"""
ANSWER = "<think> It ends at the second letter. </think> Action: Answer\n<answer> B </answer>"


class ScriptedEndpoint:
    """Says `script` turn by turn in every conversation; keeps the requests."""

    def __init__(self):
        self.script = [DRAW, ANSWER]
        self.requests = []
        self.models = ["scripted"]
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def pictures(self):
        """The pictures of the last request, in order."""
        parts = [part for message in self.requests[-1]["messages"] for part in message["content"]]
        urls = [part["image_url"]["url"] for part in parts if isinstance(part, dict) and part["type"] == "image_url"]
        return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]

    def _handler(endpoint):  # noqa: N805 -- self is the handler below
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._send({"data": [{"id": name} for name in endpoint.models]})

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.requests.append(request)
                turn = sum(message["role"] == "assistant" for message in request["messages"])
                said = endpoint.script[min(turn, len(endpoint.script) - 1)]
                self._send({"choices": [{"message": {"content": said}, "finish_reason": "stop"}]})

            def _send(self, content):
                data = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        return Handler


@pytest.fixture
def endpoint():
    endpoint = ScriptedEndpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def photo(tmp_path):
    """A plain picture, 120 x 80."""
    path = tmp_path / "photo.png"
    Image.new("RGB", (120, 80), "steelblue").save(path)
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A random checkpoint with a short context window: it says a hundred random bytes and never answers."""
    from tiny_models import write_tiny_model

    folder = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", "qwen2_5_vl")
    settings = {"protocol": "compact", "min_pixels": 64, "max_pixels": 4096, "max_context_tokens": 500}
    (folder / "vilasr.json").write_text(json.dumps(settings))
    return folder
