"""Frames of videos."""

from __future__ import annotations

import sys

import pytest
from video_files import write_video

from vilasr.data.video import is_video, read_frames, spread
from vilasr.errors import InputError, MissingExtraError


def brightness(image):
    """Of the middle pixel, in steps of 20."""
    return round(image.getpixel((32, 24))[0] / 20)


@pytest.mark.parametrize(
    ("total", "num", "positions"),
    [(10, 4, [0, 3, 6, 9]), (9, 3, [0, 4, 8]), (2, 2, [0, 1]), (5, 1, [0]), (3, 16, [0, 1, 2])],
)
def test_positions_are_spread_evenly_with_both_ends(total, num, positions):
    assert spread(total, num) == positions


def test_frames_are_taken_evenly_first_and_last_included(tmp_path):
    frames = read_frames(write_video(tmp_path / "clip.mp4", num_frames=10), num=4)
    assert [brightness(frame) for frame in frames] == [0, 3, 6, 9]
    assert {(frame.size, frame.mode) for frame in frames} == {((64, 48), "RGB")}


@pytest.mark.parametrize("name", ["clip.avi", "clip.mkv", "clip.mov"])
def test_a_short_video_gives_every_frame(name, tmp_path):
    frames = read_frames(write_video(tmp_path / name, num_frames=3), num=16)
    assert [brightness(frame) for frame in frames] == [0, 1, 2]


def test_videos_are_known_by_their_names(tmp_path):
    assert is_video(tmp_path / "Clip.MP4")
    assert not is_video(tmp_path / "moving.gif")


def test_a_file_that_is_no_video_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(InputError, match=r"text\.mp4: expected a complete video; got one that cannot be decoded"):
        read_frames(tmp_path / "text.mp4", num=2)


def test_a_video_that_was_cut_off_is_refused_although_its_beginning_plays(tmp_path):
    path = write_video(tmp_path / "clip.mp4", num_frames=12, movflags="faststart")
    assert len(read_frames(path, num=12)) == 12
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 20 + (len(data) - data.index(b"mdat")) // 2])
    with pytest.raises(InputError, match=r"expected a complete video; got \d of its 12 frames"):
        read_frames(path, num=2)


def test_a_playlist_in_disguise_opens_nothing(tmp_path):
    write_video(tmp_path / "secret.mp4", num_frames=3)
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'secret.mp4'}\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="expected a complete video"):
        read_frames(tmp_path / "list.mp4", num=2)


def test_a_missing_video_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.mp4: expected a video file; got no such file"):
        read_frames(tmp_path / "none.mp4", num=2)


def test_no_frames_are_refused(tmp_path):
    with pytest.raises(InputError, match="--frames: expected a whole number from 1; got 0"):
        read_frames(tmp_path / "none.mp4", num=0)


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    path = write_video(tmp_path / "clip.mp4", num_frames=2)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"Run: pip install 'vilasr\[video\]'"):
        read_frames(path, num=2)
