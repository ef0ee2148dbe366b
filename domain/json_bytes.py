"""JSON as bytes, extended and joined without parsing it again. Pure.

A page of messages is joined from what the store holds, and parsing it would cost more than reading it. What is relied
on, here and nowhere else: an item is one JSON object as orjson writes it, so not empty, without blanks around its
members, and closed by its last byte. A member can then be added before that byte or behind the first one. An object
within an item can be extended only where it is the item's last member. `added` and `value` must be JSON as well.
"""

from collections.abc import Iterable


def named_member(name: str, value: bytes) -> bytes:
    """One member of an object; the name needs no escaping."""
    return b'"%b":%b' % (name.encode(), value)


def with_last(item: bytes, added: bytes) -> bytes:
    """The object with one or more members added behind its last one."""
    return b"%b,%b}" % (item[:-1], added)


def with_last_in_last(item: bytes, added: bytes) -> bytes:
    """The same for the object that is the item's last member."""
    return b"%b,%b}}" % (item[:-2], added)


def with_first(item: bytes, added: bytes) -> bytes:
    """The object with a member added before its first one."""
    return b"{%b,%b" % (added, item[1:])


def without_last_number(item: bytes, name: str) -> tuple[bytes, int | None]:
    """The object without its last member and that member's value, where it has this name and is a whole number.

    The object needs another member. A text cannot be taken for the member: behind it stands more than digits.
    """
    if item[-2:-1].isdigit():
        head, mark, tail = item.rpartition(b',"%b":' % name.encode())
        if mark and tail[:-1].isdigit():
            return head + b"}", int(tail[:-1])
    return item, None


def array(items: Iterable[bytes]) -> bytes:
    """The items as an array."""
    return b"[%b]" % b",".join(items)
