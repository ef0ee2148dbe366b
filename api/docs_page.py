"""Pure: makes the page `/docs` from the OpenAPI document."""

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import orjson

from api.errors import MEDIA

Json = dict[str, Any]


def render(document: Json, style: str = "", script: str = "") -> str:
    """Returns the whole page. Everything on the page comes from the document, except what the script adds."""
    info = document["info"]
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    groups: dict[str, list[tuple[str, str, Json]]] = {}
    for one in operations:
        groups.setdefault((one[2].get("tags") or ["Other"])[0], []).append(one)
    links = "".join(f"<h2>{escape(tag)}</h2><ul>{''.join(map(_link, ones))}</ul>" for tag, ones in groups.items())
    cards = "".join(
        f"<h2>{escape(tag)}</h2>{''.join(_card(document, *one) for one in ones)}" for tag, ones in groups.items()
    )
    title = escape(info["title"])
    about = "".join(f"<p>{_inline(text)}</p>" for text in info.get("description", "").split("\n\n") if text)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: API</title><link rel="icon" href="data:,"><style>{style}</style></head>
<body><nav aria-label="Calls"><a class="skip" href="#top">Skip to the text</a><strong>{title}</strong>{links}</nav>
<main id="top"><h1>{title} <small>{escape(info["version"])} · <a href="openapi.json">openapi.json</a></small></h1>
{about}{_problems(document)}{cards}</main><script>{script}</script></body></html>
"""


def _link(one: tuple[str, str, Json]) -> str:
    method, _, operation = one
    return f'<li><a href="#{escape(operation["operationId"])}">{_badge(method)}{escape(operation["summary"])}</a></li>'


def _card(document: Json, method: str, path: str, operation: Json) -> str:
    name = escape(operation["operationId"])
    parts = [f'<h3><a href="#{name}">{escape(operation["summary"])}</a></h3>']
    parts.append(f"<p>{_badge(method)} <code>{escape(path)}</code></p>")
    parts += [f"<p>{_inline(text)}</p>" for text in operation.get("description", "").split("\n\n") if text]
    if parameters := operation.get("parameters"):
        rows = [(p["name"], _type(p["schema"], p["in"]), p.get("description", "")) for p in parameters]
        parts.append(f"<h4>Parameters</h4>{_table(rows)}")
    if body := operation.get("requestBody"):
        parts.append(f"<h4>Body</h4>{_fields(document, body['content']['application/json']['schema'])}")
    (success,) = [status for status in operation["responses"] if status.startswith("2")]
    for content in operation["responses"][success]["content"].values():
        if "$ref" in content["schema"]:
            parts.append(f"<h4>Answer</h4>{_fields(document, content['schema'])}")
        for event, reference in content.get("x-events", {}).items():
            parts.append(f"<details><summary><code>{event}</code></summary>{_fields(document, reference)}</details>")
        if "example" in content:
            parts.append(_example("Example of the answer", content["example"]))
    statuses = " · ".join(status for status in operation["responses"] if status != success)
    if statuses:
        parts.append(f'<p class="soft">Problems: <a href="#problems">{statuses}</a></p>')
    parts.append(
        '<h4>Call</h4><pre tabindex="0" class="curl"><code>'
        f"{escape(curl(document, method, path, operation))}</code></pre>"
    )
    return f'<article id="{name}">{"".join(parts)}</article>'


def curl(document: Json, method: str, path: str, operation: Json) -> str:
    """Returns a command line to copy. `$TOKEN` holds the token."""
    base = document["servers"][0]["url"].rstrip("/")
    for parameter in operation.get("parameters", []):
        path = path.replace(f"{{{parameter['name']}}}", str(parameter.get("example", "")))
    words = ["curl"]
    if method != "get":
        words.append(f"-X {method.upper()}")
    words.append(f"'{base}{path}'")
    if operation["security"]:
        words.append('-H "Authorization: Bearer $TOKEN"')
    if body := operation.get("requestBody"):
        schema = _resolve(document, body["content"]["application/json"]["schema"])
        example = orjson.dumps((schema.get("examples") or [{}])[0]).decode()
        words += ["-H 'Content-Type: application/json'", f"-d '{example}'"]
    return " \\\n  ".join([" ".join(words[:-1]), words[-1]]) if len(words) > 3 else " ".join(words)


def _problems(document: Json) -> str:
    responses = document["components"]["responses"]
    parts = []
    for name, answer in responses.items():
        examples = answer["content"][MEDIA]["examples"]
        rows = [(reason, "", example["value"]["detail"]) for reason, example in examples.items()]
        first = next(iter(examples.values()))["value"]
        parts.append(f"<h3>{first['status']} {escape(name)}</h3>{_table(rows)}{_example('Example', first)}")
    schema = _fields(document, {"$ref": "#/components/schemas/ProblemModel"})
    return f'<h2 id="problems">Problems</h2><article>{"".join(parts)}<h4>Fields</h4>{schema}</article>'


def _example(title: str, value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return (
        f'<details><summary>{title}</summary><pre tabindex="0"><code>{escape(text, quote=False)}</code></pre></details>'
    )


def _fields(document: Json, schema: Json) -> str:
    """Returns the fields of an object, and below them the fields of the objects in its lists."""
    schema = _resolve(document, schema)
    required = schema.get("required", [])
    rows, inner = [], []
    for name, field in schema.get("properties", {}).items():
        rows.append((name, _type(field, "" if name in required else "may be absent"), field.get("description", "")))
        reference = field.get("items", field).get("$ref")
        if reference:
            inner.append((name, reference))
    below = "".join(
        f"<details><summary><code>{escape(name)}</code></summary>{_fields(document, {'$ref': reference})}</details>"
        for name, reference in inner
    )
    return _table(rows) + below


def _resolve(document: Json, schema: Json) -> Json:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Json = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _type(schema: Json, note: str) -> str:
    """Returns a text such as `integer, 1 to 100, default 50 · query`."""
    if "$ref" in schema:
        words = [schema["$ref"].rpartition("/")[2].removesuffix("Model").lower()]
    elif "enum" in schema:
        words = [" or ".join(map(str, schema["enum"]))]
    elif "anyOf" in schema:
        words = [" or ".join(_type(one, "") for one in schema["anyOf"])]
    elif schema.get("type") == "array":
        words = [f"list of {_type(schema.get('items', {}), '')}"]
    else:
        words = [str(schema.get("const", schema.get("format", schema.get("type", "anything"))))]
    if "minimum" in schema and "maximum" in schema:
        words.append(f"{schema['minimum']} to {schema['maximum']}")
    if "default" in schema:
        words.append(f"default {schema['default']}")
    return ", ".join(words) + (f" · {note}" if note else "")


def _table(rows: Sequence[tuple[str, str, str]]) -> str:
    lines = "".join(
        f'<tr><td><code>{escape(name)}</code></td><td class="soft">{escape(kind)}</td><td>{_inline(meaning)}</td></tr>'
        for name, kind, meaning in rows
    )
    return f'<div class="wide"><table>{lines}</table></div>'


def _badge(method: str) -> str:
    return f'<span class="method {escape(method)}">{escape(method.upper())}</span>'


def _inline(text: str) -> str:
    """Returns the text with its `code` marked up and everything else escaped."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
