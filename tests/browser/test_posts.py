"""Posts, comments and replies are fetched on demand and kept only in the tab."""

import time

import pytest
from playwright.async_api import expect

from simulator.graph_faults import OUTAGE
from simulator.graph_made_up import made_up
from tests.browser.console import LOOKS, PATIENCE, WORDS, Console, stumbles
from tests.graph import FakeGraph

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_posts_comments_and_replies_are_read(
    console: Console, graph: FakeGraph, language: str, size: str
) -> None:
    """Nothing is fetched before the reader asks. Then posts, further posts, comments and replies are fetched."""
    words, world = WORDS[language], graph.world
    made_up(world, console.owner.page, posts=12)
    post = world.add_post(console.owner.page, "ស្បែកជើងថ្មី <b>$20</b>")
    comment = world.add_comment(post, "price?", by={"id": "7000000000000009", "name": "Sreymom"})
    world.add_comment(post, "$20", comment, by={"id": console.owner.page.id, "name": "ហាងសុខា"})
    page = await console.open(language, size)
    await page.get_by_role("button", name=words["view.posts"], exact=True).click()
    await expect(page.get_by_text(words["posts.kept"])).to_be_visible()
    await expect(page.locator(".post")).to_have_count(0)
    await page.get_by_role("button", name=words["posts.fetch"]).click()
    await expect(page.locator(".post")).to_have_count(10)
    await page.get_by_role("button", name=words["more"]).click()
    await expect(page.locator(".post")).to_have_count(13)
    newest = page.locator(".post").first
    await expect(newest.locator(".said").first).to_have_text("ស្បែកជើងថ្មី <b>$20</b>")
    await newest.locator("button").first.click()
    await expect(newest.locator(".comment")).to_have_count(1)
    await newest.locator(".comment button").first.click()
    await expect(newest.locator(".comment")).to_have_count(2)
    await expect(newest.locator(".comment .comment").locator(".chip")).to_have_text(words["comments.shop"])
    assert await stumbles(page) == []


async def test_fetched_posts_stay_in_the_tab_until_the_reader_deletes_them(console: Console, graph: FakeGraph) -> None:
    """After a reload the page requests nothing from Facebook. The Forget button deletes all fetched posts."""
    graph.world.add_post(console.owner.page, "canary of a post")
    page = await console.open()
    await page.get_by_role("button", name="Posts", exact=True).click()
    await page.get_by_role("button", name="Fetch posts").click()
    await expect(page.locator(".post")).to_have_count(1)
    calls = len(graph.seen.of("posts"))
    await page.reload()
    await expect(page.locator(".post")).to_have_count(1)
    assert len(graph.seen.of("posts")) == calls
    assert await page.evaluate("JSON.stringify(localStorage)") == "{}"
    await page.get_by_role("button", name="Forget").click()
    await expect(page.locator(".post")).to_have_count(0)
    assert "canary" not in await page.evaluate("JSON.stringify(sessionStorage)")


@pytest.mark.parametrize("language", ["en", "km"])
async def test_the_page_shows_an_error_of_facebook_and_can_try_again(
    console: Console, graph: FakeGraph, language: str
) -> None:
    """The sentence is in the reader's language. The reader can try again, and this works when Facebook answers."""
    words = WORDS[language]
    graph.world.add_post(console.owner.page, "there")
    page = await console.open(language)
    await page.get_by_role("button", name=words["view.posts"], exact=True).click()
    graph.faults.script(console.owner.page.id, OUTAGE, times=None)
    await page.get_by_role("button", name=words["posts.fetch"]).click()
    await expect(page.get_by_role("alert")).to_contain_text(words["problem.graph_unavailable"])
    assert await stumbles(page) == []
    graph.faults.clear()
    await page.get_by_role("button", name=words["again"]).click()
    await expect(page.locator(".post")).to_have_count(1)


async def test_a_new_comment_is_announced_and_fetched_on_demand(console: Console, graph: FakeGraph) -> None:
    """The stream reports a new comment. Facebook is asked only when the owner wants to see it."""
    post = graph.world.add_post(console.owner.page, "there")
    page = await console.open()
    await expect(page.locator(".connection.live")).to_be_visible()
    await page.get_by_role("button", name="Posts", exact=True).click()
    await page.get_by_role("button", name="Fetch posts").click()
    await expect(page.locator(".post")).to_have_count(1)
    by = {"id": "7000000000000009", "name": "Sreymom"}
    comment = graph.world.add_comment(post, "price?", by=by)
    value = {"item": "comment", "verb": "add", "post_id": post.id, "comment_id": comment.id, "from": by}
    changes = [{"field": "feed", "value": {**value, "message": "price?", "created_time": int(time.time())}}]
    console.owner.tells("changes", *changes)
    await expect(page.get_by_text(WORDS["en"]["posts.stirred"])).to_be_visible()
    assert await stumbles(page) == []
    await page.get_by_role("button", name="Fetch again").click()
    await expect(page.get_by_role("button", name="1 comment", exact=True)).to_be_visible()
    await expect(page.get_by_text(WORDS["en"]["posts.stirred"])).to_have_count(0)
