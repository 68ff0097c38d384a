// Shows the card of the chosen layer from props.value; its parts can be chosen ("pick").
const render = () => {
  const root = element.querySelector(".layer-card");
  if (!root) return;
  const value = props.value;
  if (!value || !value.facts) {
    root.replaceChildren();
    return;
  }
  const head = createElement("div", "layer-name");
  const swatch = createElement("i");
  swatch.dataset.kind = value.mark;
  head.append(swatch, createElement("strong", "", value.name), createElement("span", "layer-kind", value.kind));
  const facts = createElement("dl", "layer-facts");
  for (const [name, number] of value.facts) {
    const pair = createElement("div");
    pair.append(createElement("dt", "", name), createElement("dd", "", number));
    facts.append(pair);
  }
  const parts = createElement("span", "layer-parts");
  if (value.parts.length) parts.append(createElement("span", "", value.parts_label));
  for (const part of value.parts) {
    const button = createElement("button", "", part.label);
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
  root.replaceChildren(head, createElement("p", "inside-what", value.what), facts);
};
render();
watch("value", render);
watch("ack", () => settle("pick"));
