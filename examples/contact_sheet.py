"""Draws a contact sheet of random worlds: two rows of rooms, one of table tops, one of a walk through two rooms.

python examples/contact_sheet.py docs/scenes.png --seed 6
"""

from __future__ import annotations

import argparse
import random

from PIL import Image

from vilasr.tasks.scenes.layout import make_room_scene, make_table_scene
from vilasr.tasks.scenes.render import renderer_for
from vilasr.tasks.scenes.walks import random_camera, walk

SIZE, COLUMNS = (448, 448), 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="the picture to write")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--tile", type=int, default=256, help="px of one picture on the sheet")
    given = parser.parse_args()

    rng = random.Random(given.seed)
    renderer = renderer_for(SIZE)
    pictures = []
    for number in range(3 * COLUMNS):
        room = number < 2 * COLUMNS
        scene = make_room_scene(rng, num_objects=(10, 18)) if room else make_table_scene(rng, num_objects=(6, 10))
        renderer.load(scene)
        pictures.append(renderer.rgb(random_camera(scene, rng, SIZE)))
    scene = make_room_scene(rng, num_objects=(18, 26), num_rooms=2)
    renderer.load(scene)
    pictures += [renderer.rgb(camera) for camera in walk(scene, rng, 16, SIZE)[1::4]]

    tile = given.tile
    sheet = Image.new("RGB", (COLUMNS * tile, len(pictures) // COLUMNS * tile))
    for number, picture in enumerate(pictures):
        row, column = divmod(number, COLUMNS)
        sheet.paste(picture.resize((tile, tile), Image.Resampling.LANCZOS), (column * tile, row * tile))
    sheet.save(given.out, optimize=True)


if __name__ == "__main__":
    main()
