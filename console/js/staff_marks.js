// Marks that staff share: done, unread and labels. The service deletes them with the conversation.

export const MOST_LABELS = 5; // of one conversation

/** Whether staff have marked a conversation as done, and the customer has not written since. */
export function isDone({ mark, last_message: last, last_activity_at: active }) {
  return Boolean(mark?.done) && !(last.direction === "in" && active > mark.marked_at);
}

/** `state.labels` is the shop's list of labels, null before it is read. */
export function createStaffMarks({ api, state, changed, say, now }) {
  let sent = Promise.resolve(); // the last change; the next change is sent after it

  async function readLabels() {
    state.labels = await api.labels();
    changed();
  }

  async function send(id, body, before) {
    try {
      // A label that is no longer in the list would be refused.
      if (body.labels.length > 0) await readLabels();
      const labels = body.labels.filter((one) => state.labels.includes(one));
      take(await api.mark(id, { ...body, labels }));
    } catch {
      take({ conversation_id: id, mark: before });
      say("mark.failed");
    }
  }

  async function attempt(job) {
    try {
      return await job();
    } catch {
      return say("mark.failed");
    }
  }

  return {
    readLabels: () => attempt(readLabels),
    /** Replace the shop's list: one label on each line. */
    saveLabels: (lines) =>
      attempt(async () => {
        const labels = [...new Set(lines.split("\n").map((one) => one.trim()))].filter(Boolean);
        state.labels = await api.changeLabels(labels);
        state.typedLabels = null;
        changed();
      }),
    /** Change some of a conversation's marks; the others stay. The change is shown at once, and undone if it fails. */
    change(conversation, marks) {
      const before = conversation.mark;
      const { unread = false, labels = [] } = before ?? {};
      const body = { done: isDone(conversation), unread, labels, ...marks };
      take({ conversation_id: conversation.id, mark: { ...body, marked_at: new Date(now()).toISOString() } });
      sent = sent.then(() => send(conversation.id, body, before));
    },
    take,
  };

  /** Apply a mark that was made here or by other staff. */
  function take({ conversation_id: id, mark }) {
    const conversation = state.inbox.conversations.get(id);
    if (conversation) conversation.mark = mark;
    changed();
  }
}
