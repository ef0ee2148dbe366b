"""Pure: pictures of people and of a small shop's goods, and a voice recording. Only the address decides the picture, so
the same address gives the same picture. Pictures are SVG, and an <img> runs no script in them.
"""

import math
import random
import struct
from typing import Final

_GROUNDS: Final = (
    ("#f6d8c4", "#e9a98b"),
    ("#d5e6df", "#8fbfae"),
    ("#dfe0f3", "#a3a8db"),
    ("#f4e6b8", "#dfbf63"),
    ("#f3d7e4", "#d695b6"),
    ("#d3e5f2", "#8db6d4"),
)
_CLOTHS: Final = ("#2f4858", "#7d3c3c", "#33658a", "#5b7553", "#86627f", "#b5651d", "#f5f1e8")
_SKINS: Final = ("#c68e63", "#d9a57c", "#b67b50", "#e0b48d")
_HAIR: Final = ("#1c1613", "#2d211b", "#3a2a20")

_GOODS: Final = (
    # a shirt, a dress, a bag and a hat, each on an area of 100 by 100
    '<path d="M30 24 44 18q6 7 12 0l14 6 14 18-11 8-5-6v38H32V44l-5 6-11-8z" fill="{c}"/>',
    '<path d="M42 16h16l3 24 15 44q-26 9-52 0l15-44z" fill="{c}"/>'
    '<path d="M39 40h22" stroke="#0003" stroke-width="3"/>',
    '<path d="M26 40h48l7 44H19z" fill="{c}"/><path d="M38 44V32a12 12 0 0 1 24 0v12" fill="none" stroke="{c}" '
    'stroke-width="5"/>',
    '<path d="M14 66q36 18 72 0-6-8-14-10-2-30-22-30T28 56q-8 2-14 10z" fill="{c}"/>'
    '<path d="M29 54q21 9 42 0" stroke="#0003" stroke-width="5" fill="none"/>',
)


def portrait(address: str) -> str:
    """A picture of a person."""
    rng = random.Random(address)  # noqa: S311 - a made-up person
    (light, dark), cloth = rng.choice(_GROUNDS), rng.choice(_CLOTHS)
    skin, hair = rng.choice(_SKINS), rng.choice(_HAIR)
    long = f'<path d="M31 40q0-24 19-24t19 24v26H31z" fill="{hair}"/>' if rng.random() < 0.6 else ""
    return _svg(
        light,
        dark,
        f'{long}<path d="M14 100q2-28 36-28t36 28z" fill="{cloth}"/><path d="M43 58h14v16q-7 7-14 0z" fill="{skin}"/>'
        f'<ellipse cx="50" cy="44" rx="15" ry="18" fill="{skin}"/>'
        f'<path d="M34 42q-1-22 16-22t16 22q-4-13-16-13t-16 13z" fill="{hair}"/>',
    )


def goods(address: str) -> str:
    """A picture of an item for sale."""
    rng = random.Random(address)  # noqa: S311 - a made-up picture
    (light, dark), cloth = rng.choice(_GROUNDS), rng.choice(_CLOTHS)
    return _svg(light, dark, rng.choice(_GOODS).format(c=cloth))


def sticker() -> str:
    """The thumb sticker."""
    thumb = "M22 46h16v38H22zM42 46l14-30q12 0 9 14l-3 12h18q9 1 8 11l-5 24q-2 7-9 7H50q-5 0-8-4z"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><path d="{thumb}" fill="#2d7ff9"/></svg>'


def voice(seconds: float = 2.0, rate: int = 8000) -> bytes:
    """A WAV of a few soft notes: 8 bits, one channel."""
    notes, count = (392.0, 494.0, 440.0, 523.0), int(seconds * rate)
    each = count // len(notes)

    def sample(place: int) -> int:
        fade = 1 - (place % each) / each
        return round(128 + 50 * fade * math.sin(2 * math.pi * notes[min(place // each, 3)] * place / rate))

    data = bytes(sample(place) for place in range(count))
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + count, b"WAVE", b"fmt ", 16, 1, 1, rate, rate, 1, 8, b"data", count
    )
    return head + data


def _svg(light: str, dark: str, inside: str) -> str:
    ground = (
        f'<defs><linearGradient id="g" x2="0" y2="1"><stop stop-color="{light}"/><stop offset="1" stop-color="{dark}"/>'
        '</linearGradient></defs><rect width="100" height="100" fill="url(#g)"/>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="480" height="480">{ground}{inside}</svg>'
    )
