"""The route table: method, path, handler, scope. Whoever asks "who may call this?" finds it here and nowhere else."""

from typing import Final

from api.docs import description_routes
from api.messages import Messages
from api.models import (
    ConversationsModel,
    MessageModel,
    MessagesModel,
    PageModel,
    PagesModel,
    ReceiptModel,
    ShopModel,
)
from api.params import ConversationsQuery, MessagesQuery, PageConnect, ShopPatch
from api.route import Route
from api.shops import Shops
from app.wiring import VERSION, Services

SHOP: Final = "/v1/shops/{shop}"
READ: Final = "messages:read"
PURGE: Final = "messages:purge"
ADMIN: Final = "shop:admin"


def table(services: Services) -> list[Route]:
    """Every route that Starlette serves. `/webhook` is called for every message and stands before it (`factory.py`)."""
    messages = Messages(services.reader, services.purger)
    shops = Shops(services.shops, services.purger)
    routes = [
        Route("GET", f"{SHOP}/messages", messages.list, "listMessages", READ,
              "Messages, newest receipt first.", query=MessagesQuery, answer=MessagesModel, tag="Reading"),
        Route("DELETE", f"{SHOP}/messages", messages.purge_all, "purgeMessages", PURGE,
              "Delete every message of the shop.", answer=ReceiptModel, tag="Deleting"),
        Route("GET", f"{SHOP}/messages/{{id}}", messages.one, "readMessage", READ,
              "One message.", answer=MessageModel, statuses=(404,), tag="Reading"),
        Route("DELETE", f"{SHOP}/messages/{{id}}", messages.purge_one, "purgeMessage", PURGE,
              "Delete one message.", answer=ReceiptModel, tag="Deleting"),
        Route("GET", f"{SHOP}/conversations", messages.conversations, "listConversations", READ,
              "Conversations, newest activity first.", query=ConversationsQuery, answer=ConversationsModel,
              tag="Reading"),
        Route("DELETE", f"{SHOP}/conversations/{{id}}", messages.purge_conversation, "purgeConversation", PURGE,
              "Delete a conversation.", answer=ReceiptModel, tag="Deleting"),
        Route("GET", f"{SHOP}/purges/{{purge_id}}", messages.receipt, "readReceipt", PURGE,
              "The receipt of a deletion, kept for 30 days.", answer=ReceiptModel, statuses=(404,), tag="Deleting"),
        Route("GET", SHOP, shops.state, "readShop", ADMIN,
              "The shop's state.", answer=ShopModel, also=(f"{SHOP}/",),
              tag="Shop and Pages"),
        Route("PATCH", SHOP, shops.patch, "changeShop", ADMIN,
              "Pause or resume storing.", body=ShopPatch, answer=ShopModel, also=(f"{SHOP}/",),
              tag="Shop and Pages"),
        Route("GET", f"{SHOP}/pages", shops.pages, "listPages", ADMIN,
              "The Pages of the shop.", answer=PagesModel, tag="Shop and Pages"),
        Route("GET", f"{SHOP}/pages/{{page}}", shops.page, "readPage", ADMIN,
              "One Page.", answer=PageModel, statuses=(404,), tag="Shop and Pages"),
        Route("PUT", f"{SHOP}/pages/{{page}}", shops.connect, "connectPage", ADMIN,
              "Connect a Page for webhooks.", body=PageConnect, answer=PageModel, statuses=(409,),
              tag="Shop and Pages"),
        Route("DELETE", f"{SHOP}/pages/{{page}}", shops.disconnect, "disconnectPage", ADMIN,
              "Disconnect a Page and delete its messages.", answer=ReceiptModel, statuses=(404,), tag="Shop and Pages"),
    ]  # fmt: skip
    return routes + description_routes(routes, version=VERSION, public_url=services.settings.public_url)
