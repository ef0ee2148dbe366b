"""Pure: the data of the simulated Facebook, and the actions with which tests and the demo change it.

A `World` is filled by hand here; `graph_made_up` fills a Page with plausible content. Times are milliseconds.
"""

import random
from collections.abc import Callable, Sequence
from typing import Literal

from domain.ids import MessageId, PageId, Psid
from domain.secret import Secret
from simulator import graph_documents as documents
from simulator.customers import new_mid
from simulator.graph_nodes import FakePage, Node, NodeType, Token, TokenType
from simulator.serialize import Document

SCOPES = (
    "pages_show_list",
    "pages_manage_metadata",
    "pages_messaging",
    "pages_read_engagement",
    "pages_read_user_content",
)
"""The permissions that this service uses. In facebook.com's dialog they have names like "Manage your Pages"."""


class World:
    """One app, its secrets, and the Pages. `now` returns Unix milliseconds. All randomness comes from `rng`.

    The switches may be changed at any time:

    - `timed_proof`: False for a Graph that knows only the proof without `appsecret_time`.
    - `videos_readable`: False as in the v26.0 reference, "reading is not possible on this edge".
    - `live_videos_readable`: False as in the reference since v20.0, "you can't perform this operation".
    - `customers`: `empty` and `refused` are the two ways in which a profile is unavailable.
    - `unknown_fields`: webhook fields that this version of Graph does not know (any more).
    - `field_permissions`: the permission that a webhook field needs, in addition to the usual permissions for a
    subscription.
    - `empty_pages`: every second page of a list is empty, although more pages follow.
    """

    def __init__(self, app_id: str, app_secrets: Sequence[Secret], rng: random.Random, now: Callable[[], int]) -> None:
        self.app_id = app_id
        self.app_secrets = tuple(app_secrets)
        self.rng = rng
        self.now = now
        self.pages: dict[str, FakePage] = {}
        self.objects: dict[str, Node] = {}
        self.tokens: dict[str, Token] = {}
        self.timed_proof = True
        self.videos_readable = True
        self.live_videos_readable = True
        self.customers: Literal["full", "empty", "refused"] = "full"
        self.empty_pages = False
        self.unknown_fields: set[str] = set()
        self.field_permissions: dict[str, str] = {}
        self._counted = 0
        for secret in self.app_secrets:
            self.add_token(Secret(f"{app_id}|{secret.reveal()}"), "APP")

    def add_page(
        self,
        page_id: PageId,
        *,
        name: str = "ហាងសុខា",
        token: Secret | None = None,
        scopes: Sequence[str] = SCOPES,
    ) -> FakePage:
        """A Page that no app has subscribed yet, with a token of our app that never expires."""
        value = token or Secret(f"EAAFake{self.rng.getrandbits(640):0160x}")
        node = self._node(page_id, "Page", page_id, self.now(), {"name": name})
        page = FakePage(page_id, name, value, node)
        self.pages[page_id] = page
        self.add_token(value, "PAGE", page=page_id, scopes=scopes)
        return page

    def add_token(
        self,
        value: Secret,
        type: TokenType,  # noqa: A002 - Facebook's word
        *,
        page: PageId | None = None,
        app_id: str | None = None,
        scopes: Sequence[str] = (),
        expires_at: int = 0,
    ) -> Token:
        """Add a token: a second token of a Page, a token of another app, or a person's own token. `expires_at` in
        seconds, 0 never."""
        issued = self.now() // 1000
        token = Token(value, type, app_id or self.app_id, page, tuple(scopes), issued_at=issued, expires_at=expires_at)
        self.tokens[value.reveal()] = token
        return token

    def revoke(self, token: Secret, subcode: int = 460) -> None:
        """Make Graph refuse calls with this token, with code 190 and this subcode."""
        self.tokens[token.reveal()].dead = subcode

    def unsubscribe(self, page: PageId) -> None:
        """End all apps' subscriptions to the Page, as Facebook does after an hour without a 200."""
        self.pages[page].subscriptions.clear()

    def add_post(
        self,
        page: FakePage,
        message: str | None,
        *,
        at: int | None = None,
        published: bool = True,
        attachments: Sequence[Document] = (),
        **fields: object,
    ) -> Node:
        """A post of the Page; `fields` are more of its fields, as Graph writes."""
        moment, number = self._moment(at), self._next()
        document = documents.post(page, message, moment, number, attachments) | fields
        post = self._node(f"{page.id}_{700_000_000_000 + number}", "PagePost", page.id, moment, document)
        if published:
            page.node.hang("published_posts", post)
        return post

    def add_video(
        self, page: FakePage, title: str, *, description: str | None = None, at: int | None = None, length: float = 31.4
    ) -> Node:
        """A video, and the post that shows it; `length` in seconds."""
        moment, identity = self._moment(at), str(990_000_000_000_000 + self._next())
        document = documents.video(page, identity, title, description, moment, length, self.rng)
        shown = documents.video_in_a_post(document, identity)
        post = self.add_post(
            page,
            description,
            at=moment,
            attachments=[shown],
            full_picture=document["picture"],
            status_type="added_video",
        )
        video = self._node(identity, "Video", page.id, moment, {**document, "post_id": post.id})
        page.node.hang("videos", video)
        return video

    def add_live_video(self, page: FakePage, title: str, status: str = "LIVE", *, at: int | None = None) -> Node:
        """A live video, and the video of its recording. `status` is Graph's word, for example `LIVE`, `LIVE_STOPPED` or
        `VOD`."""
        moment, identity = self._moment(at), str(880_000_000_000_000 + self._next())
        recording = self.add_video(page, title, at=at)
        recording.document["live_status"] = status
        document = documents.live_video(page, identity, title, status, moment, recording.id, self.rng)
        live = self._node(identity, "LiveVideo", page.id, moment, document)
        page.node.hang("live_videos", live)
        return live

    def add_comment(
        self,
        post: Node,
        text: str | None,
        parent: Node | None = None,
        *,
        at: int | None = None,
        by: Document | None = None,
        **fields: object,
    ) -> Node:
        """A comment on a post or video, or a reply to `parent`; `by` is its writer ({"id", "name"}) or None."""
        moment, number = self._moment(at), self._next()
        document = documents.comment(post, text, parent, moment, number, by) | fields
        comment = self._node(f"{post.id.rpartition('_')[2]}_{number}", "Comment", post.page, moment, document)
        above = comment.above = post if parent is None else parent
        above.hang("comments", comment)
        if parent is not None:
            parent.document["comment_count"] += 1
        ancestor: Node | None = above
        while ancestor is not None:
            ancestor.hang("stream", comment)
            ancestor = ancestor.above
        return comment

    def say(
        self,
        page: FakePage,
        psid: Psid,
        text: str | None,
        *,
        at: int | None = None,
        mid: MessageId | None = None,
        from_page: bool = False,
        attachments: Sequence[Document] = (),
        name: str = "Sokha",
        **fields: object,
    ) -> Node:
        """Add a message to the Page's conversation with that person. The first message also adds the person, with
        `name`."""
        moment = self._moment(at)
        conversation = page.conversations.get(psid) or self.meet(page, psid, name, moment)
        document = documents.message(conversation, text, moment, from_page, attachments) | fields
        message = self._node(mid or new_mid(self.rng), "Message", page.id, moment, document)
        message.above = conversation
        conversation.hang("messages", message)
        page.node.unhang("conversations", conversation)
        conversation.rank = (conversation.edges["messages"][-1].rank[0], conversation.rank[1])
        page.node.hang("conversations", conversation)
        conversation.document |= documents.stirred(conversation)
        return message

    def meet(self, page: FakePage, psid: Psid, name: str, moment: int) -> Node:
        """Add a person to a Page and return the conversation, which has no messages yet."""
        self._node(psid, "User", page.id, moment, documents.person(psid, name, self.rng))
        number = self._next()
        document = documents.conversation(page, psid, name, number)
        conversation = self._node(f"t_{20_000_000_000_000 + number}", "UnifiedThread", page.id, moment, document)
        page.node.hang("conversations", conversation)
        page.conversations[psid] = conversation
        return conversation

    def _node(self, identity: str, node_type: NodeType, page: PageId, moment: int, document: Document) -> Node:
        shown = {"id": identity, **{name: value for name, value in document.items() if value not in (None, [])}}
        node = Node(identity, node_type, page, (moment, self._next()), shown)
        self.objects[identity] = node
        return node

    def _moment(self, at: int | None) -> int:
        return self.now() if at is None else at

    def _next(self) -> int:
        self._counted += 1
        return self._counted
