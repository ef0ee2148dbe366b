"""Reading messages: they arrive, are found, and numbers are copied. Messages can have any content."""

from typing import Any, Final

import pytest
from playwright.async_api import expect

from domain.ids import Psid
from tests.browser.console import (
    LOOKS,
    PATIENCE,
    WORDS,
    Console,
    messages,
    open_conversation,
    part,
    rows,
    stumbles,
)
from tests.callers import text_part
from tests.graph import FakeGraph, now

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

OTHER: Final = "7000000000000002"


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_a_message_appears_without_a_reload(console: Console, language: str, size: str) -> None:
    """An empty inbox shows a sentence. Then a customer writes twice, and the screen reader announces it."""
    page = await console.open(language, size)
    await expect(page.get_by_text(WORDS[language]["inbox.empty"], exact=True)).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", language)
    assert await stumbles(page) == []
    console.owner.hears("m_1", "សួស្តីបង! នៅមានទេ?")
    await expect(rows(page)).to_have_count(1)
    await open_conversation(page)
    await expect(messages(page)).to_have_count(1)
    console.owner.hears("m_2", "លេខខ្ញុំ ០១២ 345 678")
    await expect(messages(page)).to_have_count(2)
    await expect(messages(page).last).to_contain_text("+855 12 345 678")
    await expect(page.locator(".announcements")).to_contain_text("លេខខ្ញុំ")
    await expect(page.locator(".day")).to_contain_text(WORDS[language]["left.days"]["other"].format(n=5))
    assert await stumbles(page) == []


async def test_a_new_message_in_another_conversation_is_counted_and_comes_to_the_top(console: Console) -> None:
    """The count stays until the conversation is opened."""
    console.owner.hears("m_1", "first")
    console.owner.hears("m_2", "second", OTHER)
    page = await console.open()
    await expect(rows(page)).to_have_count(2)
    await open_conversation(page)
    console.owner.hears("m_3", "third")
    await expect(rows(page).first).to_contain_text("third")
    await expect(rows(page).first.locator(".badge")).to_contain_text("1")
    await rows(page).first.click()
    await expect(messages(page)).to_have_count(2)
    await expect(page.locator(".row .badge")).to_have_count(0)


async def test_search_finds_by_name_text_and_number(console: Console, graph: FakeGraph) -> None:
    """The number may have any grouping, and Khmer digits. Filters narrow the result further. An empty result shows a
    sentence."""
    console.owner.hears("m_1", "Do you have a blue dress?")
    console.owner.hears("m_2", "លេខខ្ញុំ ០៩៧ ០០០ ១២៣៤", OTHER)
    graph.world.meet(console.owner.page, Psid(OTHER), "ចាន់ ដារ៉ា", now())
    page = await console.open()
    await expect(rows(page)).to_have_count(2)
    await expect(rows(page).first).to_contain_text("ចាន់ ដារ៉ា")
    field = page.get_by_role("searchbox")
    for typed, found in (("BLUE", "blue"), ("097-000", "០៩៧"), ("៩៧០០០១២៣៤", "០៩៧"), ("ដារ៉ា", "០៩៧")):
        await field.fill(typed)
        await expect(rows(page)).to_have_count(1)
        await expect(rows(page)).to_contain_text(found)
    await field.fill("no such thing")
    await expect(page.get_by_text(WORDS["en"]["found.none"])).to_be_visible()
    assert await stumbles(page) == []
    await page.keyboard.press("Escape")
    await expect(rows(page)).to_have_count(2)
    await page.get_by_role("button", name=WORDS["en"]["direction.out"]).click()
    await expect(rows(page)).to_have_count(0)


async def test_a_telephone_number_is_copied(console: Console) -> None:
    """The number is copied as E.164, and the console says so."""
    console.owner.hears("m_1", "call me: 012 345 678")
    page = await console.open(permissions=["clipboard-read", "clipboard-write"])
    await open_conversation(page)
    await page.get_by_role("button", name="Copy +85512345678").click()
    await expect(page.locator(".toast")).to_have_text(WORDS["en"]["copied"])
    assert await page.evaluate("navigator.clipboard.readText()") == "+85512345678"


async def test_older_messages_come_while_scrolling_up(console: Console) -> None:
    """Scrolling up brings every message up to the very first, each once and in order."""
    console.owner.delivers(*(text_part(f"m_{n}", f"number {n}", page=console.owner.page.id) for n in range(120)))
    page = await console.open()
    await open_conversation(page)
    await expect(messages(page).last).to_contain_text("number 119")
    while await page.locator(".thread-scroll .more").count():
        await messages(page).first.scroll_into_view_if_needed()
        await page.locator(".thread-scroll").evaluate("(box) => { box.scrollTop = 0; }")
    await expect(messages(page)).to_have_count(120)
    said = await page.locator(".message .said").all_inner_texts()
    assert said == [f"number {n}" for n in range(120)]


async def test_content_of_a_customer_is_never_html_or_a_script(console: Console) -> None:
    """The content is not used as HTML or as an address that runs a script. It is shown as the customer wrote it."""
    evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    link = {"type": "fallback", "payload": {"url": "javascript:window.hacked=1", "title": evil}}
    picture = {"type": "image", "payload": {"url": "javascript:window.hacked=1"}}
    elsewhere = {"type": "image", "payload": {"url": "https://tracker.example/pixel.png"}}
    data = {"type": "file", "payload": {"url": "data:text/html,<script>window.hacked=1</script>"}}
    console.owner.delivers(
        part(console, "m_1", text=evil),
        part(
            console, "m_2", text="javascript:window.hacked=1 and https://shop.example/a_(b)?c=d. Or http://a@b.example"
        ),
        part(console, "m_3", attachments=[link, picture, elsewhere, data]),
    )
    page = await console.open()
    await open_conversation(page)
    await expect(messages(page)).to_have_count(3)
    await expect(messages(page).first.locator(".said")).to_have_text(evil)
    links = await page.locator("main a").evaluate_all("(all) => all.map((one) => one.href)")
    assert links == ["https://shop.example/a_(b)?c=d"]
    assert await page.locator("main img, main script, main iframe").count() == 0
    assert await page.evaluate("window.hacked") is None


async def test_every_kind_of_message_is_shown(console: Console) -> None:
    """The kinds include pictures and voice messages that Facebook no longer serves, replies, buttons, and a
    conversation of another app."""
    cdn = "https://scontent.xx.fbcdn.net"
    console.owner.delivers(
        part(console, "m_1", text="the first"),
        part(console, "m_2", text="an answer", reply_to={"mid": "m_1"}),
        part(console, "m_3", text="Blue", quick_reply={"payload": "BLUE"}),
        part(console, "m_4", attachments=[{"type": "audio", "payload": {"url": "https://cdn.example/a.mp4"}}]),
        part(console, "m_5", attachments=[{"type": "image", "payload": {"url": f"{cdn}/picture.jpg"}}]),
        part(console, "m_6", attachments=[{"type": "file", "payload": {"url": "https://cdn.example/bill.pdf?dl=1"}}]),
        part(console, "m_7", is_unsupported=True),
        {**without_message(console), "postback": {"mid": "m_8", "title": "Start", "payload": "GO"}},
    )
    page = await console.window()
    picture = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    await page.route(f"{cdn}/**", lambda route: route.fulfill(body=picture, content_type="image/svg+xml"))
    console.allowed.add(cdn)
    await page.goto(f"{console.address}#token={console.owner.token()}")
    await open_conversation(page)
    await expect(messages(page)).to_have_count(8)
    await expect(messages(page).nth(1).locator(".quote")).to_contain_text("the first")
    await expect(messages(page).nth(3)).to_contain_text(WORDS["en"]["media.gone"])
    await expect(messages(page).nth(4).locator("img")).to_have_js_property("naturalWidth", 9)
    await expect(messages(page).nth(5).get_by_role("link")).to_have_attribute(
        "href", "https://cdn.example/bill.pdf?dl=1"
    )
    await expect(messages(page).nth(6)).to_contain_text(WORDS["en"]["kind.unsupported.long"])
    await expect(messages(page).nth(7)).to_contain_text("Start")
    assert await stumbles(page) == []


async def test_a_message_of_any_shape_is_shown_or_has_a_placeholder(console: Console) -> None:
    """The message has names that every JavaScript object has, nulls, and objects in place of texts. The other messages
    are shown."""
    types = ("valueOf", "hasOwnProperty", "__proto__", "constructor", "toString")
    odd = {"toString": 1, "valueOf": 2, "tag": "a", "props": {"href": "https://evil.example/"}, "children": []}
    template: dict[str, object] = {"elements": [None, 5, "x", {"title": odd, "image_url": odd, "subtitle": [odd]}]}
    contents: list[dict[str, Any]] = [
        *({"attachments": [{"type": name, "payload": {"url": "https://x.example/", "title": "a"}}]} for name in types),
        {"attachments": [{"type": "template", "payload": template}]},
        {"attachments": [{"type": "template", "payload": {"buttons": [None, 7, odd], "text": odd}}]},
        {"attachments": [{"type": "template", "payload": {"product": None}}, {"type": "location", "payload": odd}]},
        {"attachments": [{"type": "location", "payload": {"coordinates": {"lat": "1", "long": odd}}}]},
        {"attachments": [{"type": "location", "payload": {"coordinates": 7}}, None, {"type": odd}]},
        {"attachments": [{"type": "appointment_booking", "payload": {"start_time": 1e300, "status": odd}}]},
        {"attachments": [{"type": "template", "payload": {"elements": [{"title": "T"}] * 2_000}}]},
        {"text": "a", "referral": {"ads_context_data": {"ad_title": odd}}, "reply_to": {"story": odd}},
        {"text": "the last"},
    ]
    parts = [part(console, f"m_{number}", **content) for number, content in enumerate(contents)]
    tap = {**without_message(console), "postback": {"mid": "m_tap", "title": odd, "payload": odd}}
    console.owner.delivers(tap, *parts)
    page = await console.open()
    await open_conversation(page)
    await expect(messages(page)).to_have_count(len(contents) + 1)
    await expect(messages(page).last).to_contain_text("the last")
    assert await page.locator('main a[href*="evil"]').count() == 0
    assert await page.locator(".product").count() < 100
    console.owner.delivers({**without_message(console), "postback": {"mid": "m_tap_2", "title": odd, "payload": odd}})
    await expect(messages(page)).to_have_count(len(contents) + 2)


@pytest.mark.parametrize("language", ["en", "km"])
async def test_a_long_text_is_folded_until_the_reader_opens_it(console: Console, language: str) -> None:
    """The folded text takes less than two screens, and a button shows the rest. The test has one long word, short
    lines, and an address."""
    texts = ["ក" * 20_000, "a\n" * 10_000, "https://x.example/" + "." * 19_000 + "a"]
    for number, text in enumerate([*texts, "the last"]):
        console.owner.hears(f"m_{number}", text)
    page = await console.open(language)
    await open_conversation(page)
    await expect(messages(page)).to_have_count(4)
    assert await stumbles(page) == []
    for place, text in enumerate(texts):
        long = messages(page).nth(place)
        button = long.get_by_role("button", name=WORDS[language]["message.all"])
        assert await long.evaluate("(node) => node.getBoundingClientRect().height") < 2 * 800
        await button.click()
        await expect(long.locator(".said")).to_have_js_property("textContent", text)
        await expect(button).to_have_count(0)


async def test_edits_unsends_and_reactions_appear_without_a_reload(console: Console) -> None:
    """The change appears at once, without a reload."""
    console.owner.hears("m_1", "the first")
    console.owner.hears("m_2", "the second")
    page = await console.open()
    await open_conversation(page)
    await expect(messages(page)).to_have_count(2)
    await expect(page.locator(".connection.live")).to_be_visible()
    edit = {"mid": "m_1", "text": "the first, mended", "num_edit": 1}
    console.owner.delivers({**without_message(console), "message_edit": edit})
    await expect(messages(page).first).to_contain_text("the first, mended")
    await expect(messages(page).first).to_contain_text(WORDS["en"]["edited"])
    reaction = {"mid": "m_1", "action": "react", "reaction": "love", "emoji": "❤️"}
    console.owner.delivers({**without_message(console), "reaction": reaction})
    await expect(messages(page).first.get_by_role("img", name="❤️")).to_be_visible()
    assert await stumbles(page) == []
    console.owner.delivers({**without_message(console), "message": {"mid": "m_2", "is_deleted": True}})
    await expect(messages(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("the first, mended")


async def test_messages_are_shown_without_names_if_facebook_refuses_them(console: Console, graph: FakeGraph) -> None:
    """The messages are shown with the end of the customer's id, and one line gives the reason."""
    console.owner.hears("m_1", "hello")
    graph.world.revoke(console.owner.page.token)
    page = await console.open()
    await expect(rows(page)).to_contain_text("…0001")
    await expect(page.locator(".aside")).to_contain_text(WORDS["en"]["problem.reconnect_page"])
    assert await stumbles(page) == []


async def test_the_inbox_can_be_used_with_the_keyboard_only(console: Console) -> None:
    """`/` searches, arrows move in the list, Enter opens, Esc returns."""
    for number in range(3):
        console.owner.hears(f"m_{number}", f"text {number}", f"700000000000000{number}")
    page = await console.open()
    await expect(rows(page)).to_have_count(3)
    await page.locator("body").press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await rows(page).first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(rows(page).nth(1)).to_be_focused()
    await page.keyboard.press("End")
    await expect(rows(page).nth(2)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(messages(page)).to_contain_text("text 0")
    await page.keyboard.press("Escape")
    await expect(messages(page)).to_have_count(0)
    await expect(rows(page).nth(2)).to_be_focused()


async def test_the_back_button_of_the_browser_returns_to_the_list(console: Console) -> None:
    """On a telephone the list and the conversation are two screens. No address has an id."""
    console.owner.hears("m_1", "hello")
    page = await console.open(size="narrow")
    address = page.url
    await open_conversation(page)
    await expect(rows(page)).to_be_hidden()
    assert page.url == address
    await page.go_back()
    await expect(rows(page)).to_be_visible()


def without_message(console: Console) -> dict[str, object]:
    """Returns the entry with author and time and without a message."""
    whole = text_part("m_x", page=console.owner.page.id)
    return {name: value for name, value in whole.items() if name != "message"}
