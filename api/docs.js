// What `/docs` can do besides showing text: take a token, write its shop into every example, and try each call in a
// form.
"use strict";
(async () => {
  const MOST = 50_000; // characters of an answer that are shown; a stream ends there
  const description = await (await fetch("openapi.json")).json();
  const example = description.paths["/v1/shops/{shop}"].get.parameters[0].example;

  function make(name, properties, ...children) {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children);
    return node;
  }

  function field(label, properties) {
    const input = make(properties.rows ? "textarea" : "input", { spellcheck: false, autocomplete: "off", ...properties });
    return [make("label", {}, make("span", { textContent: label }), input), input];
  }

  /** Returns the shop of a token. Returns an empty text if the token is for every shop, or is not a token. */
  function shopOf(text) {
    try {
      const { shop } = JSON.parse(atob(text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
      return shop === "*" ? "" : shop;
    } catch {
      return "";
    }
  }

  const [tokenLabel, token] = field("Token", { type: "password", placeholder: "Stays in this page" });
  const [shopLabel, shop] = field("Shop", { value: example });
  const here = (text) => text.replace(description.servers[0].url, location.origin);
  const examples = [...document.querySelectorAll("pre.curl code")].map((node) => [node, here(node.textContent)]);
  function showShop() {
    const chosen = encodeURIComponent(shop.value || example);
    for (const [node, text] of examples) node.textContent = text.replace(`/v1/shops/${example}`, `/v1/shops/${chosen}`);
  }
  token.oninput = () => {
    shop.value = shopOf(token.value.trim()) || shop.value;
    showShop();
  };
  shop.oninput = showShop;
  showShop();
  document.querySelector("h1").after(make("div", { className: "bar" }, tokenLabel, shopLabel));

  function tryOut(path, method, operation) {
    const inputs = [];
    for (const one of operation.parameters ?? []) {
      if (one.name === "shop") continue;
      const value = one.in === "path" ? (one.example ?? "") : "";
      const [label, input] = field(one.name, { value, placeholder: String(one.example ?? "") });
      inputs.push({ ...one, label, input });
    }
    const schema = operation.requestBody?.content["application/json"].schema.$ref.split("/").at(-1);
    const body = schema && JSON.stringify(description.components.schemas[schema].examples?.[0] ?? {});
    const [bodyLabel, bodyInput] = body ? field("Body", { rows: 3, value: body }) : [];
    const send = make("button", { textContent: "Send" });
    const output = make("pre", { tabIndex: 0, hidden: true });
    output.setAttribute("role", "status");
    let running = null;

    send.onclick = async () => {
      if (running) return running.abort();
      if (method !== "get" && !confirm(`${method.toUpperCase()} ${path}: this changes something. Send it?`)) return;
      const value = { shop: shop.value };
      const query = new URLSearchParams();
      for (const one of inputs) {
        if (one.in === "path") value[one.name] = one.input.value;
        else if (one.input.value) query.set(one.name, one.input.value);
      }
      const place = path.replace(/{(\w+)}/g, (_, name) => encodeURIComponent(value[name] ?? ""));
      const headers = token.value ? { Authorization: `Bearer ${token.value.trim()}` } : {};
      if (body) headers["Content-Type"] = "application/json";
      running = new AbortController();
      Object.assign(output, { hidden: false, textContent: "…" });
      send.textContent = "Stop";
      try {
        const address = query.size ? `${place}?${query}` : place;
        const options = { method: method.toUpperCase(), headers, body: body && bodyInput.value, signal: running.signal };
        const answer = await fetch(address, { ...options, cache: "no-store", credentials: "omit" });
        await show(answer);
      } catch (error) {
        output.textContent += error.name === "AbortError" ? "\n(stopped)" : "\nNo answer: is the service running?";
      }
      running = null;
      send.textContent = "Send";
    };

    async function show(answer) {
      const wait = answer.headers.get("retry-after");
      output.textContent = `${answer.status} ${answer.statusText}${wait ? `, Retry-After: ${wait}` : ""}\n\n`;
      if (/\bjson$/.test(answer.headers.get("content-type") ?? "")) {
        const text = await answer.text();
        output.textContent += text && JSON.stringify(JSON.parse(text), null, 2).slice(0, MOST);
        return;
      }
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      while (output.textContent.length < MOST) {
        const { done, value } = await reader.read();
        if (done) return;
        output.textContent += value;
      }
      running.abort();
    }

    const labels = [...inputs.map((one) => one.label), ...(body ? [bodyLabel] : [])];
    const form = make("div", { className: "bar" }, ...labels, send);
    return make("details", {}, make("summary", { textContent: "Try it" }), form, output);
  }

  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      document.getElementById(operation.operationId).append(tryOut(path, method, operation));
    }
  }
})();
