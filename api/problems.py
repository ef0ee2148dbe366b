"""Pure: the reasons of problems by status, each with its meaning. `/openapi.json` and `/docs` show them.

docs/api.md explains the reasons of Facebook's failures, and docs/reference.md explains the reasons of Redis' failures.
"""

from collections.abc import Mapping
from typing import Final

from domain.limits import SEARCHES_AT_ONCE

REASONS: Final[Mapping[int, Mapping[str, str]]] = {
    400: {
        "invalid_parameter": "A parameter has a wrong value. `detail` says which.",
        "unknown_parameter": "The call has no parameter of this name.",
        "repeated_parameter": "A parameter may be given only once.",
        "invalid_cursor": "The cursor is not one of this list. Begin without it.",
        "invalid_field": "A field of the body has a wrong value. `detail` says which.",
        "unknown_field": "The body may not have this field.",
        "body_malformed": "The body is not a JSON object.",
        "body_incomplete": "The body ended early.",
        "content_type_unsupported": "Send the body as `application/json`.",
        "parameter_refused": "Facebook refuses a parameter, mostly an `after` that has expired. Begin without it.",
        "token_of_another_app": "The Page's token was made for another Facebook app.",
        "token_of_another_page": "The token belongs to another Page.",
        "token_not_of_a_page": "The token belongs to a person, not to a Page.",
    },
    401: {
        "token_missing": "The call has no token.",
        "token_malformed": "The token is not a JWT.",
        "token_expired": "The token has ended. Use another one.",
        "token_invalid": "No key of the service verifies the token, or a claim is missing.",
        "ticket_invalid": "The ticket was used, is too old, or never existed.",
    },
    403: {
        "wrong_shop": "The token is for another shop.",
        "scope_missing": "The token lacks the scope of this call.",
        "page_token_required": "Only a back end (`shop` is `*`) may connect a Page without the Page's token.",
    },
    404: {
        "conversation_not_found": "Nothing of this conversation is kept. It may have expired or be deleted.",
        "message_not_found": "There is no such message in this shop. It may have expired or be deleted.",
        "purge_not_found": "There is no such receipt in this shop, or it is older than 30 days.",
        "page_not_found": "The Page is not connected to this shop.",
        "attachment_not_found": "The message has no attachment with this number.",
        "object_not_found": "It does not exist at Facebook, or the Page's token may not see it.",
        "route_not_found": "The service has nothing at this address.",
    },
    405: {"method_not_allowed": "This address does not answer to this method."},
    409: {
        "page_of_another_shop": "The Page is connected to another shop.",
        "reconnect_page": "The Page has no token that Facebook accepts. Connect it with a new one.",
        "permission_missing": "The Page's token lacks a permission of Facebook.",
        "too_many_pages": "The shop has as many Pages as a shop may have.",
        "too_many_blocked": "The shop has blocked as many conversations as a shop may block.",
    },
    413: {"body_too_large": "The body is too large."},
    429: {
        "throttled": "Facebook's rate limit is reached. Wait for `Retry-After` seconds.",
        "policy_blocked": "Facebook has blocked the Page. A person must look at it.",
        "too_many_searches": f"The shop does {SEARCHES_AT_ONCE} searches already.",
        "too_many_viewers": "The shop has too many open streams.",
        "too_many_tickets": "The shop has too many unused tickets.",
        "too_many_exports": "The shop has too many exports at the same time.",
        "too_many_purges": "The shop has purged too often in 30 days, or has too many unfinished purges.",
        "too_many_changes": "The shop has made too many changes today.",
        "too_many_refused_tokens": "Facebook has refused too many Page tokens of the shop.",
    },
    500: {
        "internal_error": "The service has an error. Its log has the details under `request_id`.",
        "corrupt_record": "Something in the store cannot be read.",
    },
    501: {"setting_missing": "The operator has not set what this call needs. `detail` names the setting."},
    502: {
        "graph_unavailable": "Facebook failed, also when the call was repeated.",
        "graph_unreachable": "The connection to Facebook failed.",
        "too_much_data": "One single item is larger than Facebook gives in one answer.",
        "graph_refused": "Facebook refuses for an unknown reason.",
        "proof_refused": "Facebook refuses the proof. The operator must check `FACEBOOK_APP_SECRET` and the clock.",
        "graph_redirected": "Facebook redirected the call, which is not followed.",
        "app_token_refused": "Facebook does not know the app. The operator must check its id and secret.",
    },
    503: {
        "redis_unreachable": "The store cannot be reached. Other failures of the store have reasons of their own.",
        "streams_full": "This instance has as many open streams as it may have.",
        "too_many_requests": "This instance has too many open requests.",
        "closing": "This instance stops. Another one answers.",
        "contended": "Others have changed the same thing at every try.",
    },
    504: {"graph_timeout": "Facebook did not answer in time."},
}
"""The reasons by status. A release can add reasons."""
