"""Pure: the parts of Graph's world: nodes with edges to other nodes, and Pages with their tokens."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from domain.ids import PageId
from domain.secret import Secret
from simulator.serialize import Document

NodeType = Literal["Page", "PagePost", "Video", "LiveVideo", "Comment", "UnifiedThread", "Message", "User"]
TokenType = Literal["USER", "PAGE", "APP"]


def graph_time(moment: int) -> str:
    """Returns Unix milliseconds as Graph writes a time: whole seconds, and a time zone without a colon."""
    return datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


@dataclass(slots=True, eq=False)
class Node:
    """One object with an id. `document` has its fields in Graph's spelling. Its lists have no `data` wrapper.

    `rank` orders the nodes of a list: the moment in milliseconds, then a number that no other node has. `edges` are
    lists of other nodes in rising rank.
    """

    id: str
    type: NodeType
    page: PageId
    rank: tuple[int, int]
    document: Document
    edges: dict[str, list["Node"]] = field(default_factory=dict)
    above: "Node | None" = None
    """The node that contains this node: the post of a comment, or the conversation of a message."""

    def hang(self, edge: str, node: "Node") -> None:
        """Add a node to an edge, in its place."""
        nodes = self.edges.setdefault(edge, [])
        if not nodes or nodes[-1].rank < node.rank:
            nodes.append(node)  # the usual case: no search, so many comments are added fast
        else:
            insort(nodes, node, key=rank_of)

    def unhang(self, edge: str, node: "Node") -> None:
        """Remove a node from an edge. Raises ValueError if the node is not in the edge."""
        nodes = self.edges.get(edge, [])
        place = bisect_left(nodes, node.rank, key=rank_of)
        if place == len(nodes) or nodes[place] is not node:
            raise ValueError(f"nothing of rank {node.rank} hangs on {edge}")
        del nodes[place]


def rank_of(node: Node) -> tuple[int, int]:
    """Returns the rank of a node, for `bisect` and `sorted`."""
    return node.rank


@dataclass(slots=True)
class Token:
    """An access token as /debug_token knows it.

    `dead` is the subcode of refused calls, or None while the token is live. `expires_at` in seconds, 0 never.
    `profile` is the Page of a Page token.
    """

    value: Secret
    type: TokenType
    app_id: str
    profile: PageId | None = None
    scopes: tuple[str, ...] = ()
    user_id: str = "10000000000000042"
    issued_at: int = 0
    expires_at: int = 0
    dead: int | None = None


@dataclass(slots=True, eq=False)
class FakePage:
    """A Page: its node, its first token, and which fields each app has subscribed (app id to field names)."""

    id: PageId
    name: str
    token: Secret
    node: Node
    conversations: dict[str, Node] = field(default_factory=dict)
    """Returns the Page's conversations by the customer's PSID."""
    subscriptions: dict[str, list[str]] = field(default_factory=dict)
