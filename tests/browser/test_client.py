"""The client in a browser, with answers from the test: its requests, results, repetitions and errors."""

import re
from typing import Any, Final, get_args

import pytest
from playwright.async_api import Page

from api.problems import REASONS
from graph_client.errors import Reason as GraphReason
from tests.browser.console import Console
from tests.browser.modules import Modules
from tests.house.sources import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOP: Final = "https://inbox.example/v1/shops/s"

_CALLS: Final = """(async () => {
    const [asked, waits, states, events] = [[], [], [], []];
    const fetch = async (url, { method, headers, signal, body }) => {
        const token = headers.Authorization.slice(7);
        asked.push({ method, url, token, body: body ?? null, last: headers["Last-Event-ID"] ?? null });
        const { status = 200, json, pieces = [], breaks = false, headers: more = {} } = a.answers.shift() ?? {};
        if (status === 0) throw new TypeError("no network");
        const encoder = new TextEncoder();
        const stream = new ReadableStream({
            pull(controller) {
                if (pieces.length) controller.enqueue(encoder.encode(pieces.shift()));
                else if (breaks) controller.error(new TypeError("broken"));
                else controller.close();
            },
        });
        return new Response(json === undefined ? stream : JSON.stringify(json), { status, headers: more });
    };
    const wait = async (milliseconds) => { waits.push(milliseconds); };
    const options = { url: "https://inbox.example/", shop: "s", token: "t", fetch, wait, random: () => 1 };
    const make = (more = {}) => new m.PageInbox({ ...options, ...more });
    const onState = (state, why) => states.push([state, why?.reason ?? why ?? null]);
    const plain = ({ status, reason, retryAfter, transient }) => ({ status, reason, retryAfter, transient });
    const failed = async (job) => { try { await job(); return null; } catch (error) { return plain(error); } };
    const follow = async (inbox, most = Infinity, more = {}) => failed(async () => {
        for await (const event of inbox.stream({ onState, ...more })) {
            events.push(event);
            if (events.length >= most) break;
        }
    });
    const result = await (async () => { BODY })();
    return { result, asked, waits, states, events };
})()"""


async def calls(modules: Modules, body: str, *answers: dict[str, Any]) -> dict[str, Any]:
    """Returns the result of a script and the calls that it made. The service gives these answers in turn."""
    found: dict[str, Any] = await modules.run("page-inbox", _CALLS.replace("BODY", body), {"answers": list(answers)})
    return found


def sent(*events: str, **more: Any) -> dict[str, Any]:
    """Returns a stream with these events, each `name id {json}`. After them the stream ends or breaks."""
    lines = [f"event: {name}\ndata: {data}\n" + (f"id: {key}\n" if key != "-" else "") + "\n"
             for name, key, data in (event.split(" ", 2) for event in events)]  # fmt: skip
    return {"pieces": lines, **more}


def refusal(status: int, reason: str, **headers: str) -> dict[str, Any]:
    """Returns problem JSON."""
    return {"status": status, "json": {"reason": reason, "detail": "A sentence."}, "headers": headers}


async def test_a_stream_is_read_in_pieces_of_any_size(modules: Modules) -> None:
    """The stream has comments, several lines of data, and every kind of line end. An event without an end or without
    JSON is not given."""
    text = (
        '\ufeff: hello\n\nevent: message\nid: 7\ndata: {"a":\ndata:  "\u1780"}\n\n'
        'data: 1\r\n\r\n:\nid\ndata\rretry: 1500\r\revent: live\ndata:{"b":2}\r\r\nevent: lost\ndata: 3'
    )
    body = """
        const all = [];
        for (let size = 1; size <= a.answers[0].length; size += 1) {
            const text = a.answers[0];
            const pieces = [];
            for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
            let connections = 0;
            const fetch = async () => {
                connections += 1;
                const encoder = new TextEncoder();
                const pull = (to) => pieces.length ? to.enqueue(encoder.encode(pieces.shift())) : to.close();
                return new Response(new ReadableStream({ pull }), { status: connections > 1 ? 403 : 200 });
            };
            const found = [];
            await failed(async () => {
                for await (const { type, id, data } of make({ fetch }).stream()) found.push([type, id, data]);
            });
            all.push(JSON.stringify(found));
        }
        return [...new Set(all)].map((one) => JSON.parse(one));
    """
    found = await modules.run("page-inbox", _CALLS.replace("BODY", body), {"answers": [text]})
    events = [["start", "", {}], ["message", "7", {"a": "\u1780"}], ["message", "", 1], ["live", "", {"b": 2}]]
    assert found["result"] == [events]


async def test_a_stream_resumes_after_every_kind_of_end(modules: Modules) -> None:
    """Each event comes once and in order. Every connection resumes after the last event. The service decides
    the wait."""
    found = await calls(
        modules,
        "return follow(make());",
        sent('ready 1 {"x":1}', 'message 2 {"id":"m2"}', breaks=True),
        {"status": 0},
        refusal(503, "unavailable", **{"Retry-After": "7"}),
        refusal(429, "too_many_viewers", **{"Retry-After": "5"}),
        sent('message 2 {"id":"m2"}', 'live - {"kind":"read"}', 'message 3 {"id":"m3"}', 'end - {"reason":"closing"}'),
        sent('end - {"reason":"slow"}'),
        sent('purge 4 {"what":"shop"}', 'end - {"reason":"purge"}'),
        sent('end - {"reason":"failed"}'),
        sent('gap 5 {"reason":"expired"}', 'new-kind 6 {"y":1}', 'message 5 {"id":"again"}'),
        refusal(403, "scope_missing"),
    )
    assert [(one["type"], one["id"], one["reload"]) for one in found["events"]] == [
        ("start", "", True),
        *(("ready", "1", False), ("message", "2", False), ("live", "", False), ("message", "3", False)),
        *(("purge", "4", True), ("gap", "5", True), ("new-kind", "6", False)),
    ]
    assert [one["last"] for one in found["asked"]] == [None, "2", "2", "2", "2", "3", "3", "4", "4", "6"]
    assert {(one["method"], one["url"]) for one in found["asked"]} == {("GET", f"{SHOP}/stream")}
    assert found["waits"] == [500, 1000, 7000, 5000, 500, 500, 500, 1000, 2000]
    assert found["result"] == {"status": 403, "reason": "scope_missing", "retryAfter": 0, "transient": False}
    assert found["states"] == [
        *(["connecting", None], ["live", None], ["reconnecting", "offline"], ["live", None]),
        *(["reconnecting", "failed"], ["live", None], ["reconnecting", "offline"]),
    ]


async def test_a_token_that_ends_is_replaced_by_the_callback(modules: Modules) -> None:
    """No call is refused if a stream reports the end. If the callback fails or returns the old token, the client calls
    it again later."""
    body = """
        const given = ["t1", "fails", "t1", "t2"];
        const reasons = [];
        const token = async (problem) => {
            reasons.push(problem?.reason ?? null);
            const next = given.shift();
            if (next === "fails") throw new Error("the back end is down");
            return next;
        };
        const inbox = make({ token });
        await follow(inbox, 3);
        const both = await Promise.all([inbox.json("GET", ""), inbox.json("GET", "/pages")]);
        return [reasons, both];
    """
    found = await calls(
        modules,
        body,
        sent("ready 1 {}", 'end - {"reason":"token_expired"}'),
        refusal(401, "token_expired"),
        refusal(401, "token_expired"),
        sent('message 2 {"id":"m2"}'),
        {"json": 1},
        {"json": 2},
    )
    reasons, both = found["result"]
    assert reasons == [None, "token_expired", "token_expired", "token_expired"]
    assert [one["token"] for one in found["asked"]] == ["t1", "t1", "t1", "t2", "t2", "t2"]
    assert [one["type"] for one in found["events"]] == ["start", "ready", "message"]
    assert (both, found["states"][-2:]) == ([1, 2], [["reconnecting", "token_unavailable"], ["live", None]])


async def test_calls_at_the_same_time_share_one_new_token(modules: Modules) -> None:
    """The calls share the token at the beginning and after a refusal."""
    body = """
        let given = 0;
        const inbox = make({ token: async () => `t${(given += 1)}` });
        await Promise.all([inbox.message("1"), inbox.message("2")]);
        await Promise.all([inbox.message("3"), inbox.message("4")]);
        return given;
    """
    good, ended = {"json": 1}, refusal(401, "token_expired")
    found = await calls(modules, body, good, good, ended, ended, good, good)
    assert found["result"] == 2
    assert [one["token"] for one in found["asked"]] == ["t1"] * 4 + ["t2"] * 2


@pytest.mark.parametrize("token", ["t", None])
async def test_without_another_token_the_refusal_is_thrown(modules: Modules, token: str | None) -> None:
    """The client throws the refusal for a fixed token, and for a callback that returns no other token. The client does
    not call the service again and again."""
    source = "'t'" if token else "(problem) => problem ? null : 't'"
    body = f"const i = make({{ token: {source} }}); return [await follow(i), await failed(() => i.receipt('p'))];"
    found = await calls(modules, body, refusal(401, "token_invalid"), refusal(401, "token_invalid"))
    assert [one["reason"] for one in found["result"]] == ["token_invalid", "token_invalid"]
    assert len(found["asked"]) == 2


async def test_a_stream_resumes_after_an_expired_token_and_after_a_purge(console: Console) -> None:
    """Each event comes once, and no call is refused. After an id that the service never gave, the stream begins with a
    `gap` event."""
    owner = console.owner
    page = await console.window()
    await page.goto(console.address)
    tokens = [owner.token("messages:read", ttl=3), owner.token("messages:read")]
    await page.evaluate(_FOLLOW, [owner.name, tokens])
    events = [("start", ""), ("ready", "")]
    await came(page, events)
    owner.hears("m_1", "before the token ends")
    events.append(("message", "m_1"))
    await came(page, events)
    await page.evaluate(_UNTIL, ["refusals", 1])
    owner.hears("m_2", "after it")
    events.append(("message", "m_2"))
    await came(page, events)
    owner.purge()
    events.append(("purge", ""))
    await came(page, events)
    owner.hears("m_3", "after the purge")
    events.append(("message", "m_3"))
    await came(page, events)
    assert await page.evaluate("[refusals, [...statuses]]") == [["token_expired"], [200]]
    first = "(async () => { for await (const { type } of inbox.stream({ lastEventId: 'nonsense' })) return type; })()"
    assert await page.evaluate(first) == "gap"


_FOLLOW: Final = """async ([shop, tokens]) => {
    const base = document.querySelector('meta[name="page-inbox-base"]').content;
    const { PageInbox } = await import(`${base}/js/page-inbox.js`);
    Object.assign(window, { found: [], refusals: [], statuses: new Set() });
    const token = (problem) => { if (problem) refusals.push(problem.reason); return tokens.shift(); };
    const onAnswer = ({ status }) => statuses.add(status);
    window.inbox = new PageInbox({ url: location.origin, shop, token, onAnswer });
    (async () => {
        // After a connection that resumes, `ready` comes again: the first is enough here.
        for await (const { type, data } of inbox.stream()) {
            if (type !== "ready" || found.length < 2) found.push([type, data.id ?? ""]);
        }
    })();
}"""


_UNTIL: Final = """([name, count]) => new Promise((done) => {
    const look = () => (window[name].length >= count ? done() : setTimeout(look, 50));
    look();
})"""


async def came(page: Page, expected: list[tuple[str, str]]) -> None:
    """Wait until the page has exactly these events."""
    await page.evaluate(_UNTIL, ["found", len(expected)])
    assert await page.evaluate("found") == [list(one) for one in expected]


async def test_lists_are_read_to_their_last_page(modules: Modules) -> None:
    """An empty page does not end the list. Filters stay, empty filters are left out, ids are encoded."""
    body = """
        const inbox = make();
        const all = [];
        for await (const one of inbox.messages({ conversation: "1_2", direction: "" })) all.push(one);
        for await (const one of inbox.replies("9", "5_1/x", { limit: 2 })) all.push(one);
        return all;
    """
    found = await calls(
        modules,
        body,
        {"json": {"messages": [1, 2], "next_cursor": "c1"}},
        {"json": {"messages": [], "next_cursor": "c2"}},
        {"json": {"messages": [3], "next_cursor": None}},
        {"json": {"items": [4], "after": None}},
    )
    assert found["result"] == [1, 2, 3, 4]
    assert [one["url"] for one in found["asked"]] == [
        f"{SHOP}/messages?conversation=1_2",
        f"{SHOP}/messages?conversation=1_2&cursor=c1",
        f"{SHOP}/messages?conversation=1_2&cursor=c2",
        f"{SHOP}/pages/9/comments/5_1%2Fx/replies?limit=2",
    ]


async def test_a_failed_read_is_repeated_and_a_failed_change_is_not(modules: Modules) -> None:
    """The client also repeats after an error of the service or of a proxy, but not if a repetition cannot help."""
    body = """
        const inbox = make();
        const read = await inbox.message("m");
        const change = await failed(() => inbox.purgeMessage("m"));
        const gone = await failed(() => inbox.message("m"));
        const impatient = await failed(() => make({ patience: 0 }).message("m"));
        return [read, change, gone, impatient];
    """
    down = refusal(503, "unavailable", **{"Retry-After": "2"})
    again = [
        *({"status": 0}, down, refusal(500, "internal_error"), {"status": 502}, {"status": 504}),
        refusal(429, "too_many_searches", **{"Retry-After": "7"}),
    ]
    gone = refusal(404, "message_not_found")
    found = await calls(modules, body, *again, {"json": {"id": "m"}}, down, gone, {"status": 0})
    read, change, lost, impatient = found["result"]
    assert read == {"id": "m"}
    assert change == {"status": 503, "reason": "unavailable", "retryAfter": 2, "transient": True}
    assert lost == {"status": 404, "reason": "message_not_found", "retryAfter": 0, "transient": False}
    assert impatient == {"status": 0, "reason": "offline", "retryAfter": 0, "transient": True}
    assert found["waits"] == [500, 2000, 2000, 4000, 8000, 16000]
    assert [one["method"] for one in found["asked"]] == ["GET"] * 7 + ["DELETE", "GET", "GET"]


async def test_a_call_is_not_repeated_after_an_error_of_facebook(modules: Modules) -> None:
    """The service has already repeated the call, and a rate limit can last an hour. The caller should know."""
    known = set(get_args(GraphReason))
    answers = [(status, reason) for status in (429, 502, 504) for reason in REASONS[status] if reason in known]
    body = """
        const reasons = [];
        while (a.answers.length) reasons.push((await failed(() => make().customer("9", "7"))).reason);
        return reasons;
    """
    found = await calls(modules, body, *(refusal(*answer) for answer in answers))
    assert (found["result"], found["waits"]) == ([reason for _, reason in answers], [])


async def test_the_client_waits_until_a_purge_is_complete(modules: Modules) -> None:
    """The wait ends when the bytes are erased too."""
    running, complete = ({"purge_id": "p", "status": status} for status in ("running", "complete"))
    body = "const inbox = make(); return inbox.completed(await inbox.purgeConversation('1_2'));"
    found = await calls(modules, body, {"json": running}, {"json": running}, {"json": complete})
    assert found["result"] == complete
    assert [(one["method"], one["url"].removeprefix(SHOP)) for one in found["asked"]] == [
        ("DELETE", "/conversations/1_2"),
        ("GET", "/purges/p"),
        ("GET", "/purges/p"),
    ]


async def test_an_export_that_is_cut_off_is_an_error(modules: Modules) -> None:
    """The error comes after the lines that arrived."""
    body = """
        const lines = [];
        const read = (inbox) => failed(async () => { for await (const one of inbox.export()) lines.push(one.type); });
        return [await read(make()), await read(make()), lines];
    """
    whole = {"pieces": ['{"type":"sh', 'op"}\n{"type":"end"}\n']}
    cut = {"pieces": ['{"type":"shop"}\n{"type":"mess']}
    (first, second, lines) = (await calls(modules, body, whole, cut))["result"]
    assert (first, second["reason"], lines) == (None, "offline", ["shop", "end", "shop"])


async def test_the_signal_stops_a_stream_without_an_error(modules: Modules) -> None:
    """The signal stops it at any moment, without an error and without a further call."""
    body = """
        const stop = new AbortController();
        const fetch = (url, { signal }) => new Promise((_, fail) => {
            signal.addEventListener("abort", () => fail(new DOMException("", "AbortError")));
            setTimeout(() => stop.abort(), 10);
        });
        return follow(make({ fetch }), Infinity, { signal: stop.signal });
    """
    found = await calls(modules, body)
    assert (found["result"], found["events"], found["states"]) == (None, [], [["connecting", None]])


async def test_a_silent_connection_is_replaced_and_a_slow_call_fails(modules: Modules) -> None:
    """A dead connection is replaced and resumes. A call reports that there was no answer."""
    body = """
        const lasts = [];
        const fetch = async (url, { headers, signal }) => {
            if (!url.endsWith("/stream")) return new Promise((_, fail) => {
                signal.addEventListener("abort", () => fail(new DOMException("", "AbortError")));
            });
            lasts.push(headers["Last-Event-ID"] ?? null);
            const text = `event: message\\nid: ${lasts.length}\\ndata: {}\\n\\n`;
            return new Response(new ReadableStream({
                start(controller) {
                    controller.enqueue(new TextEncoder().encode(text));
                    signal.addEventListener("abort", () => controller.error(new DOMException("", "AbortError")));
                },
            }));
        };
        const inbox = make({ fetch, silence: 50, patience: 0 });
        await follow(inbox, 4);
        return [lasts, await failed(() => inbox.json("GET", "", { timeout: 20 }))];
    """
    found = await calls(modules, body)
    lasts, problem = found["result"]
    assert lasts == [None, "1", "2"]
    assert problem["reason"] == "no_answer"
    assert [one["id"] for one in found["events"]] == ["", "1", "2", "3"]


def of_the_document(heading: str, language: str = "js") -> list[str]:
    """Returns the blocks of code in a part of docs/integrate.md. A part ends at the next heading."""
    text = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
    section = text.partition(f"\n{heading}")[2].partition("\n#")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def listed(*messages: tuple[str, str]) -> dict[str, Any]:
    """Returns the last page of a list of messages with these ids and texts."""
    found = [{"id": key, "text": text, "expires_at": "2100", "conversation_id": "c1"} for key, text in messages]
    return {"json": {"messages": found, "next_cursor": None}}


_SHOWN: Final = """
    const draws = [];
    const showState = (state, why) => states.push([state, why?.reason ?? null]);
    const texts = (map) => Object.fromEntries([...map].map(([id, one]) => [id, one.text ?? one.last_message.text]));
    const setInterval = (job) => { globalThis.everyMinute = job; };
"""


async def test_the_loop_of_the_document_shows_the_same_messages_as_the_service(modules: Modules) -> None:
    """Deleted messages leave the screen at once. Reading the list again can take as long as an outage."""
    (loop,) = of_the_document("## 5. ")
    body = f"""
        {_SHOWN}
        const draw = () => draws.push(texts(messages));
        const inbox = make();
        {loop}
        return draws;
    """
    events = ['message 2 {"id":"m2","text":"b"}', 'edited 3 {"id":"m2","text":"c"}', 'erased 4 {"id":"m1"}']
    stream = sent(*events, 'purge 5 {"what":"shop"}')
    away = ({"status": 0}, refusal(500, "internal_error"))
    found = await calls(modules, body, stream, listed(("m1", "a")), *away, listed(), refusal(403, "wrong_shop"))
    start = [{}, {"m1": "a"}]
    assert found["result"] == [*start, {"m1": "a", "m2": "b"}, {"m1": "a", "m2": "c"}, {"m2": "c"}, {}, {}, {}]
    assert (found["waits"][:2], found["states"][-1]) == ([500, 1000], ["ended", "wrong_shop"])


async def test_the_example_for_many_messages_updates_the_open_conversation(modules: Modules) -> None:
    """The list of conversations changes too. An answer that comes late does not bring back old data."""
    (loop,) = of_the_document("### Many messages")
    body = f"""
        let [kept, groups, held, stream, asked] = [["m1"], ["c1"], null, null, []];
        const message = (id, group, expires, text) =>
            ({{ id, text, conversation_id: group, expires_at: `2100-01-0${{expires}}` }});
        const fetch = async (url) => {{
            asked.push(url);
            if (url.endsWith("/stream")) return new Response(new ReadableStream({{ start: (it) => (stream = it) }}));
            const messages = kept.map((id) => message(id, "c1", 1, "kept"));
            const conversations = groups.map((id) => ({{ id, last_message: message("m1", id, 1, "kept") }}));
            const json = JSON.stringify(url.includes("/messages") ? {{ messages }} : {{ conversations }});
            if (url.includes("/messages")) await held;
            return new Response(json);
        }};
        const push = (type, id, data) => {{
            const text = `event: ${{type}}\nid: ${{id}}\ndata: ${{JSON.stringify(data)}}\n\n`;
            stream.enqueue(new TextEncoder().encode(text));
        }};
        const until = async (ready) => {{
            for (let looks = 0; !ready(now()); looks += 1) {{
                if (looks > 3000) throw new Error(ready);
                await new Promise((done) => setTimeout(done, 5));
            }}
        }};
        let go;
        const hold = () => {{ held = new Promise((done) => (go = done)); }};
        {_SHOWN}
        const draw = () => draws.push(now?.());
        const inbox = make({{ fetch }});
        let now;
        (async () => {{ now = () => ({{ conversations, messages, show }}); {loop} }})();
        const seen = () => [texts(now().conversations), texts(now().messages)];

        await until(({{ conversations }}) => conversations.size);
        hold();
        let opening = now().show("c1");
        push("message", 1, message("m2", "c1", 2, "new"));
        push("edited", 2, message("m1", "c1", 1, "changed"));
        await until(({{ messages }}) => messages.size === 2);
        go();
        held = null;
        await opening;
        const steps = [seen()];

        groups = ["c2", "c1"];
        push("message", 3, message("m3", "c2", 3, "of another"));
        await until(({{ conversations }}) => conversations.has("c2"));
        kept = ["m2"];
        push("erased", 4, {{ id: "m1" }});
        await until(({{ messages }}) => messages.size === 1);
        steps.push(seen());

        hold();
        opening = now().show("c1");
        await until(() => asked.at(-1).includes("/messages"));
        held = null;
        [kept, groups] = [[], []];
        push("purge", 5, {{ what: "shop" }});
        await until(({{ conversations }}) => conversations.size === 0);
        go();
        await opening;
        steps.push(seen());
        return steps;
    """
    found = await calls(modules, body)
    both, after = found["result"][:2]
    assert both == [{"c1": "new"}, {"m1": "changed", "m2": "new"}]
    assert after == [{"c2": "kept", "c1": "kept"}, {"m2": "kept"}]
    assert found["result"][2] == [{}, {}]


async def test_the_token_callback_of_the_document_returns_null_after_a_sign_out(modules: Modules) -> None:
    """After the sign-out the callback returns null. It does not use the text of a back end's error as a token."""
    (options,) = of_the_document("## 4. ")
    body = f"""
        const PageInbox = class {{ constructor(options) {{ Object.assign(this, options); }} }};
        const given = [new Response("Sign in", {{ status: 401 }}), new Response("A bug", {{ status: 500 }})];
        const fetch = async () => given.shift() ?? new Response("eyJ");
        {options}
        const results = [];
        for (let call = 0; call < 3; call += 1) results.push(await inbox.token().catch(() => "error"));
        return results;
    """
    found = await calls(modules, body)
    assert found["result"] == [None, "error", "eyJ"]


async def test_a_search_reports_the_number_of_searched_items(modules: Modules) -> None:
    """Each page of the list has the number. A page can be empty before the end."""
    body = """
        const looked = [];
        const query = { q: "012 345 678", has: "phone", answered: false, expires_before: "2026-02-02T00:00:00Z" };
        const onPage = (page) => looked.push([page.conversations.length, page.looked_at]);
        const found = [];
        for await (const one of make().conversations(query, { onPage })) found.push(one.id);
        return [found, looked];
    """
    empty = {"json": {"conversations": [], "looked_at": 1000, "next_cursor": "c"}}
    last = {"json": {"conversations": [{"id": "7"}], "looked_at": 5, "next_cursor": None}}
    found = await calls(modules, body, empty, last)
    assert found["result"] == [["7"], [[0, 1000], [1, 5]]]
    query = "q=012+345+678&has=phone&answered=false&expires_before=2026-02-02T00%3A00%3A00Z"
    assert [one["url"] for one in found["asked"]] == [
        f"{SHOP}/conversations?{query}{more}" for more in ("", "&cursor=c")
    ]


async def test_a_list_ends_at_the_signal(modules: Modules) -> None:
    """The list does not ask for its next page."""
    body = """
        const stop = new AbortController();
        return [await (async () => {
            try {
                for await (const one of make().messages({}, { signal: stop.signal })) stop.abort();
            } catch (error) { return error.name; }
        })()];
    """
    found = await calls(modules, body, {"json": {"messages": [{"id": "m1"}], "next_cursor": "c"}}, {"json": {}})
    assert (found["result"], len(found["asked"])) == (["AbortError"], 1)


async def test_calls_for_marks_labels_names_and_pauses_send_correct_requests(modules: Modules) -> None:
    """The calls are marks, labels, names of several customers, and pauses with and without an end."""
    body = """
        const inbox = make();
        await inbox.mark("1_7", { done: true, labels: ["VIP"] });
        const labels = [await inbox.labels(), await inbox.changeLabels(["VIP", "paid"])];
        await inbox.customers(["1_7", "1_8"]);
        await inbox.pause({ until: new Date(Date.UTC(2026, 1, 2)) });
        await inbox.pause({ page: "1" });
        await inbox.resume({ page: "1" });
        await inbox.resume();
        return labels;
    """
    labels = {"json": {"labels": ["VIP"]}}
    found = await calls(modules, body, {"json": {}}, labels, labels, *[{"json": {}}] * 5)
    assert found["result"] == [["VIP"], ["VIP"]]
    asked = [(one["method"], one["url"].removeprefix(SHOP), one["body"]) for one in found["asked"]]
    assert asked == [
        ("PUT", "/conversations/1_7/mark", '{"done":true,"labels":["VIP"]}'),
        ("GET", "/labels", None),
        ("PUT", "/labels", '{"labels":["VIP","paid"]}'),
        ("GET", "/customers?ids=1_7%2C1_8", None),
        ("PATCH", "", '{"paused":true,"until":"2026-02-02T00:00:00.000Z"}'),
        ("PATCH", "/pages/1", '{"paused":true}'),
        ("PATCH", "/pages/1", '{"paused":false}'),
        ("PATCH", "", '{"paused":false}'),
    ]


async def test_the_example_of_the_document_shows_a_text_for_every_message(modules: Modules) -> None:
    """A message without a text has a text on the page too. The page groups messages by conversation."""
    _, block = of_the_document("## 6. ")
    shown: list[dict[str, Any]] = [
        {"text": "two", "attachments": [{"type": "image", "url": "https://x.example"}]},
        {"attachments": [{"type": "location", "title": "Pin", "coordinates": {"lat": 11.5, "long": 104.9}}]},
        {"attachments": [{"type": "fallback", "title": "A link"}]},
        {"postback": {"title": "Order now"}},
    ]
    messages = [{"id": str(n), "conversation_id": f"c{n % 2}", **one} for n, one in enumerate(shown)]
    body = f"""
        const messages = new Map(a.answers.map((one) => [one.id, one]));
        {block}
        return [a.answers.map(words), [...groups].map(([id, list]) => [id, list.map((one) => one.id)])];
    """
    texts, groups = (await calls(modules, body, *messages))["result"]
    assert texts == ["two [image]", "11.5, 104.9", "A link", "Order now"]
    assert groups == [["c0", ["0", "2"]], ["c1", ["1", "3"]]]


async def test_waits_double_and_have_a_random_part(modules: Modules) -> None:
    """The longest wait doubles from half a second to half a minute. Each wait is a random time between half of the
    longest wait and the longest wait."""
    waits = await modules.run("page-inbox", "[0, 1, 2, 10].flatMap((n) => [m.backoff(n, 0), m.backoff(n, 1)])")
    assert waits == [250, 500, 500, 1000, 1000, 2000, 15_000, 30_000]


async def test_the_types_and_the_module_have_the_same_names(modules: Modules) -> None:
    """The types and the module have the same exports and methods. docs/integrate.md uses only these."""
    script = "[Object.keys(m), Object.getOwnPropertyNames(m.PageInbox.prototype).filter((n) => n !== 'constructor')]"
    exports, methods = await modules.run("page-inbox", script)
    types = (ROOT / "client" / "page-inbox.d.ts").read_text(encoding="utf-8")
    assert set(re.findall(r"^export (?:class|function) (\w+)", types, re.MULTILINE)) == set(exports)
    body = types.partition("export class PageInbox {")[2].partition("\n}")[0]
    named = set(re.findall(r"^  (\w+)(?:<[^>]*>)?\(", body, re.MULTILINE)) - {"constructor"}
    assert named == set(methods)
    document = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
    assert set(re.findall(r"inbox\.(\w+)\(", document)) <= named
