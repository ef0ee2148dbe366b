// Pure: the bytes of an event stream as events (html.spec.whatwg.org/multipage/server-sent-events.html).

/** Takes the stream's text piece by piece, wherever it is cut; gives `{event, data, id}` for each whole event. */
export function createParser() {
  let rest = "";
  let cut = false; // the last piece ended in \r: a \n that follows belongs to it
  let begun = false;
  let id = "";
  let event = "";
  let data = [];

  function line(text, found, tell) {
    if (text === "") {
      if (data.length) found.push({ event: event || "message", data: data.join("\n"), id });
      event = "";
      data = [];
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (name === "event") event = value;
    else if (name === "data") data.push(value);
    else if (name === "id" && !value.includes("\0")) id = value;
    else if (name === "retry" && /^\d+$/.test(value)) tell?.(Number(value));
  }

  return {
    /** `onRetry` is told the milliseconds that the service asks to wait before the next connection. */
    feed(piece, onRetry) {
      const found = [];
      let text = piece;
      if (!begun && text) {
        text = text.replace(/^\ufeff/, "");
        begun = true;
      }
      if (cut && text.startsWith("\n")) text = text.slice(1);
      if (text) cut = text.endsWith("\r");
      const lines = (rest + text).split(/\r\n|\r|\n/);
      rest = lines.pop();
      for (const one of lines) line(one, found, onRetry);
      return found;
    },
  };
}
