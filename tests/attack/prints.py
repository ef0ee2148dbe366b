"""What a stranger can learn from an error answer."""

import httpx2

from tests.attack.target import Target, attack
from tests.support import NO_TLS


@attack("error answers repeat what was sent", limit=0, unit="answers that repeat it")
async def repeated_input(target: Target) -> float:
    """Paths, queries, headers and bodies have a marked word. No answer may contain this word."""
    word = "canary-6f1d2c"
    calls = [
        ("GET", f"/{word}", {}, b""),
        ("GET", f"/v1/shops/{word}/messages", {}, b""),
        ("GET", f"/webhook?hub.mode={word}&hub.verify_token={word}&hub.challenge={word}", {}, b""),
        ("POST", "/webhook", {"X-Hub-Signature-256": f"sha256={word}"}, word.encode()),
        ("POST", "/webhook", {"X-Hub-Signature-256": "sha256=" + "0" * 64}, word.encode()),
        ("GET", "/v1/shops/attack-shop/messages", {"Authorization": f"Bearer {word}"}, b""),
        ("POST", "/facebook/data-deletion", {}, f"signed_request={word}.{word}".encode()),
    ]
    async with httpx2.AsyncClient(base_url=target.url, trust_env=False, verify=NO_TLS) as client:
        answers = [await client.request(method, path, headers=head, content=body) for method, path, head, body in calls]
    return sum(word in answer.text for answer in answers)
