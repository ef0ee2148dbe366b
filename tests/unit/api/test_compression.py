"""Answers are compressed for callers that ask for it. Their lengths do not reveal their content."""

import random
import zlib

import orjson
import pytest
import zstandard

from api.compression import Coding, Compression, coding_for, compressed

PAGE = orjson.dumps({"messages": [{"id": f"m_{n}", "text": f"សួស្តី {n * n}"} for n in range(200)], "next_cursor": None})


def read(content: bytes, coding: str | None) -> bytes:
    """Returns what the caller decodes."""
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompress(content)
    return zlib.decompress(content, wbits=16 + zlib.MAX_WBITS) if coding == "gzip" else content


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None),
        ("identity", None),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP;q=0.5", "gzip"),
        ("gzip;q=1.0, zstd;q=0", "gzip"),
        ("gzip; q=0.000, zstd ; q=0", None),
        ("*", "zstd"),
        ("*;q=0, gzip", "gzip"),
        ("zstd;q=0, *", "gzip"),
        ("x-gzip", "gzip"),
        (";;,=,q=", None),
        ("gzip;q=", "gzip"),
    ],
)
def test_the_header_accept_encoding_decides_the_coding(accepted: str, coding: Coding | None) -> None:
    """`Accept-Encoding` decides (RFC 9110, 12.5.3)."""
    assert coding_for(accepted) == coding


@pytest.mark.parametrize("accepted", ["zstd", "gzip"])
def test_a_compressed_answer_reads_as_the_same_json(accepted: str) -> None:
    """The compressed answer has less than a third of the bytes. Its headers inform caches and callers of the coding."""
    answer = Compression(bytes).answer(PAGE, accepted)
    assert answer.headers["content-encoding"] == accepted
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.body) * 3 < len(PAGE)
    assert orjson.loads(read(bytes(answer.body), accepted)) == orjson.loads(PAGE)


def test_a_short_answer_or_an_unsupported_coding_is_not_compressed() -> None:
    """`Vary` still informs caches, because another caller may get another answer."""
    for content, accepted in ((b"{}", "zstd"), (PAGE, ""), (PAGE, "br")):
        answer = Compression(bytes).answer(content, accepted)
        assert answer.body == content
        assert "content-encoding" not in answer.headers
        assert answer.headers["vary"] == "Accept-Encoding"


def test_the_compressed_length_of_the_same_answer_is_random() -> None:
    """Otherwise an attacker could see from the length whether a guessed text is in the answer. The random part is white
    space in the JSON.
    """
    answers = Compression(random.Random(20261126).randbytes)
    for coding in ("zstd", "gzip"):
        bodies = [bytes(answers.answer(PAGE, coding).body) for _ in range(20)]
        assert len({len(body) for body in bodies}) > 5
        assert all(orjson.loads(read(body, coding)) == orjson.loads(PAGE) for body in bodies)


def test_a_client_needs_no_dictionary_to_decompress() -> None:
    """Any client can read the answer."""
    assert read(compressed(PAGE, "zstd"), "zstd") == read(compressed(PAGE, "gzip"), "gzip") == PAGE
