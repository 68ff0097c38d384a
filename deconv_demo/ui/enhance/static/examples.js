// A click is answered at once, with a message while others are served first. The status line of the
// page takes over as soon as it has a message of its own.
const QUICK_MS = 600;
let patience = null;
const showNote = (words) => {
  clearTimeout(patience);
  for (const note of element.querySelectorAll(".examples-note")) note.textContent = words;
};
// Our own message: Gradio writes its own, hidden, place in the queue beside it.
const line = () => document.querySelector("#status .status")?.textContent;
let noted = line();
const begun = new MutationObserver(() => {
  if (line() !== noted) showNote("");
});
const settle = () => {
  showNote("");
  begun.disconnect();
  for (const button of element.querySelectorAll(".examples [aria-busy]")) {
    button.removeAttribute("aria-busy");
  }
};
const wait = (button, words) => {
  settle();
  button.setAttribute("aria-busy", "true");
  patience = setTimeout(() => showNote(words), QUICK_MS);
  noted = line();
  begun.observe(document.querySelector("#status"), { childList: true, subtree: true, characterData: true });
};
window.deconvLab.settleExamples = settle;

// Draws the example buttons from props.value; texts go in as text, never as markup.
const draw = () => {
  const root = element.querySelector(".examples");
  const value = props.value;
  if (!root || !value || !value.items) return;
  const title = createElement("p");
  title.className = "examples-title";
  title.textContent = value.title;
  const list = createElement("div");
  list.className = "examples-list";
  for (const item of value.items) {
    const button = createElement("button");
    button.type = "button";
    button.dataset.key = item.key;
    const picture = createElement("img");
    picture.src = item.picture;
    picture.alt = "";
    button.title = `${item.name} · ${item.task}`;
    button.setAttribute("aria-label", button.title);
    button.append(picture);
    button.addEventListener("click", () => {
      wait(button, value.waiting);
      trigger("pick", { key: item.key });
    });
    list.append(button);
  }
  const credits = createElement("details");
  const summary = createElement("summary");
  summary.textContent = value.credits_title;
  const text = createElement("p");
  text.textContent = value.credits;
  credits.append(summary, text);
  const head = createElement("div");
  head.className = "examples-head";
  head.append(title, credits);
  const note = createElement("p");
  note.className = "examples-note";
  note.role = "status";
  settle();
  root.replaceChildren(head, list, note);
};
draw();
watch("value", draw);
