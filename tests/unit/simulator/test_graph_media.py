"""The pictures and voices of the demo: drawn from their address, given beside Graph, and moved to where they lie."""

import io
import random
import wave
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import httpx2
import pytest
from starlette.testclient import TestClient

from domain.ids import PageId, Psid
from domain.secret import Secret
from simulator import pictures
from simulator.attachments import MEDIA
from simulator.customers import Crowd
from simulator.graph import graph_app
from simulator.graph_demo import demo_world
from simulator.graph_media import move_media, with_media
from simulator.graph_world import World
from simulator.plan import Plan, posts

PAGE = PageId("104200000000001")
HERE = "http://127.0.0.1:9"
NOW = 1_770_000_000_000


@pytest.fixture
def world() -> World:
    """The demo's, with one more customer."""
    secrets = [Secret("app-secret-of-a-demo")]
    found = demo_world(PAGE, "2001", secrets, Secret("EAAdemo"), rng=random.Random(1), now=lambda: NOW)
    found.meet(found.pages[PAGE], Psid("7000000000000001"), "Sok Dara", NOW)
    return found


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    """Graph with its media."""
    found = TestClient(with_media(graph_app(world)))
    yield found
    found.close()


def is_svg(answer: httpx2.Response) -> bool:
    """Whether it is a whole one that runs nothing."""
    root = ET.fromstring(answer.text)  # noqa: S314 - our own
    return (
        answer.headers["content-type"] == "image/svg+xml" and root.tag.endswith("svg") and "script" not in answer.text
    )


def test_pictures_are_drawn_from_their_address(client: TestClient) -> None:
    """The same one each time, another one for another address; people, goods and the thumb."""
    for path in ("/p/7000000000000001.jpg", "/v/t1/1_n.jpg", "/v/t1/1_n.png"):
        answer = client.get(path)
        assert is_svg(answer)
        assert client.get(path).content == answer.content
    assert len({client.get(f"/p/{number}.jpg").content for number in range(20)}) > 15
    assert len({client.get(f"/v/{number}.jpg").content for number in range(20)}) > 15


def test_a_voice_is_a_wave_file(client: TestClient) -> None:
    """Of two seconds."""
    answer = client.get("/v/t1/1_n.mp4")
    assert answer.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as voice:
        assert voice.getnframes() / voice.getframerate() == 2.0
    assert pictures.voice(0.1) != pictures.voice(0.2)


def test_everything_else_is_graphs(client: TestClient) -> None:
    """Its versions begin like the folder of pictures and are none."""
    assert client.get("/v26.0/me").json()["error"]["type"] == "OAuthException"


def test_everything_that_the_world_knows_can_be_moved(world: World) -> None:
    """Pictures of posts, albums, videos, customers; nothing of the old place is left."""
    assert MEDIA in str([node.document for node in world.objects.values()])
    move_media(world, HERE)
    told = str([node.document for node in world.objects.values()])
    assert MEDIA not in told
    assert f"{HERE}/p/7000000000000001.jpg" in told


def test_deliveries_name_the_place_of_their_media() -> None:
    """In Facebook's own spelling; another plan is not touched by it."""
    bodies = {
        media: b"".join(p.body for p in posts(Plan((PAGE,), count=200, media=media), random.Random(1), lambda: NOW))
        for media in (MEDIA, HERE)
    }
    assert b"https:\\/\\/cdn.example\\/v" in bodies[MEDIA]
    assert b"cdn.example\\/v\\/t1" not in bodies[HERE]
    assert b"http:\\/\\/127.0.0.1:9\\/v\\/t1" in bodies[HERE]


def test_a_crowd_goes_on_from_one_plan_to_the_next() -> None:
    """The same people, who may answer to what was said before."""
    crowd = Crowd((PAGE,), 3, random.Random(1))
    people = {chat.psid.encode() for chat in crowd}
    for seed in (1, 2):
        plan = Plan((PAGE,), count=50, crowd=crowd)
        body = b"".join(post.body for post in posts(plan, random.Random(seed), lambda: NOW))
        assert all(one in body for one in people)
    assert len({chat.name for chat in crowd}) > 1
