// What is in view: done once when it comes there, and again when there may be more to do.

const inView = new Set();
const jobs = new WeakMap();
let watcher;

/** Do `job` whenever the element comes into view. */
export function whenSeen(node, job) {
  watcher ??= new IntersectionObserver(look);
  jobs.set(node, job);
  watcher.observe(node);
}

/** Once more for everything that is in view now. */
export function lookAgain() {
  for (const node of inView) {
    if (node.isConnected) jobs.get(node)();
    else inView.delete(node);
  }
}

function look(entries) {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) {
      inView.add(target);
      jobs.get(target)();
    } else {
      inView.delete(target);
    }
  }
}
