// At most one request of a kind is in flight; of those made meanwhile only the last is sent.
// Gradio's own "always_last" would send the last one with the data of the first.
// Comes before the scripts of the Look inside tab.
const PATIENCE_MS = 30000;
const inFlight = {};
let turn = 0;
const request = (kind, data) => {
  const line = (inFlight[kind] ??= { since: 0, next: null });
  if (line.since && Date.now() - line.since < PATIENCE_MS) {
    line.next = data;
    return;
  }
  line.since = Date.now();
  turn += 1;
  // The number comes back with the answer, so that no two answers are equal.
  trigger(kind, { ...data, turn });
};
const settle = (kind) => {
  const line = inFlight[kind];
  if (!line) return;
  line.since = 0;
  const { next } = line;
  line.next = null;
  if (next) request(kind, next);
};
// The pending request, if any: an answer to an earlier one is out of date.
const pendingRequest = (kind) => inFlight[kind]?.next ?? null;
