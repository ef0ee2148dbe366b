// Work on a list that the page shows: while it is `busy`, and its `problem` if it fails.

/** Do a job for a list. A second job at the same time is not begun. */
export async function work(list, changed, job) {
  if (list.busy) return;
  Object.assign(list, { busy: true, problem: null });
  changed();
  try {
    await job();
  } catch (problem) {
    list.problem = problem;
  }
  list.busy = false;
  changed();
}
