// Work on a list that the page shows. The list is `busy` during the work, and has a `problem` if the work fails.

/** Do a job for a list. While a job runs, no second job begins. */
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
