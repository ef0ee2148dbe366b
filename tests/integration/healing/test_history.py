"""A Page's first token brings its history of five days. No message stays longer than five days after it was sent."""

import json
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from domain.ids import Psid
from simulator.graph_faults import Fails, Stalls
from simulator.graph_gate import Barrier
from tests.facebook import GraphShop, everything, graph_settings
from tests.graph import FakeGraph, now
from tests.healing import (
    BOPHA,
    DARA,
    DAY,
    ENDED,
    HEALS_WITHIN,
    MINUTE,
    SOKHA,
    VANNA,
    Inbox,
    heal,
    messages_path,
    replicas,
    state,
)
from tests.integration.test_commands import done
from tests.integration.test_doctor import doctor
from tests.servers import Server
from tests.service import Service
from tests.support import wait_until_blocking

KEPT: Final = 5 * DAY


def moment(text: str) -> int:
    """Returns a time of an answer in milliseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def ended(shop: GraphShop, page: str) -> bool:
    """Returns True if the history is fetched."""
    return state(shop, page)["healing"]["status"] in ENDED


def test_a_connect_with_history_stores_the_messages_of_five_days(
    inbox: Inbox, graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """Each message comes once, and conversations are ordered by their last message. No message stays longer than five
    days after it was sent."""
    with ExitStack() as stack:
        services = replicas(stack, valkey, graph, tmp_path, "one", "two")
        shop = stack.enter_context(GraphShop(services[0].url))
        old = inbox.says(VANNA, now() - KEPT - 10 * MINUTE)
        soon_over = inbox.says(BOPHA, now() - KEPT + 10 * MINUTE)
        days = [inbox.says(DARA, now() - days * DAY, from_page=days == 3) for days in (4, 3, 2)]
        today = [inbox.says(SOKHA, now() - minutes * MINUTE) for minutes in (9, 8)]
        held = Barrier()
        graph.faults.script(messages_path(graph, inbox, DARA), Stalls(held))
        assert state_of(shop.bring(inbox.page, history=True)) == "connected"
        wait_until_blocking(lambda: held.waiting == 1, within=HEALS_WITHIN)
        assert state(shop, inbox.page.id)["healing"]["status"] in {"waiting", "running"}
        both = inbox.delivered(services[1], SOKHA, now() - MINUTE)
        held.open()
        wait_until_blocking(lambda: ended(shop, inbox.page.id), within=HEALS_WITHIN)
        kept = {message["id"]: message for message in shop.walk()}
        assert set(kept) == {soon_over, *days, *today, both}
        assert old not in kept
        for message in kept.values():
            if message["id"] != both:
                assert moment(message["expires_at"]) == moment(message["sent_at"]) + KEPT
            assert moment(message["expires_at"]) <= moment(message["received_at"]) + KEPT
        (client,) = valkey.clients()
        in_redis = sorted(client.pexpiretime(key) for key in client.scan_iter("m:*"))
        assert in_redis == sorted(moment(message["expires_at"]) for message in kept.values())
        assert kept[days[1]]["direction"] == "out"
        conversations = shop.get("/conversations")["conversations"]
        assert [one["customer_id"] for one in conversations] == [SOKHA, DARA, BOPHA], "newest activity first"
        activities = [moment(one["last_activity_at"]) for one in conversations]
        assert activities == sorted(activities, reverse=True)
        assert activities[1] // 1000 == moment(kept[days[-1]]["sent_at"]) // 1000
        healing = state(shop, inbox.page.id)["healing"]
        assert (healing["status"], healing["conversations"], healing["stored"]) == ("complete", 3, 6)

        # Once: a second connect with the token fetches nothing.
        asked = len(graph.seen.of("/conversations"))
        shop.bring(inbox.page, history=True)
        assert "healing_since" not in state(shop, inbox.page.id)
        assert len(graph.seen.of("/conversations")) == asked


def state_of(page: dict[str, Any]) -> str:
    """Returns the Page's status."""
    status: str = page["status"]
    return status


def test_the_owner_can_omit_the_history_and_purged_messages_do_not_return(
    inbox: Inbox, graph: FakeGraph, shop: GraphShop
) -> None:
    """`{"history": false}` leaves the history out, and healing on demand fetches it later. Purged messages do not come
    back with it."""
    purged = inbox.says(SOKHA, now() - 30 * MINUTE)
    graph.seen.forget()
    shop.bring(inbox.page, history=False)
    assert "healing" not in state(shop, inbox.page.id)
    assert graph.seen.of("/conversations") == []
    assert heal(shop, inbox.page.id)["healing"]["stored"] == 1
    assert shop.ids() == [purged]
    shop.purge()
    later = inbox.says(SOKHA, now() + 1000)
    assert heal(shop, inbox.page.id)["healing"]["stored"] == 1
    assert shop.ids() == [later]


def test_the_heal_command_heals_and_the_doctor_reports_a_refused_conversation(
    inbox: Inbox, graph: FakeGraph, shop: GraphShop, valkey: Server
) -> None:
    """A running service heals. The command waits, and prints the progress and what Facebook refuses."""
    shop.bring(inbox.page)
    missed = inbox.says(SOKHA, now() - 20 * MINUTE)
    inbox.says(DARA, now() - 30 * MINUTE)
    graph.faults.script(messages_path(graph, inbox, DARA), Fails(230, status=403), times=None)
    said = done(valkey.url, "pages", "heal", "--wait", "--shop", "shop-1", inbox.page.id, **graph_settings(graph))
    assert "Complete: 2 conversations, 1 message, 1 of them new." in said
    assert "permission_missing" in said
    assert shop.ids() == [missed]
    _, document = doctor(valkey.url, **graph_settings(graph))
    (finding,) = [one for one in document["findings"] if one["name"] == "unhealed"]
    assert (finding["level"], finding["about"]) == ("warn", inbox.page.id)
    assert "permission_missing (1)" in finding["sentence"]


def test_a_disconnect_deletes_all_data_of_a_healing(
    inbox: Inbox, graph: FakeGraph, services: list[Service], shop: GraphShop, valkey: Server
) -> None:
    """The messages and the record of the conversation that Facebook refused are deleted. No log line has its id."""
    inbox.says(SOKHA, now() - 20 * MINUTE, text="canary of the history")
    inbox.says(DARA, now() - 30 * MINUTE)
    refused = graph.world.pages[inbox.page.id].conversations[Psid(DARA)].id
    graph.faults.script(f"{refused}/messages", Fails(100), times=None)
    shop.bring(inbox.page, history=True)
    wait_until_blocking(lambda: ended(shop, inbox.page.id), within=HEALS_WITHIN)
    assert refused.encode() in everything(valkey)
    assert b"canary of the history" not in everything(valkey), "a body is sealed"
    shop.purge(f"/pages/{inbox.page.id}")
    assert refused.encode() not in everything(valkey)
    log = json.dumps(services[0].lines())
    assert refused not in log
    assert "canary of the history" not in log
