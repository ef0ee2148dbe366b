"""Calls what a module of the console, or the client, exports."""

from typing import Any

from playwright.async_api import Page


class Modules:
    """Calls what a module exports."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def run(self, module: str, expression: str, argument: Any = None) -> Any:
        """Returns the value of an expression with the module `m` and the argument `a`, both sent as JSON."""
        script = f"""async (a) => {{
            const base = document.querySelector('meta[name="page-inbox-base"]').content;
            const m = await import(`${{base}}/js/{module}.js`);
            return ({expression});
        }}"""
        return await self._page.evaluate(script, argument)
