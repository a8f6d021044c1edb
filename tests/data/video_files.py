"""Short videos for tests: frame k is grey of brightness 20 * k."""

from __future__ import annotations

import av
import numpy as np


def write_video(path, *, num_frames, size=(64, 48), **options):
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for index in range(num_frames):
            pixels = np.full((size[1], size[0], 3), 20 * index, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path
