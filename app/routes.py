"""The route table: method, path, handler, scope. Only this table says who may call a route."""

import time
from collections.abc import Sequence
from secrets import token_bytes
from typing import Final

from api import export, receipt_keys, sse
from api.attachments import Attachments
from api.audit import Audit
from api.blocked import Blocked
from api.bodies import LabelList, MarkChange, PageConnect, Pause
from api.compression import Compression
from api.customers import Customers
from api.docs import description_routes
from api.graph import Graph
from api.graph_models import (
    AddressModel,
    CommentsModel,
    CustomersModel,
    GraphConversationsModel,
    GraphMessagesModel,
    LiveVideosModel,
    NamedCustomersModel,
    PostsModel,
    VideosModel,
)
from api.graph_params import CommentsQuery, CustomersQuery, EdgeQuery, InboxQuery, PostsQuery
from api.marking import Marking
from api.messages import Messages
from api.models import (
    AuditModel,
    BlockedModel,
    ConversationsModel,
    JwksModel,
    LabelsModel,
    MarkedModel,
    MessageModel,
    MessagesModel,
    PageModel,
    PagesModel,
    ReceiptModel,
    ShopModel,
    TicketModel,
)
from api.params import AuditQuery, BlockQuery, ConversationsQuery, MessagesQuery, StreamQuery
from api.purges import Purges
from api.route import Route
from api.shops import Shops
from api.stream import Stream
from api.stream_docs import STREAM
from app.parts import unix_milliseconds
from app.version import VERSION
from app.wiring import Services
from client import files as client_files
from console.routes import Console
from ops.settings import FACEBOOK as OF_FACEBOOK
from webhook import callbacks

SHOP: Final = "/v1/shops/{shop}"
READ: Final = "messages:read"
PURGE: Final = "messages:purge"
GRAPH: Final = "graph:read"
ADMIN: Final = "shop:admin"
PAGE: Final = f"{SHOP}/pages/{{page}}"
BLOCKED: Final = f"{SHOP}/conversations/{{id}}/blocked"
FACEBOOK: Final = "Facebook, on demand"
FETCH: Final = (404, 409, 429, 502, 504)
"""The error statuses of routes that fetch data from Facebook."""


def table(services: Services) -> list[Route]:
    """Returns every route that Starlette serves. `factory.py` handles `/webhook` first, because it is called often."""
    store, graph_parts = services.store, services.graph
    messages = Messages(store.reader, store.conversations, Compression(token_bytes))
    purges = Purges(store.purger, store.customers)
    blocked = Blocked(store.blocked, store.purger)
    marking = Marking(store.staff_marks, store.labels)
    shops = Shops(
        store.shops,
        graph_parts.pages,
        graph_parts.healing,
        shops_connect_without_token=services.settings.connect_without_proof == "shop",
        now=unix_milliseconds,
    )
    graph = Graph(graph_parts.reader)
    customers = Customers(graph_parts.reader)
    attachments = Attachments(store.reader, graph_parts.reader)
    stream = Stream(services.fan_out, services.tickets, now=time.time)
    audit = Audit(store.audit_log)
    keys = receipt_keys.ReceiptKeys(store.signer)
    facebook = callbacks.Callbacks(
        services.withdrawal,
        services.metrics,
        app_secrets=services.settings.app_secrets,
        public_url=services.settings.public_url,
        now=unix_milliseconds,
    )
    routes = [
        Route("GET", f"{SHOP}/messages", messages.list, "listMessages", READ,
              "Messages, the last received first.", query=MessagesQuery, answer=MessagesModel, statuses=(429,),
              tag="Reading"),
        Route("DELETE", f"{SHOP}/messages", purges.shop, "purgeMessages", PURGE,
              "Delete every message of the shop.", answer=ReceiptModel, tag="Deleting"),
        Route("GET", f"{SHOP}/messages/{{id}}", messages.one, "readMessage", READ,
              "One message.", answer=MessageModel, statuses=(404,), tag="Reading"),
        Route("GET", f"{SHOP}/messages/{{id}}/attachments/{{n}}", attachments.fetch, "fetchAttachment", GRAPH,
              "The current address of an attachment, from Facebook.", answer=AddressModel, statuses=FETCH,
              tag=FACEBOOK,
              description="For a picture whose stored address has expired. `n` is the position in `attachments`, "
              "from 0."),
        Route("DELETE", f"{SHOP}/messages/{{id}}", purges.message, "purgeMessage", PURGE,
              "Delete one message.", answer=ReceiptModel, tag="Deleting"),
        Route("GET", f"{SHOP}/conversations", messages.conversations, "listConversations", READ,
              "Conversations, newest activity first.", query=ConversationsQuery, answer=ConversationsModel,
              statuses=(429,), tag="Reading"),
        Route("GET", f"{SHOP}/stream", stream.stream, "openStream", READ,
              "New messages and changes as Server-Sent Events.", query=StreamQuery, statuses=(429,), media=sse.MEDIA,
              tag="Reading", description=STREAM, ticketed=True),
        Route("POST", f"{SHOP}/stream-ticket", stream.ticket, "giveTicket", READ,
              "A ticket that opens one stream.", answer=TicketModel, tag="Reading",
              description="For `EventSource`, which cannot send a token. The stream ends when the token expires."),
        Route("PUT", f"{SHOP}/conversations/{{id}}/mark", marking.put, "markConversation", READ,
              "Mark a conversation for all staff as done or unread, and give it labels.", body=MarkChange,
              answer=MarkedModel, statuses=(404,), tag="Reading",
              description="The mark is deleted together with the conversation. It replaces the earlier mark. A field "
              "that the body does not have is false or empty."),
        Route("GET", f"{SHOP}/labels", marking.labels, "readLabels", READ,
              "The labels that staff may give conversations.", answer=LabelsModel, tag="Reading"),
        Route("PUT", f"{SHOP}/labels", marking.replace_labels, "changeLabels", ADMIN,
              "Replace the list of labels.", body=LabelList, answer=LabelsModel, tag="Shop and Pages",
              description="Marks keep a label that the new list does not have."),
        Route("DELETE", f"{SHOP}/conversations/{{id}}", purges.conversation, "purgeConversation", PURGE,
              "Delete a conversation.", answer=ReceiptModel, tag="Deleting"),
        Route("GET", BLOCKED, blocked.state, "readBlocked", PURGE,
              "Whether a conversation is blocked.", answer=BlockedModel, tag="Restricting",
              description="No list of blocked conversations exists. The service keeps only a keyed hash of each."),
        Route("PUT", BLOCKED, blocked.put, "blockConversation", PURGE,
              "Block a conversation: delete it, and store no more of its messages.", query=BlockQuery,
              answer=BlockedModel, statuses=(404, 409), tag="Restricting",
              description="For a customer who objects. The block stays until it is removed, also when the shop's "
              "messages are deleted."),
        Route("DELETE", BLOCKED, blocked.lift, "unblockConversation", PURGE,
              "Unblock a conversation: store its messages again.", answer=BlockedModel, tag="Restricting"),
        Route("DELETE", f"{SHOP}/customers/{{psid}}", purges.customer, "purgeCustomer", PURGE,
              "Delete a customer's messages at every Page of the shop.", answer=ReceiptModel, tag="Deleting"),
        Route("GET", f"{SHOP}/purges/{{purge_id}}", purges.receipt, "readReceipt", PURGE,
              "The receipt of a deletion, kept for 30 days.", answer=ReceiptModel, statuses=(404,), tag="Deleting"),
        Route("GET", SHOP, shops.state, "readShop", ADMIN,
              "The shop's state.", answer=ShopModel, also=(f"{SHOP}/",),
              tag="Shop and Pages"),
        Route("PATCH", SHOP, shops.patch, "changeShop", ADMIN,
              "Pause or resume storing.", body=Pause, answer=ShopModel, also=(f"{SHOP}/",),
              tag="Shop and Pages"),
        Route("GET", f"{SHOP}/pages", shops.pages, "listPages", ADMIN,
              "The Pages of the shop.", answer=PagesModel, tag="Shop and Pages"),
        Route("GET", PAGE, shops.page, "readPage", ADMIN,
              "One Page.", answer=PageModel, statuses=(404,), tag="Shop and Pages"),
        Route("PUT", PAGE, shops.connect, "connectPage", ADMIN,
              "Connect a Page with its token, or for webhooks alone.", body=PageConnect, answer=PageModel,
              statuses=(*FETCH, 501), tag="Shop and Pages",
              description="The service checks the token with Facebook, stores it encrypted, and subscribes the Page to "
              "deliveries. The same call with a new token reconnects the Page. With `{}` an earlier token stays. If "
              "another shop connected the Page without a token, a verified token moves the Page to this shop. Messages "
              "do not move."),
        Route("POST", f"{PAGE}/heal", shops.heal, "healPage", ADMIN,
              "Fetch the last five days of a Page's messages from Facebook.", answer=PageModel, statuses=(404, 409),
              status=202, tag="Shop and Pages",
              description="For conversations that do not reach the webhook. The answer comes at once. `healing` and "
              "`unhealed` of the Page show the progress. Messages that are stored already are not stored twice. "
              "Deleted messages stay deleted."),
        Route("PATCH", PAGE, shops.patch_page, "changePage", ADMIN,
              "Pause or resume storing for one Page.", body=Pause, answer=PageModel, statuses=(404,),
              tag="Shop and Pages"),
        Route("DELETE", PAGE, shops.disconnect, "disconnectPage", ADMIN,
              "Disconnect a Page and delete its messages.", answer=ReceiptModel, statuses=(404,), tag="Shop and Pages"),
        Route("GET", f"{SHOP}/export", services.exporter.export, "exportShop", READ,
              "The shop's Pages, receipts, audit log, messages and marks, as NDJSON.", media=export.MEDIA,
              statuses=(429,),
              tag="Reading", apart=True,
              description="Each line is a JSON object with a `type`: `shop`, each `page` without its token, each "
              "`receipt`, each `audit` entry, each `message` that is stored when the export begins, each `mark` of a "
              "conversation, and `end` with the number of `messages`. Receipts, audit entries and messages are each "
              "sorted, oldest first. An answer without the line `end` is incomplete."),
        Route("GET", f"{SHOP}/audit", audit.list, "listAudit", ADMIN,
              "The audit log: who did what, the newest first, for 90 days.", query=AuditQuery, answer=AuditModel,
              tag="Shop and Pages",
              description="Each call with a token, and each command of an operator, is recorded before it is answered. "
              "Similar reads of one hour are one entry."),
        Route("GET", f"{PAGE}/posts", graph.of("posts"), "fetchPosts", GRAPH,
              "The Page's published posts, newest first.", query=PostsQuery, answer=PostsModel, statuses=FETCH,
              tag=FACEBOOK, description="Facebook lists about 600 posts per year."),
        Route("GET", f"{PAGE}/videos", graph.of("videos"), "fetchVideos", GRAPH,
              "The Page's videos.", query=EdgeQuery, answer=VideosModel, statuses=FETCH, tag=FACEBOOK,
              description="If Facebook refuses to list videos, the answer has the videos of the Page's posts. Then a "
              "page of the list may be short or empty before its end."),
        Route("GET", f"{PAGE}/live-videos", graph.of("live_videos"), "fetchLiveVideos", GRAPH,
              "The Page's running and recent live videos.", query=EdgeQuery, answer=LiveVideosModel, statuses=FETCH,
              tag=FACEBOOK,
              description="If Facebook refuses to list live videos, the answer has those among the Page's videos. "
              "Then a page of the list may be short or empty before its end."),
        Route("GET", f"{PAGE}/live-videos/{{video}}/comments", graph.of("live_comments", "video"),
              "fetchLiveComments", GRAPH, "Comments on a live video, while it runs and afterwards.",
              query=CommentsQuery, answer=CommentsModel, statuses=FETCH, tag=FACEBOOK,
              description="All comments, also those that Facebook hides because of low quality. While the video runs, "
              "use `order=reverse_chronological` every few seconds."),
        Route("GET", f"{PAGE}/posts/{{post}}/comments", graph.of("comments", "post"), "fetchComments", GRAPH,
              "Comments on a post.", query=CommentsQuery, answer=CommentsModel, statuses=FETCH, tag=FACEBOOK),
        Route("GET", f"{PAGE}/comments/{{comment}}/replies", graph.of("replies", "comment"), "fetchReplies", GRAPH,
              "Replies to a comment.", query=CommentsQuery, answer=CommentsModel, statuses=FETCH, tag=FACEBOOK),
        Route("GET", f"{PAGE}/conversations", graph.of("conversations"), "fetchConversations", GRAPH,
              "The Page's conversations, from Facebook.", query=InboxQuery, answer=GraphConversationsModel,
              statuses=FETCH, tag=FACEBOOK,
              description="Facebook allows two such calls per second for a Page, calls for messages included."),
        Route("GET", f"{PAGE}/conversations/{{id}}/messages", graph.of("conversation_messages", "id"),
              "fetchConversationMessages", GRAPH, "The messages of a conversation, from Facebook.",
              query=EdgeQuery, answer=GraphMessagesModel, statuses=FETCH, tag=FACEBOOK,
              description="`id` is Facebook's id of the conversation, `t_…`."),
        Route("GET", f"{PAGE}/customers/{{psid}}", graph.of("customer", "psid"), "fetchCustomer", GRAPH,
              "A customer's name and picture.", query=EdgeQuery, answer=CustomersModel, statuses=FETCH, tag=FACEBOOK,
              description="The answer has one item. `limit` and `after` have no effect."),
        Route("GET", f"{SHOP}/customers", customers.fetch, "fetchCustomers", GRAPH,
              "Names and pictures of several customers.", query=CustomersQuery, answer=NamedCustomersModel,
              statuses=FETCH, tag=FACEBOOK, description="200 if Facebook answers for at least one of them, else the "
              "error of the first."),
        Route("GET", receipt_keys.PATH, keys.jwks, "readReceiptKeys", None,
              "The public keys that receipts are signed with.", answer=JwksModel, tag="Deleting"),
        Route("POST", callbacks.DEAUTHORIZE, facebook.deauthorize, "deauthorize", None,
              "A person has removed the app: the service no longer uses their tokens.", described=False),
        Route("POST", callbacks.DATA_DELETION, facebook.delete, "deleteData", None,
              "A person asks for deletion of the data from their account.", described=False),
        Route("GET", callbacks.STATUS, facebook.status, "readDeletion", None,
              "The status of a deletion request, for the person.", described=False),
    ]  # fmt: skip
    described = description_routes(routes, version=VERSION, public_url=services.settings.public_url)
    return [*routes, *described, *console_routes(services.settings.graph_url, services.settings.order_origins)]


def console_routes(graph_url: str, partners: Sequence[str]) -> list[Route]:
    """Returns the routes of the console and its files. The console may load pictures from Facebook or `graph_url`."""
    pictures = () if graph_url == OF_FACEBOOK else (graph_url,)
    console = Console(client_files.MODULE, client_files.TYPES, pictures, partners)
    return [
        Route("GET", "/", console.begin, "begin", None, "The way to the console.", described=False),
        Route("GET", "/console", console.page, "console", None, "The shop owner's page.", described=False),
        Route("GET", "/console/{version}/{file:path}", console.file, "consoleFile", None,
              "What that page is made of.", described=False),
        Route("GET", "/client/{file}", console.client, "client", None,
              "The JavaScript client of this API (`v1.js`), and its types.", described=False),
    ]  # fmt: skip
