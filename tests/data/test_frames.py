"""Frames of videos in the cache."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
from PIL import Image
from video_files import write_video

from vilasr.data import frames as module
from vilasr.data.frames import cached_frames, default_cache
from vilasr.errors import InputError, MissingExtraError


@pytest.fixture
def no_decoding(monkeypatch):
    """From when it is called, decoding fails the test."""

    def forbid():
        monkeypatch.setattr(module, "read_frames", lambda *args, **settings: pytest.fail("decoded again"))

    return forbid


def brightness(path):
    with Image.open(path) as image:
        return round(image.getpixel((32, 24))[0] / 20)


def test_frames_are_files_in_order_first_and_last_included(tmp_path):
    video = write_video(tmp_path / "clip.mp4", num_frames=10)
    found = cached_frames([video], num=4, cache=tmp_path / "cache")
    assert [brightness(path) for path in found[video]] == [0, 3, 6, 9]
    assert [path.name for path in found[video]] == [f"00{index}-of-004.png" for index in range(4)]


def test_a_second_run_decodes_nothing(tmp_path, no_decoding):
    video = write_video(tmp_path / "clip.mp4", num_frames=5)
    once = cached_frames([video], num=3, cache=tmp_path / "cache")
    no_decoding()
    done = []
    again = cached_frames([video, video], num=3, cache=tmp_path / "cache", on_video=lambda: done.append(1))
    assert again == once
    assert done == [1]


def test_another_number_of_frames_and_a_changed_video_are_decoded_anew(tmp_path):
    video = write_video(tmp_path / "clip.mp4", num_frames=5)
    cache = tmp_path / "cache"
    assert len(cached_frames([video], num=3, cache=cache)[video]) == 3
    assert len(cached_frames([video], num=4, cache=cache)[video]) == 4
    write_video(video, num_frames=2)
    assert len(cached_frames([video], num=4, cache=cache)[video]) == 2


def test_a_broken_video_is_told_and_the_others_are_decoded(tmp_path):
    good = write_video(tmp_path / "good.mp4", num_frames=2)
    bad, absent = tmp_path / "bad.mp4", tmp_path / "absent.mp4"
    bad.write_text("no video")
    found = cached_frames([bad, good, absent], num=2, cache=tmp_path / "cache")
    assert len(found[good]) == 2
    assert "expected a complete video; got one that cannot be decoded" in found[bad]
    assert "got no such file" in found[absent]


def test_several_processes_decode(tmp_path):
    videos = [write_video(tmp_path / f"{number}.mp4", num_frames=2) for number in range(3)]
    (tmp_path / "bad.mp4").write_text("no video")
    found = cached_frames([*videos, tmp_path / "bad.mp4"], num=2, cache=tmp_path / "cache", workers=2)
    assert [len(found[video]) for video in videos] == [2, 2, 2]
    assert isinstance(found[tmp_path / "bad.mp4"], str)


def test_an_entry_that_lost_a_frame_is_made_again(tmp_path):
    video = write_video(tmp_path / "clip.mp4", num_frames=3)
    frames = cached_frames([video], num=3, cache=tmp_path / "cache")[video]
    frames[1].unlink()
    assert cached_frames([video], num=3, cache=tmp_path / "cache")[video] == frames
    assert frames[1].is_file()


def test_the_longest_unused_frames_go_when_the_cache_is_full(tmp_path):
    cache = tmp_path / "cache"
    old, used, new = (write_video(tmp_path / f"{name}.mp4", num_frames=2) for name in ("old", "used", "new"))
    first = cached_frames([old, used], num=2, cache=cache)
    size = sum(path.stat().st_size for path in first[old])
    for video, age in ((old, 2000), (used, 1000)):
        folder = first[video][0].parent
        os.utime(folder, (folder.stat().st_mtime - age,) * 2)
    found = cached_frames([new], num=2, cache=cache, max_bytes=int(2.5 * size))
    assert not first[old][0].exists()
    assert first[used][0].exists()
    assert found[new][0].exists()
    assert cached_frames([old, used, new], num=2, cache=cache, max_bytes=0)[old][0].exists()  # what is needed stays


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path):
    video = write_video(tmp_path / "clip.mp4", num_frames=2)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"expected a folder for frames that can be written; .* set VILASR_CACHE"):
        cached_frames([video], num=2, cache=tmp_path / "file" / "cache")


def test_without_pyav_the_extra_is_named_only_where_something_must_be_decoded(tmp_path, monkeypatch):
    video = write_video(tmp_path / "clip.mp4", num_frames=2)
    cached_frames([video], num=2, cache=tmp_path / "cache")
    monkeypatch.setitem(sys.modules, "av", None)
    assert len(cached_frames([video], num=2, cache=tmp_path / "cache")[video]) == 2
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(MissingExtraError, match=r"vilasr\[video\]"):
        cached_frames([video], num=2, cache=tmp_path / "cache")


def test_the_cache_is_where_the_user_says(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("VILASR_CACHE", raising=False)
    assert default_cache() == tmp_path / "xdg" / "vilasr" / "frames"
    monkeypatch.setenv("VILASR_CACHE", str(tmp_path / "mine"))
    assert default_cache() == tmp_path / "mine" / "frames"
