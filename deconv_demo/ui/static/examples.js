// Draws the example buttons from props.value; texts go in as text, never as markup.
const draw = () => {
  const root = element.querySelector(".examples");
  const value = props.value;
  if (!root || !value || !value.items) return;
  const title = document.createElement("p");
  title.className = "examples-title";
  title.textContent = value.title;
  const list = document.createElement("div");
  list.className = "examples-list";
  for (const item of value.items) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.key = item.key;
    const picture = document.createElement("img");
    picture.src = item.picture;
    picture.alt = "";
    button.title = `${item.name} · ${item.task}`;
    button.setAttribute("aria-label", button.title);
    button.append(picture);
    button.addEventListener("click", () => trigger("pick", { key: item.key }));
    list.append(button);
  }
  const credits = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = value.credits_title;
  const text = document.createElement("p");
  text.textContent = value.credits;
  credits.append(summary, text);
  const head = document.createElement("div");
  head.className = "examples-head";
  head.append(title, credits);
  root.replaceChildren(head, list);
};
draw();
watch("value", draw);
