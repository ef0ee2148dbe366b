"""Pure: an app's subscriptions to a Page's fields, and the facts about a token.

https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps and /reference/debug_token
"""

from simulator.graph_call import Call, on_page, only, permit, why_dead
from simulator.graph_fields import choose
from simulator.graph_nodes import Token
from simulator.graph_refusals import GraphErrorAnswer, bad_parameter, dead_token, no_such_object
from simulator.graph_world import World
from simulator.serialize import Document

_OF_MESSENGER = {
    *("messages", "message_echoes", "message_edits", "message_reactions", "message_reads", "message_deliveries"),
    *("messaging_postbacks", "messaging_referrals", "standby"),
}
_OF_THE_PAGE = {"feed", "mention", "live_videos"}
"""Fields of a Page's webhooks that the service asks for (webhooks/reference/page, v26.0)."""


def subscriptions(world: World, call: Call, token: Token) -> Document:
    """`GET /{page}/subscribed_apps`: the apps that are subscribed to the Page, or an empty list."""
    page = _page(world, call, token)
    only(call, "fields")
    chosen = [one.name for one in choose("Application", call.params.get("fields"))]
    apps: list[Document] = [
        {
            "id": app,
            "name": "Page Inbox",
            "link": f"https://www.facebook.com/games/?app_id={app}",
            "category": "Business",
            "subscribed_fields": list(fields),
        }
        for app, fields in world.pages[page].subscriptions.items()
    ]
    return {"data": [{"id": app["id"], **{name: app[name] for name in chosen}} for app in apps]}


def subscribe(world: World, call: Call, token: Token) -> Document:
    """`POST /{page}/subscribed_apps`: the token's app receives these fields from now on, and no others."""
    page = _page(world, call, token)
    only(call, "subscribed_fields")
    fields = [field for field in call.params.get("subscribed_fields", "").split(",") if field]
    if not fields:
        raise bad_parameter("The parameter subscribed_fields is required.")
    for field in fields:
        if field not in _OF_MESSENGER | _OF_THE_PAGE or field in world.unknown_fields:
            raise bad_parameter(f"Param subscribed_fields[0] must be one of the known fields - got {field!r}")
    if not _OF_THE_PAGE.issuperset(fields):
        permit(token, 200, ("pages_messaging",))
    for field in fields:
        needed = world.field_permissions.get(field)
        if needed is not None and needed not in token.scopes:
            # If one field is not allowed for the token, Facebook refuses the whole list.
            message = f"(#200) To subscribe to the {field} field, one of these permissions is needed: {needed}"
            raise GraphErrorAnswer(200, message, status=403)
    world.pages[page].subscriptions[token.app_id] = fields
    return {"success": True}


def unsubscribe(world: World, call: Call, token: Token) -> Document:
    """`DELETE /{page}/subscribed_apps`: ends the app's subscription, with the Page's token or the app's token."""
    by_app = token.type == "APP" and call.path[0] in world.pages
    page = call.path[0] if by_app else _page(world, call, token)
    only(call)
    world.pages[page].subscriptions.pop(token.app_id, None)
    return {"success": True}


def _page(world: World, call: Call, token: Token) -> str:
    name = call.path[0]
    if name == "me" and token.profile is not None:
        name = token.profile
    page = world.pages.get(name)
    if page is None or (token.type == "PAGE" and not on_page(token, page.id)):
        raise no_such_object(name, call.method)
    if token.type != "PAGE":
        raise GraphErrorAnswer(210, "(#210) A page access token is required to request this resource.", status=403)
    permit(token, 200, ("pages_manage_metadata", "pages_show_list"))
    return name


def inspected(world: World, call: Call, token: Token) -> Document:
    """`GET /debug_token`: 200 for a dead token too. Only the token's own app and the people of that app can call it."""
    only(call, "input_token", "fields")
    if "input_token" not in call.params:
        raise bad_parameter("The parameter input_token is required.")
    if token.type == "PAGE":
        raise bad_parameter("You must provide an app access token, or a user access token of a developer of the app")
    known = world.tokens.get(call.params["input_token"])
    if known is None:
        return {"data": {**_invalid(None), "scopes": []}}
    if known.app_id != token.app_id:
        raise bad_parameter("The access token does not belong to the app that asks")
    data: Document = {
        "app_id": known.app_id,
        "type": known.type,
        "application": "Page Inbox",
        "expires_at": known.expires_at,
        "data_access_expires_at": 0,
        "issued_at": known.issued_at,
        "is_valid": True,
        "scopes": list(known.scopes),
        "granular_scopes": [
            {"scope": scope} if known.profile is None else {"scope": scope, "target_ids": [known.profile]}
            for scope in known.scopes
        ],
        "user_id": known.user_id,
    }
    if known.profile is not None:
        data["profile_id"] = known.profile
    dead = why_dead(world, known)
    return {"data": data if dead is None else {**data, **_invalid(dead)}}


def _invalid(subcode: int | None) -> Document:
    refusal = dead_token(subcode)
    error: Document = {"code": refusal.code, "message": refusal.message}
    if subcode is not None:
        error["subcode"] = subcode
    return {"is_valid": False, "error": error}


def app(world: World, call: Call, token: Token) -> Document:
    """`GET /{app}`, with the app's own token (/reference/application). A Page's token is refused."""
    if token.type == "PAGE" or token.app_id != world.app_id:
        raise no_such_object(call.path[0])
    only(call, "fields", "metadata")
    node = {"id": world.app_id, "name": "Page Inbox", "link": f"https://www.facebook.com/games/?app_id={world.app_id}"}
    chosen = choose("Application", call.params.get("fields", "id,name,link"))
    return {one.name: node[one.name] for one in chosen if one.name in node} | {"id": world.app_id}
