// Descriptions of elements. `render` makes only the changes that the page needs to look like the description.
//
// Text becomes a text node and nothing else. Addresses pass `safeAddress` here, at the only place where they are set.
import { safeAddress } from "./links.js";

const SVG = "http://www.w3.org/2000/svg";
const IN_SVG = new Set(["svg", "use"]);
const PROPERTIES = new Set(["value", "checked", "disabled"]);
const ADDRESSES = new Set(["href", "src", "poster"]);
const REFUSED = new Set(["innerHTML", "outerHTML", "srcdoc", "style"]);

/**
 * Describes an element. `props` has attributes and `on...` handlers. `key` distinguishes the element from its
 * neighbours. `pixels` has sizes, as `{paddingTop: 12}`. `ref` is called with the node as soon as the node is in the
 * page.
 */
export function h(tag, props, ...children) {
  const { key, ref, ...rest } = props ?? {};
  return new Description(tag, key, ref, rest, children.flat(Infinity).filter(shown).map(asNode));
}

/** Only `h` makes descriptions, so an object from outside never becomes an element. */
class Description {
  constructor(tag, key, ref, props, children) {
    Object.assign(this, { tag, key, ref, props, children });
  }
}

/**
 * A memory of descriptions. While all `parts` are the same, `of` returns the description of the last drawing, and then
 * `render` does not look into the element. `begin` starts a drawing. A description that one drawing does not use is
 * forgotten at the next `begin`.
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

/**
 * Make `root`'s only child look like `wanted`. The element with the focus keeps it, if the element is still in the
 * page.
 */
export function render(root, wanted) {
  const focused = document.activeElement;
  patchChildren(root, wanted ? [wanted] : []);
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  for (const { ref, node } of arrivals.splice(0)) ref(node);
}

const arrivals = []; // nodes whose `ref` is called when the whole page is drawn

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
  if (node.pageInboxMade === wanted) return; // the description is from a memory, so nothing has changed
  node.pageInboxMade = wanted;
  const before = node.pageInboxProps ?? {};
  for (const name of Object.keys(before)) if (!(name in wanted.props)) set(node, name, null);
  for (const [name, value] of Object.entries(wanted.props)) {
    if (before[name] !== value && !PROPERTIES.has(name)) set(node, name, value);
  }
  node.pageInboxProps = wanted.props;
  patchChildren(node, wanted.children);
  // These are set after the children, because a select can have a value only when its options exist.
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
