"""Generated clients of `/openapi.json`, and our own client as a package, call the service."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.callers import Facebook, Shop, mint
from tests.documents import ROOT
from tests.service import Service
from tests.support import NO_TLS

PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3", str(ROOT / "client"))
SECONDS = 200
"""Seconds for npm and the TypeScript compiler on a busy machine. Usually they take 20."""

PYTHON = """
import json, sys
from generated import AuthenticatedClient
from generated.api.deleting import purge_message, read_receipt_keys
from generated.api.reading import list_messages, read_message
from generated.models import MessageModel

url, token = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token)
messages = list_messages.sync("shop-1", client=client, limit=1).messages
read = MessageModel.from_dict({**messages[0].to_dict(), "new_field": 1})
receipt = purge_message.sync("shop-1", messages[0].id, client=client)
missing = read_message.sync("shop-1", messages[0].id, client=client)
keys = read_receipt_keys.sync(client=client).keys
print(json.dumps([messages[0].text, read["new_field"], receipt.messages_deleted, missing.reason, len(keys)]))
"""

GENERATED = """
import createClient from "openapi-fetch";
import type { paths } from "./api.js";
declare const process: { argv: string[] };

const [, , baseUrl, token] = process.argv as [string, string, string, string];
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const path = { shop: "shop-1" };
const list = await client.GET("/v1/shops/{shop}/messages", { params: { path, query: { limit: 1 } } });
const first = list.data?.messages[0];
const place: number | undefined = first?.attachments?.[0]?.coordinates?.lat;
const other = await client.GET("/v1/shops/{shop}/messages", { params: { path: { shop: "other" } } });
const reason: string | undefined = other.error?.reason;
console.log(JSON.stringify([first?.text, place ?? null, reason]));
"""

OURS = """
import { PageInbox, Problem, type Message } from "page-inbox";
declare const process: { argv: string[] };

const [, , url, token] = process.argv as [string, string, string, string];
const inbox = new PageInbox({ url, shop: "shop-1", token: async () => token });
const texts: Array<string | undefined> = [];
const events: string[] = [];
for await (const { type, data, reload } of inbox.stream()) {
  events.push(type);
  if (reload) for await (const one of inbox.messages({ limit: 100, direction: "in" })) texts.push(one.text);
  if (type === "message") { const message: Message = data; texts.push(message.text); }
  if (type === "gap") { const reason: "unknown" | "expired" | "too_far" = data.reason; texts.push(reason); }
  if (type === "ready") break;
}
const refused = await inbox.message("m_none").catch((error) => error instanceof Problem ? error.reason : "no problem");
const receipt = await inbox.completed(await inbox.purgeEverything());
// @ts-expect-error: a misspelt filter is found by the compiler
void (() => inbox.messages({ conversations: "1" }));
console.log(JSON.stringify([events, texts, refused, receipt.status]));
"""


@pytest.fixture
def shop(service: Service) -> Iterator[Shop]:
    """A shop with one message."""
    with Shop(service.url) as found, Facebook(service.url) as facebook:
        found.connect()
        assert facebook.text("m_1", "two blue shirts").status_code == 200
        yield found


def run(command: list[str], folder: Path, *, seconds: float = SECONDS) -> str:
    """Returns the output of a command that must succeed."""
    environ = {**os.environ, "PYTHONPATH": str(folder), "NO_UPDATE_NOTIFIER": "1"}
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_generated_python_client_reads_and_purges(service: Service, shop: Shop, tmp_path: Path) -> None:
    """openapi-python-client makes one function for each call. An unknown field is no error for this client."""
    description = tmp_path / "openapi.json"
    description.write_bytes(httpx2.get(f"{service.url}/openapi.json", trust_env=False, verify=NO_TLS).content)
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    generate = ["generate", "--path", description.name, "--meta", "none", "--output-path", "generated"]
    generator = str(Path(sys.executable).with_name("openapi-python-client"))
    run([generator, *generate, "--config", "config.yaml"], tmp_path)
    calls = [one for methods in json.loads(description.read_bytes())["paths"].values() for one in methods]
    modules = [path for path in (tmp_path / "generated" / "api").glob("*/*.py") if path.name != "__init__.py"]
    assert len(modules) == len(calls)
    (tmp_path / "use.py").write_text(PYTHON)
    printed = run([sys.executable, "use.py", service.url, mint(shop.name)], tmp_path)
    assert json.loads(printed) == ["two blue shirts", 1, 1, "message_not_found", 1]


@pytest.mark.timeout(3 * SECONDS)
def test_typescript_clients_compile_strictly_and_read(service: Service, shop: Shop) -> None:
    """openapi-typescript makes one client. The second client is our own, installed as a package in Node."""
    if shutil.which("npm") is None:
        pytest.skip("TypeScript: there is no npm on this machine")
    folder = ROOT / "build" / "typescript"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    try:
        install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--install-links", *PACKAGES]
        run(install, folder)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"TypeScript: npm cannot install the compiler ({str(error)[-200:]})")
    (folder / "openapi.json").write_bytes(
        httpx2.get(f"{service.url}/openapi.json", trust_env=False, verify=NO_TLS).content
    )
    (folder / "generated.ts").write_text(GENERATED)
    (folder / "ours.ts").write_text(OURS)
    programs = folder / "node_modules" / ".bin"
    run([str(programs / "openapi-typescript"), "openapi.json", "--output", "api.d.ts"], folder)
    strict = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext"]
    run([str(programs / "tsc"), *strict, "generated.ts", "ours.ts"], folder)
    token = mint(shop.name)
    printed = run(["node", "generated.js", service.url, token], folder)
    assert json.loads(printed) == ["two blue shirts", None, "wrong_shop"]
    events, texts, refused, status = json.loads(run(["node", "ours.js", service.url, token], folder))
    assert (events, texts) == (["start", "ready"], ["two blue shirts"])
    assert (refused, status) == ("message_not_found", "complete")
