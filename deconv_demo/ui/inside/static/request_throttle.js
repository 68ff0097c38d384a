// One request of a kind is on its way at a time; of those that come meanwhile the last one counts.
// Gradio's own "always_last" would send the last one with the data of the first.
// Stands before the scripts of the Look inside tab.
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
  // The number comes back with the answer, so that no two answers are the same.
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
// What is asked for next, if something is: an answer to what came before it is out of date.
const pendingRequest = (kind) => inFlight[kind]?.next ?? null;
