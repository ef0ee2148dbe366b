// Pure: makes a copy of all stored data that a shop owner can open: a table, or a page to print.

import { attachmentsOf } from "./attachments.js";
import { localNumber } from "./numbers.js";

const COLUMNS = [
  "sent_at",
  "direction",
  "page_id",
  "conversation_id",
  "text",
  "phone_numbers",
  "attachments",
  "expires_at",
];
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => ESCAPES[sign]);

function cellsOf(message) {
  const attachments = attachmentsOf(message).map((one) => [one.type, one.url].filter(Boolean).join(" "));
  return {
    ...message,
    sent_at: message.sent_at ?? message.received_at,
    text: message.text ?? (typeof message.postback?.title === "string" ? message.postback.title : ""),
    phone_numbers: (message.phone_numbers ?? []).map(localNumber).join(", "),
    attachments: attachments.filter(Boolean).join(", "),
  };
}

/**
 * A program that opens the table would calculate a cell that begins like a formula. An apostrophe makes the cell a
 * text. If the program splits at `;`, tabs or line ends, a cell begins after each of these too.
 */
function cell(value) {
  const text = String(value ?? "");
  const disarmed = text.replace(/(^|[;\t\r\n])(\s*)(?=[=+\-@＝＋－＠\t\r])/g, "$1$2'");
  return `"${disarmed.replaceAll('"', '""')}"`;
}

/** The export as the service sends it: one JSON object per line, with receipts and the audit log. */
export const ndjson = {
  kind: "application/x-ndjson",
  ending: "ndjson",
  begin: () => "",
  line: (one) => `${JSON.stringify(one)}\n`,
  end: () => "",
};

/** Messages as CSV (RFC 4180). The byte order mark at its beginning shows Excel that the file is UTF-8. */
export const csv = {
  kind: "text/csv",
  ending: "csv",
  begin: () => `\ufeff${COLUMNS.join(",")}\r\n`,
  line(one) {
    if (one.type !== "message") return "";
    const cells = cellsOf(one);
    return `${COLUMNS.map((name) => cell(cells[name])).join(",")}\r\n`;
  },
  end: () => "",
};

const STYLE =
  "body{font:14px/1.6 system-ui,'Noto Sans Khmer','Khmer OS',sans-serif;margin:2rem}table{border-collapse:collapse}" +
  "td,th{border:1px solid #999;padding:.3rem .5rem;text-align:left;vertical-align:top}td{overflow-wrap:anywhere;" +
  "white-space:pre-wrap}tr{break-inside:avoid}thead{display:table-header-group}";

/**
 * Messages as a page to print; `words` has its title and the names of its columns. The page loads nothing and runs
 * nothing.
 */
export const page = {
  kind: "text/html",
  ending: "html",
  begin: ({ language, title, about, columns }) =>
    `<!doctype html><html lang="${escaped(language)}"><meta charset="utf-8"><title>${escaped(title)}</title>` +
    `<style>${STYLE}</style><main><h1>${escaped(title)}</h1><p>${escaped(about)}</p><table><thead><tr>` +
    `${columns.map((one) => `<th scope="col">${escaped(one)}</th>`).join("")}</tr></thead><tbody>`,
  line(one, { when, who }) {
    if (one.type !== "message") return "";
    const { text, phone_numbers: numbers, attachments } = cellsOf(one);
    const content = [text, attachments].filter(Boolean).join("\n");
    const cells = [when(one), who(one), content, numbers];
    return `<tr>${cells.map((value) => `<td>${escaped(value)}</td>`).join("")}</tr>\n`;
  },
  end: () => "</tbody></table></main></html>\n",
};
