"""The console's pure modules, each tested in the browser that runs them."""

import pytest

from tests.browser.modules import Modules

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://shop.example/a", "https://shop.example/a"),
        ("http://shop.example", "http://shop.example/"),
        ("/console/1/icons.svg#copy", "/console/1/icons.svg#copy"),
        ("#main", "#main"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        (" java\nscript:alert(1)", None),
        ("data:text/html,<script>", None),
        ("vbscript:x", None),
        ("file:///etc/passwd", None),
        ("//evil.example", None),
        ("https://user:password@evil.example", None),
        ("nonsense", None),
        ("", None),
    ],
)
async def test_only_safe_addresses_become_links(modules: Modules, address: str, expected: str | None) -> None:
    """Any other address stays text, because a browser might run, open or hide something."""
    assert await modules.run("links", "m.safeAddress(a)", address) == expected


async def test_pictures_are_loaded_only_from_the_sources_of_the_policy(modules: Modules) -> None:
    """The check is the same as the browser's own: a subdomain is another host, and a port is another source."""
    sources = ["https://*.fbcdn.net", "http://127.0.0.1:9"]
    cases = {
        "https://scontent.xx.fbcdn.net/a.jpg": True,
        "http://127.0.0.1:9/p/1.jpg": True,
        "http://scontent.xx.fbcdn.net/a.jpg": False,
        "https://fbcdn.net/a.jpg": False,
        "https://fbcdn.net.evil.example/a.jpg": False,
        "https://evilfbcdn.net/a.jpg": False,
        "https://scontent.fbcdn.net:8443/a.jpg": False,
        "http://127.0.0.1:10/": False,
        "javascript:1": False,
    }
    found = await modules.run("links", "a[0].map((one) => m.isFromSources(one, a[1]))", [list(cases), sources])
    assert dict(zip(cases, found, strict=True)) == cases


async def test_addresses_in_a_text_become_links_without_loss_of_text(modules: Modules) -> None:
    """A link ends before a full stop and before the first Khmer letter."""
    text = "មើល https://shop.example/p/8នៅមានទេ? (http://a.example/x). javascript:1 ftp://b.example"
    pieces = await modules.run("links", "m.linked(a)", text)
    assert "".join(piece["text"] for piece in pieces) == text
    assert [piece["href"] for piece in pieces if "href" in piece] == ["https://shop.example/p/8", "http://a.example/x"]


async def test_the_time_left_of_a_message_has_a_suitable_unit(modules: Modules) -> None:
    """The text has days while there are at least two, then hours, then minutes."""
    minute, hour, day = 60_000, 3_600_000, 86_400_000
    cases = {
        5 * day - minute: ("left.days", 5),
        3 * day: ("left.days", 3),
        2 * day: ("left.days", 2),
        2 * day - 1: ("left.hours", 47),
        2 * hour: ("left.hours", 2),
        2 * hour - 1: ("left.minutes", 119),
        minute: ("left.minutes", 1),
        minute - 1: ("left.seconds", None),
        -5: ("left.seconds", None),
    }
    found = await modules.run("time", "a.map(m.timeLeft)", list(cases))
    assert [(one["key"], one.get("n")) for one in found] == list(cases.values())


async def test_the_page_uses_the_clock_of_the_service(modules: Modules) -> None:
    """A telephone whose clock is an hour late shows the right times. A difference below two seconds is ignored."""
    script = """a.map(([own, told]) => {
        const clock = m.createClock(() => own);
        clock.hear(told);
        clock.hear(NaN);
        return clock.now();
    })"""
    assert await modules.run("time", script, [[10_000, 3_610_000], [10_000, 11_000]]) == [3_610_000, 10_000]


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("", "whatever", True),
        ("DRESS", "a blue dress", True),
        ("០១២", "call 012 345", True),
        ("012-345-678", "+855 12 345 678", True),
        ("+855 12345678", "012 345 678", True),
        ("12.345", "012 345 678", True),
        ("នៅមាន", "នៅ\u200bមាន\u200bទេ", True),
        ("999", "012 345 678", False),
        ("hat", "a blue dress", False),
    ],
)
async def test_the_search_ignores_different_spellings(modules: Modules, typed: str, text: str, found: bool) -> None:
    """The search ignores upper and lower case, Khmer digits, zero-width spaces, grouping, and the country's code."""
    assert await modules.run("search", "m.finds(m.question(a[0]), [a[1]])", [typed, text]) is found


async def test_cambodian_telephone_numbers_are_grouped(modules: Modules) -> None:
    """Numbers of other countries stay unchanged."""
    numbers = ["+85512345678", "+855971234567", "+8613800138000"]
    expected = ["+855 12 345 678", "+855 97 123 4567", "+8613800138000"]
    assert await modules.run("numbers", "a.map(m.grouped)", numbers) == expected


async def test_an_unusable_token_makes_no_session(modules: Modules) -> None:
    """An expired token makes no session, and a token for every shop makes a session only with a shop's id."""
    script = "a.map(([token, shop, now]) => m.sessionOf(token, shop, now).refused ?? 'good')"
    head = "eyJhbGciOiJIUzI1NiJ9."
    one = head + "eyJzaG9wIjoicyIsImV4cCI6MTAwfQ.x"  # {"shop":"s","exp":100}
    every = head + "eyJzaG9wIjoiKiIsImV4cCI6MTAwfQ.x"  # {"shop":"*","exp":100}
    cases = [
        [one, "", 0],
        [one, "", 100_000],
        [every, "", 0],
        [every, "*", 0],
        [every, "s", 0],
        ["a.b.c", "", 0],
        ["", "", 0],
    ]
    assert await modules.run("session", script, cases) == [
        "good",
        "signin.expired",
        "signin.shop_needed",
        "signin.shop_needed",
        "good",
        "signin.no_token",
        "signin.no_token",
    ]


async def test_a_new_render_keeps_the_existing_elements(modules: Modules) -> None:
    """The element with the focus keeps the focus when others move. Text stays text. Attributes that must not be set are
    refused."""
    script = """(() => {
        const root = document.createElement("div");
        document.body.append(root);
        const list = (names) => m.h("ul", {}, names.map((name) => m.h("li", { key: name }, m.h("button", {}, name))));
        m.render(root, list(["a", "b", "c"]));
        const before = [...root.querySelectorAll("li")];
        before[2].firstChild.focus();
        m.render(root, list(["c", "a", "<b>", "b"]));
        const after = [...root.querySelectorAll("li")];
        const refused = [];
        for (const name of ["innerHTML", "style", "srcdoc"]) {
            try { m.render(root, m.h("p", { [name]: "x" })); } catch { refused.push(name); }
        }
        m.render(root, m.h("a", { href: "javascript:1" }, "x"));
        return {
            texts: after.map((one) => one.textContent),
            kept: [after[0] === before[2], after[1] === before[0], after[3] === before[1]],
            refused,
            href: root.querySelector("a").hasAttribute("href"),
        };
    })()"""
    assert await modules.run("view", script) == {
        "texts": ["c", "a", "<b>", "b"],
        "kept": [True, True, True],
        "refused": ["innerHTML", "style", "srcdoc"],
        "href": False,
    }


@pytest.mark.parametrize("reason", ["parameter_refused", "object_not_found", "permission_missing"])
async def test_names_are_requested_in_one_call_and_one_may_be_refused(modules: Modules, reason: str) -> None:
    """The page asks for each name once, whether or not Facebook has it."""
    ask = """(async () => {
        const asked = [];
        const answer = async (ids) => {
            asked.push(ids.join(","));
            const named = ids.filter((id) => id !== "9_1");
            const items = named.map((id) => ({ conversation_id: id, name: `name of ${id.at(-1)}` }));
            return { items, failed: ids.includes("9_1") ? [{ conversation_id: "9_1", reason: a }] : [] };
        };
        const customers = m.createCustomers({ api: { customers: answer }, may: () => true, changed: () => {} });
        const ids = ["9_1", "9_2", "9_3", "9_4"];
        for (let time = 0; time < 3; time += 1) await customers.want(ids);
        sessionStorage.clear();
        const names = ["1", "2", "3", "4"].map((one) => customers.of("9", one)?.name ?? null);
        return { asked, names, problem: customers.problem?.reason ?? null };
    })()"""
    assert await modules.run("customers", ask, reason) == {
        "asked": ["9_1,9_2,9_3,9_4"],
        "names": ["", "name of 2", "name of 3", "name of 4"],
        "problem": reason if reason == "permission_missing" else None,
    }
