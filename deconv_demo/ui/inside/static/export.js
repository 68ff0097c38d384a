// Export: the grid as a PNG with a caption, activations as files, and lines of code.
// Runs after maps.js in the same scope.
const TILE_GAP = 6;
const NUMBER = 20; // room for the channel below each map
const MARGIN = 24;
let takeOpen = false;

const save = (address, name) => {
  const link = createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
};

// Drawn by the browser, which has letters for every language and every file name.
const sheetOf = async (value) => {
  const atlas = new Image();
  atlas.src = value.picture;
  await atlas.decode();
  const { tile, take, maps, legend } = value;
  const lines = [...take.lines, `${legend.low} … ${legend.high} · ${legend.note}`];
  const columns = Math.min(maps.length, Math.max(8, Math.ceil(Math.sqrt(maps.length * 1.6))));
  const rows = Math.ceil(maps.length / columns);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const title = "600 22px system-ui, sans-serif";
  const small = "16px system-ui, sans-serif";
  context.font = title;
  const titleWidth = context.measureText(take.title).width;
  context.font = small;
  const widest = Math.max(titleWidth, ...lines.map((line) => context.measureText(line).width));
  canvas.width = Math.ceil(2 * MARGIN + Math.max(columns * (tile + TILE_GAP) - TILE_GAP, widest));
  const bottom = MARGIN + rows * (tile + NUMBER);
  canvas.height = bottom + 44 + 26 * lines.length + MARGIN;
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#6b7280";
  context.font = "11px system-ui, sans-serif";
  maps.forEach((map, index) => {
    const from = [(index % value.columns) * tile, Math.floor(index / value.columns) * tile];
    const left = MARGIN + (index % columns) * (tile + TILE_GAP);
    const top = MARGIN + Math.floor(index / columns) * (tile + NUMBER);
    context.drawImage(atlas, ...from, tile, tile, left, top, tile, tile);
    context.fillText(String(map.channel), left, top + tile + 13);
  });
  context.fillStyle = "#111827";
  context.font = title;
  context.fillText(take.title, MARGIN, bottom + 36);
  context.fillStyle = "#374151";
  context.font = small;
  lines.forEach((line, index) => context.fillText(line, MARGIN, bottom + 64 + 26 * index));
  return new Promise((done) => canvas.toBlob(done, "image/png"));
};

const copy = async (code, button, take) => {
  try {
    await navigator.clipboard.writeText(take.code);
  } catch (error) {
    // Not a secure page, as on a classroom's own network: copy from a selection instead.
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
  }
  button.textContent = take.copied;
};

const layTake = (value) => {
  const take = value.take;
  const box = createElement("details", "inside-take");
  box.open = takeOpen;
  box.addEventListener("toggle", () => (takeOpen = box.open));
  const button = (name, what) => {
    const node = createElement("button", "", take[name]);
    node.type = "button";
    node.dataset.take = name;
    node.addEventListener("click", what);
    return node;
  };
  const files = createElement("p", "inside-files");
  files.append(
    button("atlas", async () => {
      const address = URL.createObjectURL(await sheetOf(value));
      save(address, take.atlas_name);
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    }),
    button("one", () => trigger("take", { which: "layer" })),
    button("all", () => trigger("take", { which: "all" })),
    button("given", () => save(take.given_address, take.given_name)),
  );
  const code = createElement("pre", "", take.code);
  code.tabIndex = 0;
  const copying = button("copy", () => copy(code, copying, take));
  box.append(
    createElement("summary", "", take.summary),
    files,
    createElement("p", "fine", take.note),
    createElement("p", "inside-code-head", take.code_text),
    code,
    copying,
  );
  return box;
};
watch("file", () => {
  if (props.file) save(props.file.address, props.file.name);
});
render();
