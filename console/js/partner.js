// The shop's own system: a page that has opened the console or embeds it. The operator has listed the page's origin.
//
// The console says `page-inbox:ready`. The page answers `page-inbox:hello`, and gets `page-inbox:order` when the reader
// sends an order. Messages of other origins are ignored.

const READY = "page-inbox:ready";
const HELLO = "page-inbox:hello";
const ORDER = "page-inbox:order";

/** Pages of `origins` may receive orders. `onFound` is called as soon as such a page has answered. */
export function createPartner({ origins, onFound }) {
  const partner = { found: false, send, begin: () => {} };
  let target = null;
  let origin = "";
  const above = window.opener ?? (window.parent === window ? null : window.parent);
  if (!above || origins.length === 0) return partner;

  /** Called at the start and when another shop signs in. The page must answer again before it gets an order. */
  partner.begin = () => {
    target = null;
    partner.found = false;
    // This message contains nothing about the shop, so any page may receive it.
    above.postMessage({ type: READY, version: 1 }, "*");
  };

  addEventListener("message", (event) => {
    if (event.source !== above || !origins.includes(event.origin) || event.data?.type !== HELLO) return;
    target = event.source;
    origin = event.origin;
    partner.found = true;
    onFound();
  });
  partner.begin();

  function send(order) {
    target?.postMessage({ type: ORDER, version: 1, order }, origin);
  }

  return partner;
}
