"""The routes for operators on OPS_PORT: liveness, readiness and metrics. They are never public."""

from collections.abc import Callable
from typing import Protocol

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ops.health import Result

_FRESH = {"Cache-Control": "no-store"}


class Checks(Protocol):
    """The checks of one process, or of several."""

    async def run(self) -> list[Result]:
        """Run every check."""
        ...


def _it_answers() -> bool:
    return True


def ops_app(registry: Collector, checks: Checks, alive: Callable[[], bool] = _it_answers) -> Starlette:
    """Returns the application with `GET /livez`, `/readyz` and `/metrics`.

    `alive` returns False if another process of the service hangs.
    """

    async def livez(_request: Request) -> Response:
        """Answers 200 while the event loop runs. It does not ask Redis, because a restart cannot repair Redis."""
        turns = alive()
        return JSONResponse({"status": "ok" if turns else "hangs"}, 200 if turns else 503, headers=_FRESH)

    async def readyz(_request: Request) -> Response:
        """Answers 200 if every check that readiness needs passes, else 503.

        The answer has the name and result of each check, and a hint if the check failed.
        """
        results = await checks.run()
        ready = all(result.ok for result in results if result.gates)
        answer = {
            "status": "ok" if ready else "unavailable",
            "checks": [
                {"name": result.name, "ok": result.ok, "hint": "" if result.ok else result.hint} for result in results
            ],
        }
        return JSONResponse(answer, 200 if ready else 503, headers=_FRESH)

    async def metrics(request: Request) -> Response:
        """Answers with the metrics as text, in the format that the scraper accepts. The checks run first, so their
        results are included.
        """
        await checks.run()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={**_FRESH, "Content-Type": content_type})

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)])
