"""Pixels to features: equal to transformers' own processor and vision tower, and shared by content."""

from __future__ import annotations

import pytest
import torch
from conversations import noise
from tiny_models import tiny_config, write_tiny_model
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from vilasr.errors import InvariantError
from vilasr.policies.transformers import ImageFeatures, ImageSettings, encode_images, load_model, patchify
from vilasr.policies.transformers.vision import FeatureCache, _equal_segments

SIZES = [(32, 40), (16, 16), (32, 40), (48, 8), (40, 32)]


@pytest.mark.parametrize("patch_size", [14, 16])
def test_patches_equal_those_of_the_image_processor(patch_size):
    mean, std = (0.48, 0.45, 0.41), (0.27, 0.26, 0.28)
    settings = ImageSettings(patch_size=patch_size, merge_size=2, temporal_patch_size=2, mean=mean, std=std)
    image = noise(0, (patch_size * 4, patch_size * 6))
    processor = Qwen2VLImageProcessorPil(
        patch_size=patch_size, image_mean=list(mean), image_std=list(std), do_resize=False
    )
    expected = processor([image], return_tensors="pt")
    assert torch.allclose(patchify(image, settings), expected["pixel_values"], atol=1e-6)
    assert [list(settings.grid(image.size))] == expected["image_grid_thw"].tolist()
    assert settings.num_tokens(settings.grid(image.size)) == 6


def test_features_of_any_mix_of_sizes_equal_those_of_the_plain_vision_tower(loaded):
    settings = loaded.images
    pixels = torch.cat([patchify(noise(i, size), settings) for i, size in enumerate(SIZES)])
    grids = [settings.grid(size) for size in SIZES]
    visual = loaded.model.model.visual
    with torch.no_grad():
        ours = encode_images(loaded.model, pixels, grids)
        fast, visual.config._attn_implementation = visual.config._attn_implementation, "eager"
        forward = visual.patch_embed.__dict__.pop("forward")
        try:
            plain = loaded.model.model.get_image_features(pixels, torch.tensor(grids), return_dict=True)
        finally:
            visual.config._attn_implementation = fast
            visual.patch_embed.forward = forward
    for index, features in enumerate(ours):
        assert torch.allclose(features.embeds, plain.pooler_output[index], atol=1e-4)
        assert features.embeds.shape[0] == settings.num_tokens(grids[index])
        for level, deep in enumerate(features.deepstack):
            assert torch.allclose(deep, plain.deepstack_features[level][index], atol=1e-4)
    assert len(ours[0].deepstack) == (1 if loaded.family == "qwen3_vl" else 0)


def test_gradients_flow_through_the_fast_vision_tower(folder):
    model = load_model(folder).model
    settings = load_model(folder).images
    sizes = [(16, 16), (32, 16)]
    pixels = torch.cat([patchify(noise(i, size), settings) for i, size in enumerate(sizes)])
    with torch.inference_mode():  # as the engine does before a training step on the same images
        encode_images(model, pixels, [settings.grid(size) for size in sizes])
    features = encode_images(model, pixels, [settings.grid(size) for size in sizes])
    sum(image.embeds.square().sum() for image in features).backward()
    assert all(p.grad is not None for name, p in model.model.visual.named_parameters() if "deepstack" not in name)
    assert model.model.visual.patch_embed.proj.weight.grad.abs().sum() > 0


def test_segments_are_grouped_by_length_and_put_back_in_order():
    groups, restore = _equal_segments((0, 2, 3, 5))
    assert [(n, length, index.tolist()) for n, length, index in groups] == [(1, 1, [2]), (2, 2, [0, 1, 3, 4])]
    assert restore.tolist() == [1, 2, 0, 3, 4]
    assert _equal_segments((0, 4, 8)) == ([(2, 4, None)], None)


def test_a_size_that_was_not_fitted_is_a_bug():
    settings = ImageSettings(patch_size=14, merge_size=2, temporal_patch_size=2, mean=(0, 0, 0), std=(1, 1, 1))
    with pytest.raises(InvariantError, match="30x28 reached the model; both sides must be multiples of 28"):
        settings.grid((30, 28))


def test_the_cache_drops_the_image_used_longest_ago():
    cache = FeatureCache(max_bytes=2 * 40)
    features = {key: ImageFeatures(embeds=torch.zeros(10)) for key in "abc"}  # 40 bytes each
    cache.put("a", features["a"])
    cache.put("b", features["b"])
    assert cache.get("a") is features["a"]
    cache.put("c", features["c"])
    assert cache.get("b") is None
    assert cache.get("a") is features["a"]
    assert cache.num_bytes == 80
    cache.clear()
    assert (len(cache), cache.num_bytes) == (0, 0)


def test_one_image_larger_than_the_cache_is_still_kept_until_the_next():
    cache = FeatureCache(max_bytes=0)
    cache.put("a", ImageFeatures(embeds=torch.zeros(10)))
    cache.put("b", ImageFeatures(embeds=torch.zeros(10)))
    assert (cache.get("a"), len(cache)) == (None, 1)


def test_a_model_in_half_precision_is_prepared_too(tmp_path):
    loaded = load_model(write_tiny_model(tmp_path, "qwen3_vl", config=tiny_config("qwen3_vl")), dtype=torch.bfloat16)
    pixels = patchify(noise(0, (16, 16)), loaded.images)
    (features,) = encode_images(loaded.model, pixels, [(1, 4, 4)])
    assert features.embeds.dtype == torch.bfloat16
