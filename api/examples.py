"""Pure: an example of every answer, for `/openapi.json` and `/docs`. The ids are those of the demo shop of `page-inbox
run`.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from api import graph_models, models

PAGE: Final = "104200000000001"
PSID: Final = "7487548364270547"
CONVERSATION: Final = f"{PAGE}_{PSID}"
POST: Final = f"{PAGE}_700000000230"
COMMENT: Final = "700000000230_232"
FACEBOOK_CONVERSATION: Final = "t_20000000000362"

_MESSAGE: Final = {
    "id": "m_83rPqZDIgTfY9luLM4-75mK2wQ7cVx1nB0sRtE5hJ8yU",
    "page_id": PAGE,
    "conversation_id": CONVERSATION,
    "direction": "in",
    "kind": "message",
    "text": "The blue one please. 012 345 678",
    "attachments": [{"type": "image", "url": "https://scontent.xx.fbcdn.net/v/t1.15752-9/1.jpg"}],
    "phone_numbers": ["+85512345678"],
    "sent_at": "2026-11-29T13:24:35.864Z",
    "received_at": "2026-11-29T13:24:35.904Z",
    "expires_at": "2026-12-04T13:24:35.904Z",
}
_CONVERSATION: Final = {
    "id": CONVERSATION,
    "page_id": PAGE,
    "customer_id": PSID,
    "message_count": 3,
    "last_message": _MESSAGE,
    "last_activity_at": "2026-11-29T13:24:35.904Z",
}
_MARK: Final = {"done": True, "unread": False, "labels": ["paid"], "marked_at": "2026-11-29T13:30:00.000Z"}
_RECEIPT: Final = {
    "purge_id": "01JDW3V9Z0",
    "what": "conversation",
    "requested_at": "2026-11-29T13:30:00.000Z",
    "requested_by": "dara",
    "status": "complete",
    "messages_deleted": 3,
    "signature": "eyJhbGciOiJFZERTQSJ9..c2lnbmF0dXJl",
}
_PAGE: Final = {
    "page_id": PAGE,
    "connected_at": "2026-11-01T02:00:00.000Z",
    "status": "connected",
    "paused": False,
    "last_event_at": "2026-11-29T13:24:35.904Z",
    "token_alive": True,
    "subscribed": True,
    "subscribed_fields": ["messages", "message_echoes", "messaging_postbacks"],
    "checked_at": "2026-11-29T13:00:00.000Z",
}
_ENTRY: Final = {
    "at": "2026-11-29T13:30:00.000Z",
    "sub": "dara",
    "action": "purgeConversation",
    "client": "203.0.113.7",
    "times": 1,
}
_PERSON: Final = {"id": PSID, "name": "Sokha Chan"}
_COMMENT: Final = {
    "id": COMMENT,
    "message": "Still available?",
    "created_time": "2026-11-29T13:20:00.000Z",
    "from": _PERSON,
    "comment_count": 1,
    "like_count": 0,
}
_POST: Final = {
    "id": POST,
    "message": "New shirts, blue and white",
    "created_time": "2026-11-29T12:00:00.000Z",
    "permalink_url": f"https://www.facebook.com/{POST}",
    "comment_count": 9,
    "reaction_count": 31,
}
_VIDEO: Final = {"id": "8801", "title": "Live sale", "created_time": "2026-11-29T12:00:00.000Z", "length": 61.5}
_LIVE_VIDEO: Final = {"id": "9901", "status": "LIVE", "title": "Live sale", "live_views": 120, "video": {"id": "8801"}}
_FACEBOOK_CONVERSATION: Final = {
    "id": FACEBOOK_CONVERSATION,
    "updated_time": "2026-11-29T13:24:35.000Z",
    "snippet": "The blue one please",
    "message_count": 30,
    "participants": [_PERSON, {"id": PAGE, "name": "Sokha's Shop"}],
}
_FACEBOOK_MESSAGE: Final = {
    "id": "m_83rPqZDIgTfY9luLM4",
    "created_time": "2026-11-29T13:24:35.000Z",
    "message": "The blue one please",
    "from": _PERSON,
}


EXPORT: Final = """\
{"type":"shop","shop":"demo-shop","paused":false}
{"type":"message","id":"m_83rPqZDI","text":"The blue one please.","received_at":"2026-11-29T13:24:35.904Z"}
{"type":"end","messages":1}
"""


def _items(item: Any) -> Any:
    return {"items": [item], "after": None}


EXAMPLES: Final[Mapping[type[BaseModel], Any]] = {
    models.MessageModel: _MESSAGE,
    models.MessagesModel: {"messages": [_MESSAGE], "next_cursor": None},
    models.ConversationsModel: {"conversations": [_CONVERSATION], "next_cursor": None},
    models.MarkedModel: {"conversation_id": CONVERSATION, "page_id": PAGE, "mark": _MARK},
    models.LabelsModel: {"labels": ["paid", "VIP"]},
    models.TicketModel: {"ticket": "kq3vXb0m"},
    models.ReceiptModel: _RECEIPT,
    models.BlockedModel: {"conversation_id": CONVERSATION, "blocked": True, "since": "2026-11-29T13:30:00.000Z"},
    models.ShopModel: {"shop": "demo-shop", "paused": False, "pages": [_PAGE]},
    models.PagesModel: {"pages": [_PAGE]},
    models.PageModel: _PAGE,
    models.AuditModel: {"entries": [_ENTRY], "next_cursor": None},
    models.JwksModel: {"keys": [{"kid": "k1", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiM"}]},
    models.ErasedModel: {"id": _MESSAGE["id"], "page_id": PAGE},
    models.PurgeEventModel: {"purge_id": _RECEIPT["purge_id"], "what": "conversation"},
    models.LiveModel: {
        "kind": "reaction",
        "page_id": PAGE,
        "message_id": _MESSAGE["id"],
        "action": "react",
        "emoji": "❤",
    },
    models.ReadyModel: {"at": "2026-11-29T13:24:35.904Z"},
    models.GapModel: {"reason": "expired"},
    models.EndModel: {"reason": "closing"},
    graph_models.AddressModel: {"type": "image", "url": "https://scontent.xx.fbcdn.net/v/t1.15752-9/1.jpg"},
    graph_models.PostsModel: {"items": [_POST], "after": "QVFIUjE"},
    graph_models.VideosModel: _items(_VIDEO),
    graph_models.LiveVideosModel: _items(_LIVE_VIDEO),
    graph_models.CommentsModel: _items(_COMMENT),
    graph_models.GraphConversationsModel: _items(_FACEBOOK_CONVERSATION),
    graph_models.GraphMessagesModel: _items(_FACEBOOK_MESSAGE),
    graph_models.CustomersModel: _items(_PERSON),
    graph_models.NamedCustomersModel: {
        "items": [{"conversation_id": f"104200000000001_{_PERSON['id']}"} | _PERSON],
        "failed": [{"conversation_id": "104200000000001_7000000000000002", "reason": "object_not_found"}],
    },
}
