"""Finds a way to draw without a screen: EGL, else OSMesa. The only place that knows about drivers."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import warnings
from typing import Any

from vilasr.errors import InputError, MissingExtraError

_EGL_PLATFORM_DEVICE = 0x313F
_MAX_DEVICES = 16


def mujoco_module() -> Any:
    """The package mujoco, imported late, with a way to draw chosen before the import.

    Raises:
        MissingExtraError: mujoco is not installed.
        InputError: it is, and nothing can draw.
    """
    if sys.platform == "linux" and "MUJOCO_GL" not in os.environ:
        backend = _first_backend()
        if backend is not None:
            os.environ["MUJOCO_GL"] = backend
    try:
        return importlib.import_module("mujoco")
    except ModuleNotFoundError as problem:
        raise MissingExtraError("scenes", package="mujoco", extra="scenes") from problem
    except (AttributeError, ImportError, RuntimeError) as problem:  # an attribute of a library that is not there
        raise no_gl(problem) from problem


def make_context(width: int, height: int) -> Any:
    """A current OpenGL context.

    Raises:
        MissingExtraError, InputError: as `mujoco_module`.
    """
    # Mesa's software renderer starts a thread for every core, which costs small pictures more than it brings.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    mujoco = mujoco_module()
    backend = os.environ.get("MUJOCO_GL", "")
    try:
        # By name: had someone imported mujoco before us, its own choice would have fallen on a screen.
        maker = importlib.import_module(f"mujoco.{backend}") if backend in ("egl", "osmesa") else mujoco
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GLFW, where it finds no screen, warns before it fails
            context = maker.GLContext(width, height)
            context.make_current()
    except Exception as problem:  # PyOpenGL, ctypes and drivers raise what they like
        raise no_gl(problem) from problem
    return context


def no_gl(problem: Exception | str) -> InputError:
    chosen = os.environ.get("MUJOCO_GL")
    remedy = "Install libegl1 and libegl-mesa0 (Debian, Ubuntu: apt-get install libegl1 libegl-mesa0), or libosmesa6."
    if chosen is not None:
        remedy += f" Or unset MUJOCO_GL, which is {chosen!r}."
    return InputError(
        "rendering of scenes",
        expected="an OpenGL driver that draws without a screen (EGL or OSMesa)",
        got=str(problem).strip().rstrip(".") or type(problem).__name__,
        remedy=remedy,
    )


def _first_backend() -> str | None:
    if _egl_works():
        return "egl"
    return "osmesa" if _library("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so") else None


def _egl_works() -> bool:
    """Whether some device of EGL can be initialised: what MuJoCo will ask for, without importing anything."""
    egl = _library("libEGL.so.1", "libEGL.so")
    if egl is None:
        return False
    pointer = ctypes.c_void_p
    egl.eglGetProcAddress.restype = pointer
    query = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_of = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query or not display_of:
        return False
    devices, count = (pointer * _MAX_DEVICES)(), ctypes.c_int()
    ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, pointer, pointer)(query)(
        _MAX_DEVICES, ctypes.cast(devices, pointer), ctypes.cast(ctypes.byref(count), pointer)
    )
    get_display = ctypes.CFUNCTYPE(pointer, ctypes.c_uint, pointer, pointer)(display_of)
    egl.eglInitialize.argtypes = [pointer, pointer, pointer]
    displays = (get_display(_EGL_PLATFORM_DEVICE, device, None) for device in devices[: count.value])
    return any(display and egl.eglInitialize(display, None, None) for display in displays)


def _library(*names: str) -> ctypes.CDLL | None:
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
