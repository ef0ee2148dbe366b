// Descriptions of elements, and the least changes that make the page look like them.
//
// Text becomes a text node and nothing else. Addresses pass `safeAddress` here, at the only place where they are set.
import { safeAddress } from "./links.js";

const SVG = "http://www.w3.org/2000/svg";
const IN_SVG = new Set(["svg", "use"]);
const PROPERTIES = new Set(["value", "checked", "disabled"]);
const ADDRESSES = new Set(["href", "src", "poster"]);
const REFUSED = new Set(["innerHTML", "outerHTML", "srcdoc", "style"]);

/**
 * An element: attributes, `on...` handlers, `key` among its neighbours, `pixels` as `{paddingTop: 12}`, and `ref`: it
 * is called with the node once that is in the page.
 */
export function h(tag, props, ...children) {
  const { key, ref, ...rest } = props ?? {};
  return new Description(tag, key, ref, rest, children.flat(Infinity).filter(shown).map(asNode));
}

/** Only `h` makes these: an object that came from outside is never an element. */
class Description {
  constructor(tag, key, ref, props, children) {
    Object.assign(this, { tag, key, ref, props, children });
  }
}

/**
 * A memory of descriptions. `of` gives the one of the last drawing while all `parts` are the same: then `render` does
 * not look into the element. `begin` starts a drawing; what is not used in it is forgotten with the next one.
 */
export function createMemory() {
  let before = new Map();
  let now = new Map();
  return {
    begin() {
      before = now;
      now = new Map();
    },
    of(key, parts, make) {
      const known = before.get(key);
      const same = known?.parts.every((one, place) => one === parts[place]);
      const entry = same ? known : { parts, made: make() };
      now.set(key, entry);
      return entry.made;
    },
  };
}

/** Make `root`'s only child look like `wanted`. Whoever had the focus keeps it, where it is still there. */
export function render(root, wanted) {
  const focused = document.activeElement;
  patchChildren(root, wanted ? [wanted] : []);
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  for (const { ref, node } of arrivals.splice(0)) ref(node);
}

const arrivals = []; // told once the whole page is in place

const shown = (child) => child !== null && child !== undefined && child !== false && child !== "";
const asNode = (child) =>
  child instanceof Description ? child : { text: typeof child === "object" ? "" : String(child) };

function patchChildren(parent, wanted) {
  const keyed = new Map();
  const unkeyed = [];
  for (const node of [...parent.childNodes]) {
    if (node.pageInboxKey !== undefined) keyed.set(node.pageInboxKey, node);
    else unkeyed.push(node);
  }
  let place = parent.firstChild;
  for (const one of wanted) {
    let node = one.key === undefined ? takeLike(unkeyed, one) : keyed.get(one.key);
    if (node && !alike(node, one)) node = undefined;
    if (node && one.key !== undefined) keyed.delete(one.key);
    const fresh = !node;
    if (fresh) node = create(one);
    else patch(node, one);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    if (fresh && one.ref) arrivals.push({ ref: one.ref, node });
  }
  for (const node of [...keyed.values(), ...unkeyed]) node.remove();
}

function takeLike(nodes, wanted) {
  const place = nodes.findIndex((node) => alike(node, wanted));
  return place < 0 ? undefined : nodes.splice(place, 1)[0];
}

function alike(node, wanted) {
  if (wanted.text !== undefined) return node.nodeType === Node.TEXT_NODE;
  return node.nodeType === Node.ELEMENT_NODE && node.localName === wanted.tag;
}

function create(wanted) {
  if (wanted.text !== undefined) return document.createTextNode(wanted.text);
  const node = IN_SVG.has(wanted.tag) ? document.createElementNS(SVG, wanted.tag) : document.createElement(wanted.tag);
  if (wanted.key !== undefined) node.pageInboxKey = wanted.key;
  patch(node, wanted);
  return node;
}

function patch(node, wanted) {
  if (wanted.text !== undefined) {
    if (node.data !== wanted.text) node.data = wanted.text;
    return;
  }
  if (node.pageInboxMade === wanted) return; // from a memory, and unchanged
  node.pageInboxMade = wanted;
  const before = node.pageInboxProps ?? {};
  for (const name of Object.keys(before)) if (!(name in wanted.props)) set(node, name, null);
  for (const [name, value] of Object.entries(wanted.props)) {
    if (before[name] !== value && !PROPERTIES.has(name)) set(node, name, value);
  }
  node.pageInboxProps = wanted.props;
  patchChildren(node, wanted.children);
  // After the children: a select has a value only once its options are there.
  for (const name of PROPERTIES) if (name in wanted.props) set(node, name, wanted.props[name]);
}

function set(node, name, value) {
  if (REFUSED.has(name)) throw new Error(`${name} is never set`);
  if (name === "pixels") {
    for (const [side, size] of Object.entries(value ?? {})) node.style[side] = `${size}px`;
    return;
  }
  if (name.startsWith("on")) {
    // A handler that returns false would undo what the browser does by itself.
    node[name] = value ? (event) => void value(event) : null;
  } else if (PROPERTIES.has(name)) {
    const given = value ?? (name === "value" ? "" : false);
    if (node[name] !== given) node[name] = given;
  } else if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
  } else if (ADDRESSES.has(name)) {
    const address = safeAddress(String(value));
    if (address === null) node.removeAttribute(name);
    else node.setAttribute(name, address);
  } else {
    node.setAttribute(name, value === true ? "" : String(value));
  }
}
