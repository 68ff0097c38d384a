// Ablation: edits made here go to the server as one list; the answer is the output of the network.
// Edits live in this page and are kept from layer to layer of one picture.
let edits = { channels: {}, skips: {}, blocks: {} };
let brush = 0;
let gain = 4;
let subject = null;

const shownFactor = (factor) => (factor === undefined ? 1 : factor);
const factorText = (factor) => (factor === 0 ? t("off") : `× ${factor}`);
function lookWith() {
  leave();
  return {};
}
const operate = () => {
  leave();
  panel().querySelector(".surgery-result")?.setAttribute("aria-busy", "true");
  request("operate", { edits: structuredClone(edits) });
};
const set = (group, name, factor) => {
  if (factor === 1) delete group[name];
  else group[name] = factor;
};
const channelEdits = () => (edits.channels[props.value.layer] ??= {});
const tidy = () => {
  for (const layer of Object.keys(edits.channels))
    if (!Object.keys(edits.channels[layer]).length) delete edits.channels[layer];
};

const toggleOf = (group, name, label, className) => {
  const node = button("", className, () => {
    set(group(), name, shownFactor(group()[name]) === brush ? 1 : brush);
    node.refresh();
    tidy();
    showCount();
    operate();
  });
  const badge = createElement("b");
  node.append(createElement("span", "", label), badge);
  node.refresh = () => {
    const factor = shownFactor(group()[name]);
    node.setAttribute("aria-pressed", String(factor !== 1));
    node.classList.toggle("off", factor === 0);
    badge.textContent = factor === 1 ? "" : factorText(factor);
  };
  node.refresh();
  return node;
};
const refreshAll = () => {
  for (const node of panel().querySelectorAll("[aria-pressed]")) node.refresh?.();
  showCount();
};
const showCount = () => {
  const channels = Object.values(edits.channels).reduce((n, one) => n + Object.keys(one).length, 0);
  const skips = Object.keys(edits.skips).length;
  const blocks = Object.keys(edits.blocks).length;
  const node = panel().querySelector(".surgery-count");
  if (node) node.textContent = t("count", { channels, skips, blocks });
  const reset = panel().querySelector(".surgery-reset");
  if (reset) reset.disabled = channels + skips + blocks === 0;
};

const channelGrid = (value) => {
  const grid = createElement("div", "surgery-grid");
  grid.style.setProperty("--atlas", `url(${value.atlas.picture})`);
  grid.style.setProperty("--columns", value.atlas.columns);
  grid.style.setProperty("--rows", value.atlas.rows);
  const tiles = Array.from({ length: value.channels }, (_, channel) => {
    const tile = toggleOf(channelEdits, channel, String(channel), "surgery-tile");
    tile.setAttribute("aria-label", t("channel", { channel }));
    tile.style.setProperty("--column", channel % value.atlas.columns);
    tile.style.setProperty("--row", Math.floor(channel / value.atlas.columns));
    tile.dataset.channel = channel;
    tile.tabIndex = channel === 0 ? 0 : -1;
    return tile;
  });
  grid.append(...tiles);
  // One stop for the Tab key; the arrow keys walk through the grid.
  grid.addEventListener("keydown", (event) => {
    const here = tiles.indexOf(document.activeElement);
    if (here < 0) return;
    const perRow = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow }[event.key];
    if (!step || !tiles[here + step]) return;
    event.preventDefault();
    tiles[here].tabIndex = -1;
    tiles[here + step].tabIndex = 0;
    tiles[here + step].focus();
  });
  return grid;
};

const brushRow = () => {
  const row = createElement("label", "surgery-brush");
  const slider = createElement("input");
  const shown = createElement("output", "", factorText(brush));
  Object.assign(slider, { type: "range", min: 0, max: 2, step: 0.1, value: brush });
  slider.addEventListener("input", () => {
    // At 1 a click would change nothing.
    brush = Math.round(Number(slider.value) * 10) / 10;
    shown.textContent = brush === 1 ? t("as_trained") : factorText(brush);
  });
  row.append(createElement("span", "", t("brush")), slider, shown);
  return row;
};

const drawDifference = (canvas, value, result) => {
  Promise.all([value.untouched, result.picture].map(load)).then(([before, after]) => {
    const [width, height] = [before.naturalWidth, before.naturalHeight];
    const read = (image) => {
      const sheet = Object.assign(document.createElement("canvas"), { width, height });
      const context = sheet.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, width, height);
    };
    const [old, fresh] = [read(before), read(after)];
    for (let n = 0; n < old.data.length; n += 1)
      if (n % 4 !== 3) fresh.data[n] = 128 + gain * (fresh.data[n] - old.data[n]);
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(fresh, 0, 0);
    canvas.dataset.gain = gain;
  });
};
const load = (source) =>
  new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = source;
  });

const scoreList = (value, result) => {
  const list = createElement("dl", "panel-numbers");
  const add = (name, number, note) => {
    const pair = createElement("div");
    pair.append(createElement("dt", "", name), createElement("dd", "", number));
    if (note) pair.lastChild.append(createElement("small", "", note));
    list.append(pair);
  };
  const same = result.psnr === null;
  add(t("psnr.untouched"), same ? t("identical") : decibels(result.psnr));
  if (result.truth !== undefined) {
    const note = same ? "" : `${withSign(result.truth - value.truth, 2)} dB`;
    add(t("psnr.truth"), decibels(result.truth), note);
  }
  add(t("time"), `${result.seconds.toFixed(2)} s`, t("kept", result));
  return list;
};

const showResult = () => {
  const place = panel().querySelector(".surgery-result");
  const value = props.value;
  if (!place || !value || !value.untouched) return;
  const result = props.result && props.result.subject === value.subject ? props.result : null;
  place.removeAttribute("aria-busy");
  if (result && result.problem) {
    place.replaceChildren(createElement("p", "panel-problem", result.problem[props.texts.language]));
    return;
  }
  const now = result || { picture: value.untouched, psnr: null, truth: value.truth, seconds: 0,
    kept: value.layers, layers: value.layers };
  const canvas = createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", t("difference"));
  const gains = createElement("div", "panel-choice");
  for (const times of [1, 4, 16]) {
    const node = button(`× ${times}`, "", () => {
      gain = times;
      for (const other of gains.children)
        other.setAttribute("aria-pressed", String(other === node));
      drawDifference(canvas, value, now);
    });
    node.setAttribute("aria-pressed", String(times === gain));
    gains.append(node);
  }
  const difference = figure(canvas, t("difference"), t("difference.note"));
  difference.append(gains);
  const pictures = createElement("div", "surgery-pictures");
  pictures.append(
    figure(picture(now.picture, t("edited")), t("edited")),
    figure(picture(value.untouched, t("untouched")), t("untouched")),
    difference,
    scoreList(value, now),
  );
  place.replaceChildren(pictures);
  drawDifference(canvas, value, now);
};

const draw = () => {
  const root = panel();
  if (!root) return;
  if (isMissing(root)) return;
  const value = props.value;
  if (subject !== value.subject) {
    edits = { channels: {}, skips: {}, blocks: {} };
    subject = value.subject;
    ranking = false;
  }
  const head = createElement("p", "panel-what", t("what"));
  const table = createElement("div", "surgery-table");
  const actions = createElement("div", "surgery-actions");
  const reset = button(t("reset"), "panel-button surgery-reset", () => {
    edits = { channels: {}, skips: {}, blocks: {} };
    refreshAll();
    operate();
  });
  actions.append(reset, createElement("span", "panel-fine surgery-count"));
  const all = (factor) => () => {
    for (let channel = 0; channel < value.channels; channel += 1) set(channelEdits(), channel, factor);
    tidy();
    refreshAll();
    operate();
  };
  const title = createElement("h4", "", t("channels", { layer: value.layer, count: value.channels }));
  const allRow = createElement("div", "surgery-actions");
  allRow.append(
    button(t("all_off"), "panel-link", all(0)),
    button(t("all_on"), "panel-link", all(1)),
  );
  const chips = (names, group, label) => {
    const box = createElement("div", "surgery-chips");
    box.append(...names.map((name) => toggleOf(group, name.id, label(name), "surgery-chip")));
    return box;
  };
  const skipLabel = (skip) =>
    skip.image ? t("skip.image") : `${skip.source} → ${skip.target}`;
  table.append(brushRow(), actions, title, channelGrid(value), allRow);
  table.append(
    createElement("h4", "", t("skips")),
    chips(value.skips, () => edits.skips, skipLabel),
    createElement("h4", "", t("blocks")),
    chips(value.blocks, () => edits.blocks, (block) => block.id),
  );
  const outcome = createElement("div", "surgery-outcome");
  const result = createElement("div", "surgery-result");
  result.setAttribute("aria-live", "polite");
  const [width, height] = value.size;
  const where = t("where", { width, height });
  outcome.append(result, createElement("p", "panel-fine", where), rankingPlace());
  const columns = createElement("div", "surgery-columns");
  columns.append(table, outcome);
  root.replaceChildren(head, columns);
  showCount();
  showResult();
  showRanking();
};
draw();
watch("value", draw);
watch("texts", draw);
watch("result", () => {
  showResult();
  settle("operate");
  if (rankNext) rankWhenFree();
});
watch("ranking", showRanking);
