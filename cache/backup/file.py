"""A backup as a file: encrypted blocks in order, and an empty block at the end, which shows that nothing is missing.

    "page-inbox backup 1\n", 16 random bytes of this file, then per block: 4 bytes of length, the encrypted block

A block is a list of parts (cache/backup/records.py) as zlib-compressed JSON. In this JSON each byte of a key or value
is one character (Latin-1). The encryption includes the block's number and the 16 bytes, so a block cannot be moved,
removed, or taken from a different backup.
"""

import os
import zlib
from base64 import b16encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import orjson

from cache.backup.records import BackupPart
from cache.errors import SealBroken
from cache.sealing import Sealer
from domain.errors import PageInboxError
from domain.ids import ShopId

HEAD: Final = b"page-inbox backup 1\n"
PURPOSE: Final = "backup"
NO_SHOP: Final = ShopId("")
DRAWN_BYTES: Final = 16
BLOCK_ITEMS: Final = 2_000
_LENGTH_BYTES: Final = 4


class BackupRefused(PageInboxError):
    """Raised when a file is not a complete backup, or cannot be decrypted or written."""

    def __init__(self, sentence: str) -> None:
        super().__init__("backup_refused", sentence)


class BackupWriter:
    """A context manager that writes a backup. While the file is being written, its name ends with `.unfinished`.

    `new_bytes` returns the given number of random bytes.

    Raises:
        BackupRefused: the file cannot be written.
        SealKeysMissing: there is no key to encrypt the backup with.
    """

    def __init__(self, path: Path, sealer: Sealer, *, new_bytes: Callable[[int], bytes]) -> None:
        self._path = path
        self._unfinished = path.with_name(path.name + ".unfinished")
        self._sealer = sealer
        self._drawn = new_bytes(DRAWN_BYTES)
        self._waiting: list[BackupPart] = []
        self._items = self._blocks = self.parts = 0

    def __enter__(self) -> Self:
        try:
            self._unfinished.unlink(missing_ok=True)
            file = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise self._unwritten(error) from None
        self._file = os.fdopen(file, "wb")
        self._file.write(HEAD + self._drawn)
        return self

    def write(self, part: BackupPart) -> None:
        """Add a part to the backup."""
        self._waiting.append(part)
        self._items += len(part.items)
        self.parts += 1
        if self._items >= BLOCK_ITEMS:
            self._write_block(self._waiting)
            self._waiting, self._items = [], 0

    def finish(self) -> None:
        """Write the last parts and the end, and give the file its final name."""
        if self._waiting:
            self._write_block(self._waiting)
        self._write_block([])
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._unfinished.rename(self._path)
        except OSError as error:
            raise self._unwritten(error) from None

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # on a full disk the buffered bytes cannot be written
            self._file.close()
        self._unfinished.unlink(missing_ok=True)

    def _write_block(self, parts: list[BackupPart]) -> None:
        plain = zlib.compress(orjson.dumps([_written(part) for part in parts]))
        sealed = self._sealer.seal(plain, shop=NO_SHOP, purpose=PURPOSE, place=_place(self._drawn, self._blocks))
        try:
            self._file.write(len(sealed).to_bytes(_LENGTH_BYTES) + sealed)
        except OSError as error:
            raise self._unwritten(error) from None
        self._blocks += 1

    def _unwritten(self, error: OSError) -> BackupRefused:
        return BackupRefused(f"{self._path} cannot be written: {error.strerror}.")


def read_backup(path: Path, sealer: Sealer) -> Iterator[list[BackupPart]]:
    """Yields the parts of a backup, block by block. Only the last block shows that the file is complete. So read the
    file twice: first to check it, then to use it.

    Raises:
        BackupRefused: the file is not a backup, not complete, or encrypted with another key.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(HEAD)) != HEAD:
                raise BackupRefused(f"{path} is no backup of `page-inbox backup`.")
            drawn, number = file.read(DRAWN_BYTES), 0
            while parts := _read_block(file, sealer, _place(drawn, number), path, first=not number):
                yield parts
                number += 1
            if file.read(1):
                raise BackupRefused(f"{path} was changed: something stands behind its end.")
    except OSError as error:
        raise BackupRefused(f"{path} cannot be read: {error.strerror}.") from None


def _read_block(file: BinaryIO, sealer: Sealer, place: str, path: Path, *, first: bool) -> list[BackupPart]:
    length = int.from_bytes(file.read(_LENGTH_BYTES))
    sealed = file.read(length)
    if not length or len(sealed) < length:
        raise BackupRefused(f"{path} is cut short: take a whole copy of it.")
    try:
        plain = sealer.open(sealed, shop=NO_SHOP, purpose=PURPOSE, place=place)
    except SealBroken:
        if first:
            raise BackupRefused(
                f"No key of SEAL_KEYS opens {path}. Put the key it was made with behind the first one in SEAL_KEYS."
            ) from None
        raise BackupRefused(f"{path} is damaged or was changed: take another copy of it.") from None
    return [_read(document) for document in orjson.loads(zlib.decompress(plain))]


def _place(drawn: bytes, number: int) -> str:
    return f"{b16encode(drawn).decode()} {number}"


def _written(part: BackupPart) -> list[object]:
    items = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in part.items]
    return [part.key.decode("latin-1"), part.type, part.deadline, items]


def _read(document: list[Any]) -> BackupPart:
    key, type_, deadline, items = document
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in items]
    return BackupPart(key.encode("latin-1"), type_, deadline, pairs)
