// Shows what is known of the chosen layer from props.value; its parts can be chosen ("pick").
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const lay = () => {
  const root = element.querySelector(".layer-card");
  if (!root) return;
  const value = props.value;
  if (!value || !value.facts) {
    root.replaceChildren();
    return;
  }
  const head = make("div", "layer-name");
  const swatch = make("i");
  swatch.dataset.kind = value.mark;
  head.append(swatch, make("strong", "", value.name), make("span", "layer-kind", value.kind));
  const facts = make("dl", "layer-facts");
  for (const [name, number] of value.facts) {
    const pair = make("div");
    pair.append(make("dt", "", name), make("dd", "", number));
    facts.append(pair);
  }
  const parts = make("span", "layer-parts");
  if (value.parts.length) parts.append(make("span", "", value.parts_label));
  for (const part of value.parts) {
    const button = make("button", "", part.label);
    button.type = "button";
    button.dataset.layer = part.layer;
    button.setAttribute("aria-pressed", String(part.chosen));
    button.addEventListener("click", () => {
      for (const other of parts.querySelectorAll("button")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      request("pick", { layer: part.layer });
    });
    parts.append(button);
  }
  head.append(parts);
  root.replaceChildren(head, make("p", "inside-what", value.what), facts);
};
lay();
watch("value", lay);
watch("ack", () => settle("pick"));
