"""Pictures, labels and depths of a scene, drawn by MuJoCo's renderer without compiling a model per scene.

One model per thread holds nothing but textures; the primitives of a scene are written straight into the list that the
renderer draws. So a scene costs milliseconds to load, and memory does not grow with the number of scenes.
"""

from __future__ import annotations

import math
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vilasr.errors import InputError, InvariantError
from vilasr.tasks.scenes.gl import make_context, mujoco_module, no_gl
from vilasr.tasks.scenes.solids import Solid, solids
from vilasr.tasks.scenes.textures import PATTERNS, SIDE, rgb_bytes
from vilasr.tasks.scenes.world import Shape, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.world import Light, Scene

MIN_SIDE, MAX_SIDE = 16, 1024
_SUPERSAMPLING = 2
"""A picture is drawn this many times larger each way and averaged. Multisampling took as long, left the insides of
textures and shadows rough, and made the labels, which need none of it, twice as slow."""
_NO_PICTURE = Image.new("RGB", (1, 1))
_NEAR, _FAR = 0.02, 40.0
_MAX_SOLIDS = 8000
_SHADOW_PX = 1024
_AMBIENT = 0.42
_SHAPES = {
    Shape.BOX: "mjGEOM_BOX",
    Shape.CYLINDER: "mjGEOM_CYLINDER",
    Shape.SPHERE: "mjGEOM_SPHERE",
    Shape.ELLIPSOID: "mjGEOM_ELLIPSOID",
    Shape.CAPSULE: "mjGEOM_CAPSULE",
}


class Renderer:
    """Draws the scene loaded last, for cameras of one size. Get one from `renderer_for`."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._scene: Scene | None = None

    def load(self, scene: Scene) -> None:
        self._scene = scene

    def labels(self, camera: Camera) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        """(labels, depth) as in `View`: exact, and far cheaper than the picture.

        Raises:
            InputError: the camera's size is not the renderer's.
        """
        return self._stage(camera).labels(camera)

    def rgb(self, camera: Camera) -> Image.Image:
        """The picture, mode RGB. Raises InputError as `labels`."""
        return self._stage(camera).picture(camera)

    def look(self, camera: Camera) -> View:
        """All of a view but its picture, which is blank; most looks lead to nothing. Raises InputError as `labels`."""
        labels, depth = self.labels(camera)
        assert self._scene is not None
        boxes, pixels = visible(self._scene, labels)
        return View(camera=camera, image=_NO_PICTURE, boxes_px=boxes, pixels=pixels, depth=depth, labels=labels)

    def view(self, camera: Camera) -> View:
        """Picture, labels, depth, and the boxes around what is visible. Raises InputError as `labels`."""
        return replace(self.look(camera), image=self.rgb(camera))

    def _stage(self, camera: Camera) -> _Stage:
        if camera.size != self.size:
            raise InputError("camera", expected=f"size {self.size}", got=f"size {camera.size}")
        stage = _stage()
        stage.show(self._loaded())
        return stage

    def _loaded(self) -> Scene:
        if self._scene is None:
            raise InvariantError("Renderer.load comes before drawing")
        return self._scene


def renderer_for(size: tuple[int, int]) -> Renderer:
    """A renderer for pictures of (width, height); all renderers of a thread share one OpenGL context.

    Raises:
        InputError: a size out of bounds, or no driver that can draw.
        MissingExtraError: mujoco is not installed.
    """
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise InputError("size", expected=f"{MIN_SIDE} to {MAX_SIDE} px each way", got=f"{size[0]}x{size[1]}")
    _stage()
    return Renderer(size)


def visible(scene: Scene, labels: NDArray[np.int16]) -> tuple[dict[str, tuple[int, int, int, int]], dict[str, int]]:
    """(boxes_px, pixels) as in `View`."""
    boxes, pixels = {}, {}
    counts = np.bincount(labels.ravel().astype(np.int64) + 1, minlength=len(scene.objects) + 1)[1:]
    for index in np.flatnonzero(counts):
        mask = labels == index
        xs, ys = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        name = scene.objects[index].name
        boxes[name] = (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1)
        pixels[name] = int(counts[index])
    return boxes, pixels


_local = threading.local()
_drawing_pid: int | None = None


def _stage() -> _Stage:
    """The stage of this thread: a context of OpenGL is current in one thread only."""
    global _drawing_pid
    if _drawing_pid not in (None, os.getpid()):
        raise InvariantError("OpenGL hangs in a process forked from one that draws; start it with 'spawn'")
    _drawing_pid = os.getpid()
    if not hasattr(_local, "stage"):
        _local.stage = _Stage()
    stage: _Stage = _local.stage
    return stage


class _Stage:
    """What can draw: an OpenGL context, the textures in it, and the list of primitives on show."""

    def __init__(self) -> None:
        self.mujoco = mujoco_module()
        self.gl = make_context(MAX_SIDE, MAX_SIDE)
        self.materials = {name: number for number, name in enumerate(PATTERNS)}
        model = _textures_only(self.mujoco)
        try:
            self.context = self.mujoco.MjrContext(model, self.mujoco.mjtFontScale.mjFONTSCALE_50.value)
        except self.mujoco.FatalError as problem:
            raise no_gl(problem) from problem
        self.context.readDepthMap = self.mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self.mujoco.mjr_setBuffer(self.mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self.context)
        self.list = self.mujoco.MjvScene(model, maxgeom=_MAX_SOLIDS)
        self.shown: Scene | None = None
        flags, self.flag = self.list.flags, self.mujoco.mjtRndFlag
        flags[:] = 0
        flags[self.flag.mjRND_CULL_FACE] = 1

    def show(self, scene: Scene) -> None:
        """Puts a scene on the stage, unless it is there already."""
        self.gl.make_current()
        if self.shown is scene:
            return
        found = solids(scene)
        if len(found) > _MAX_SOLIDS:
            raise InvariantError(f"a scene of {len(found)} primitives; at most {_MAX_SOLIDS} can be drawn")
        self.list.ngeom = len(found)
        for place, solid in zip(self.list.geoms, found, strict=False):
            self._place(place, solid)
        corners = np.array([corner for room in scene.rooms for corner in room.outline])
        self.context.shadowClip = float(np.ptp(corners, axis=0).max()) * 0.6 + 0.5
        self.list.nlight = len(scene.surroundings.lights)
        for number, light in enumerate(scene.surroundings.lights):
            self._shine(self.list.lights[number], number, light)
        self.shown = scene

    def labels(self, camera: Camera) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        flags = self.list.flags
        flags[self.flag.mjRND_SEGMENT] = flags[self.flag.mjRND_IDCOLOR] = 1
        rgb, near_one = self._draw(camera, 1)
        flags[self.flag.mjRND_SEGMENT] = flags[self.flag.mjRND_IDCOLOR] = 0
        # The colour counts from 1 for the first `segid`, and `segid` is the label + 1; 0 is where nothing was drawn.
        coded = rgb[..., 0].astype(np.int16) + (rgb[..., 1].astype(np.int16) << 8)
        depth = _NEAR * _FAR / (_NEAR + near_one.astype(np.float64) * (_FAR - _NEAR))
        return np.maximum(coded - 2, -1).astype(np.int16), depth.astype(np.float32)

    def picture(self, camera: Camera) -> Image.Image:
        self.list.flags[self.flag.mjRND_SHADOW] = 1
        rgb, _ = self._draw(camera, _SUPERSAMPLING)
        self.list.flags[self.flag.mjRND_SHADOW] = 0
        return Image.fromarray(rgb).reduce(_SUPERSAMPLING)

    def _draw(self, camera: Camera, scale: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """(uint8 [height, width, 3], float32 [height, width]: 1 at the near plane, 0 at the far one)."""
        width, height = camera.size[0] * scale, camera.size[1] * scale
        if width > self.context.offWidth or height > self.context.offHeight:
            self.mujoco.mjr_resizeOffscreen(width, height, self.context)
        self._aim(camera)
        rect = self.mujoco.MjrRect(0, 0, width, height)
        self.mujoco.mjr_render(rect, self.list, self.context)
        rgb, depth = np.empty((height, width, 3), np.uint8), np.empty((height, width), np.float32)
        self.mujoco.mjr_readPixels(rgb, depth if scale == 1 else None, rect, self.context)
        return np.ascontiguousarray(rgb[::-1]), depth[::-1]

    def _aim(self, camera: Camera) -> None:
        _, up, forward = camera.axes
        top = _NEAR * math.tan(math.radians(camera.fovy) / 2)
        for eye in self.list.camera:
            eye.pos[:], eye.forward[:], eye.up[:] = camera.position, forward, up
            eye.frustum_center = eye.frustum_width = 0.0
            eye.frustum_bottom, eye.frustum_top = -top, top
            eye.frustum_near, eye.frustum_far = _NEAR, _FAR
            eye.orthographic = 0

    def _place(self, geom: Any, solid: Solid) -> None:
        self.mujoco.mjv_initGeom(
            geom,
            getattr(self.mujoco.mjtGeom, _SHAPES[solid.shape]),
            np.array(solid.size),
            np.array(solid.center),
            solid.axes.ravel(),
            np.array((*solid.color, 1.0), np.float32),
        )
        geom.segid = solid.label + 1
        geom.castshadow = solid.casts_shadow
        geom.specular, geom.shininess, geom.emission = solid.shine, 0.4, solid.glow
        if solid.pattern is not None:
            geom.matid = geom.texid = self.materials[solid.pattern]
            length = PATTERNS[solid.pattern].length
            geom.texuniform = length is not None
            geom.texrepeat[:] = 1 / length if length is not None else 1.0

    def _shine(self, place: Any, number: int, light: Light) -> None:
        """What casts shadows shines in one direction, like the sun; the rest shines from a point, like a lamp."""
        kinds = self.mujoco.mjtLightType
        place.id, place.headlight, place.texid = number, 0, -1
        place.type = kinds.mjLIGHT_DIRECTIONAL if light.casts_shadow else kinds.mjLIGHT_SPOT
        place.pos[:], place.dir[:] = light.position, light.direction
        place.attenuation[:], place.cutoff, place.exponent = (1.0, 0.0, 0.0), 180.0, 0.0
        # MuJoCo adds up the ambient light of lamps without shadows only.
        place.ambient[:] = 0.0 if light.casts_shadow else _AMBIENT / (self.list.nlight - 1)
        place.diffuse[:] = light.brightness
        place.specular[:] = 0.5 * light.brightness
        place.castshadow = light.casts_shadow


def _textures_only(mujoco: Any) -> Any:
    """A model with one material for each pattern."""
    spec = mujoco.MjSpec()
    quality, whole = spec.visual.quality, getattr(spec.visual, "global")
    quality.offsamples, quality.shadowsize = 0, _SHADOW_PX
    quality.numslices, quality.numstacks, quality.numquads = 20, 10, 2
    whole.offwidth = whole.offheight = 2 * 448
    for number, (name, pattern) in enumerate(PATTERNS.items()):
        texture = spec.add_texture(name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=SIDE, height=SIDE, nchannel=3)
        texture.data = rgb_bytes(pattern, number)
        repeat = 1 / pattern.length if pattern.length is not None else 1.0
        material = spec.add_material(name=name, texuniform=pattern.length is not None, texrepeat=[repeat] * 2)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return spec.compile()
