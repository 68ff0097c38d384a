// Receptive field and influence of one pixel: two pictures to click on, heat over the other one;
// and below, a unit of a feature map projected back to the picture.
let askedFor = null; // state that the first field was asked for
let askedUnit = null;

const pixelAt = ({ row, column }) => t("place", { row, column });
const sidesText = (value) => {
  const [rows, columns] = [value.window.rows, value.window.columns];
  return `${columns[1] - columns[0]} × ${rows[1] - rows[0]}`;
};
// The frame as drawn, and its size if the border of the picture did not cut it.
const theoryOf = (value) => {
  const [width, height] = value.unbounded;
  const [inside, whole] = [sidesText(value), `${width} × ${height}`];
  return [inside, t(inside === whole ? "pixels" : "pixels.cut", { width, height })];
};

const numbersOf = (pairs) => {
  const list = createElement("dl", "panel-numbers");
  for (const [name, number, note] of pairs) {
    const pair = createElement("div");
    const shown = createElement("dd", "", number);
    if (note) shown.append(createElement("small", "", note));
    pair.append(createElement("dt", "", name), shown);
    list.append(pair);
  }
  return list;
};

const current = (name) => {
  const one = props[name];
  return one && props.value && one.state === props.value.state ? one : null;
};

const showSeen = () => {
  const place = panel().querySelector(".pixel-pair");
  const value = props.value;
  if (!place || !value.input) return;
  const kept = props.seen && props.seen.state.split(" ")[0] === value.state.split(" ")[0];
  const seen = kept ? props.seen : null;
  const field = seen && seen.kind === "field" ? seen : null;
  const reach = seen && seen.kind === "reach" ? seen : null;
  place.removeAttribute("aria-busy");
  const chosen = (kind) => (at) => {
    panel().querySelector(".pixel-pair").setAttribute("aria-busy", "true");
    request(kind, { ...at, state: value.state });
  };
  const focused = document.activeElement?.dataset?.side;
  const target = (side, source, size, at, heat, kind) => {
    const label = t(side === "input" ? "click.input" : "click.output");
    const image = picture(heat ? heat.heat : source, label);
    const node = clickable(image, label, size[1], size[0], at, chosen(kind));
    node.dataset.side = side;
    if (heat) node.append(frame(heat.window.rows, heat.window.columns, size[1], size[0]));
    return node;
  };
  const left = target("input", value.input, value.size, reach && reach.at, field, "reach");
  const right = target("output", value.output, value.output_size, field && field.at, reach, "field");
  place.replaceChildren(
    figure(left, t("input"), t("click.input")),
    figure(right, t("output"), t("click.output")),
  );
  if (focused) place.querySelector(`[data-side=${focused}]`).focus({ preventScroll: true });
  const below = panel().querySelector(".pixel-numbers");
  if (!seen) {
    below.replaceChildren(createElement("p", "panel-hint", t("measuring")));
    return;
  }
  const kind = seen.kind;
  below.replaceChildren(
    createElement("p", "pixel-said", t(`said.${kind}`, { place: pixelAt(seen.at) })),
    legend(false, t("legend.low", { range: value.range_db }), "", t("legend.high")),
    numbersOf([
      [t(`theory.${kind}`), ...theoryOf(seen)],
      [t("half"), `± ${seen.half}`, t("pixels")],
      [t("most"), `± ${seen.most}`, t("pixels")],
      [t("own"), `${(seen.own * 100).toFixed(0)} %`],
    ]),
    ...(value.guided ? [createElement("p", "panel-fine", t("guided"))] : []),
  );
};

const askUnit = (at) => {
  const map = current("map") || props.value.map;
  panel().querySelector(".pixel-projections")?.setAttribute("aria-busy", "true");
  request("unit", { ...at, channel: map.channel, state: props.value.state });
};

const showMap = () => {
  const place = panel().querySelector(".pixel-map");
  if (!place || !props.value.map) return;
  const value = props.value;
  const map = current("map") || value.map;
  const shown = current("projection");
  const at = shown && shown.channel === map.channel ? shown : null;
  const label = t("unit.click", { layer: map.layer, channel: map.channel });
  const target = clickable(picture(map.picture, label), label, map.size[1], map.size[0], at, askUnit);
  const chooser = createElement("label", "pixel-channel");
  const slider = createElement("input");
  const number = createElement("output", "", String(map.channel));
  Object.assign(slider, { type: "range", min: 0, max: value.channels - 1, step: 1 });
  slider.value = map.channel;
  slider.addEventListener("input", () => {
    number.textContent = slider.value;
    request("channel", { channel: Number(slider.value), state: value.state });
  });
  chooser.append(createElement("span", "", t("channel")), slider, number);
  const old = place.querySelector("input");
  if (old && old === document.activeElement) {
    // The slider in use stays the same node, or the drag would end.
    place.querySelector("figure").replaceWith(figure(target, label));
    return;
  }
  place.replaceChildren(figure(target, label), chooser);
};

const showProjection = () => {
  const place = panel().querySelector(".pixel-projections");
  if (!place || !props.value.map) return;
  const shown = current("projection");
  if (!shown) return;
  place.removeAttribute("aria-busy");
  place.replaceChildren(
    figure(picture(shown.patch, t("patch")), t("patch"), `${shown.size[0]} × ${shown.size[1]}`),
    figure(picture(shown.deconvnet, t("deconvnet")), t("deconvnet"), t("deconvnet.note")),
    figure(picture(shown.gradient, t("gradient")), t("gradient"), t("gradient.note")),
  );
  const [width, height] = shown.sees;
  const where = { ...shown, place: pixelAt(shown), width, height };
  const said = t(shown.silent ? "unit.silent" : "unit.said", where);
  panel().querySelector(".pixel-unit").textContent = said;
  const cross = panel().querySelector(".pixel-map .panel-cross");
  if (cross && cross.hidden) showMap();
};

const draw = () => {
  const root = panel();
  if (!root) return;
  if (isMissing(root)) return;
  const value = props.value;
  const pair = createElement("div", "pixel-pair");
  const columns = createElement("div", "pixel-units");
  columns.append(createElement("div", "pixel-map"), createElement("div", "pixel-projections"));
  root.replaceChildren(
    createElement("p", "panel-what", t("what")),
    createElement("h4", "", t("title.field")),
    pair,
    createElement("div", "pixel-numbers"),
    createElement("h4", "", t("title.unit", { layer: value.layer })),
    createElement("p", "panel-what", t("what.unit")),
    columns,
    createElement("p", "panel-fine pixel-unit", ""),
  );
  showSeen();
  showMap();
  showProjection();
  // The panel opens with an answer, not with empty boxes: first the middle pixel, then a unit.
  const picture_key = value.state.split(" ")[0];
  const [width, height] = value.output_size;
  if (askedFor !== picture_key) {
    askedFor = picture_key;
    request("field", { row: height >> 1, column: width >> 1, state: value.state });
  }
  if (askedUnit !== value.state) {
    askedUnit = value.state;
    askUnit(value.map.strongest);
  }
};
draw();
watch("value", draw);
watch("texts", draw);
watch("seen", () => {
  showSeen();
  if (props.seen) settle(props.seen.kind);
});
watch("map", () => {
  showMap();
  settle("channel");
  const map = current("map");
  if (map) askUnit(map.strongest);
});
watch("projection", () => {
  showProjection();
  settle("unit");
});
