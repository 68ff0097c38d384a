// Export: the grid as a PNG with a caption, activations as files, and lines of code.
// Follows inside.js in the same scope.
const TILE_GAP = 6;
const NUMBER = 20; // room for the channel below each map
const MARGIN = 24;
let takeOpen = false;

const save = (address, name) => {
  const link = make("a");
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
  const pen = canvas.getContext("2d");
  const title = "600 22px system-ui, sans-serif";
  const small = "16px system-ui, sans-serif";
  pen.font = title;
  const titleWidth = pen.measureText(take.title).width;
  pen.font = small;
  const widest = Math.max(titleWidth, ...lines.map((line) => pen.measureText(line).width));
  canvas.width = Math.ceil(2 * MARGIN + Math.max(columns * (tile + TILE_GAP) - TILE_GAP, widest));
  const bottom = MARGIN + rows * (tile + NUMBER);
  canvas.height = bottom + 44 + 26 * lines.length + MARGIN;
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingEnabled = false;
  pen.fillStyle = "#6b7280";
  pen.font = "11px system-ui, sans-serif";
  maps.forEach((map, index) => {
    const from = [(index % value.columns) * tile, Math.floor(index / value.columns) * tile];
    const left = MARGIN + (index % columns) * (tile + TILE_GAP);
    const top = MARGIN + Math.floor(index / columns) * (tile + NUMBER);
    pen.drawImage(atlas, ...from, tile, tile, left, top, tile, tile);
    pen.fillText(String(map.channel), left, top + tile + 13);
  });
  pen.fillStyle = "#111827";
  pen.font = title;
  pen.fillText(take.title, MARGIN, bottom + 36);
  pen.fillStyle = "#374151";
  pen.font = small;
  lines.forEach((line, index) => pen.fillText(line, MARGIN, bottom + 64 + 26 * index));
  return new Promise((done) => canvas.toBlob(done, "image/png"));
};

const copy = async (code, button, take) => {
  try {
    await navigator.clipboard.writeText(take.code);
  } catch (error) {
    // Not a secure page, as on a classroom's own network: the old way, from a selection.
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
  }
  button.textContent = take.copied;
};

const layTake = (value) => {
  const take = value.take;
  const box = make("details", "inside-take");
  box.open = takeOpen;
  box.addEventListener("toggle", () => (takeOpen = box.open));
  const button = (name, what) => {
    const node = make("button", "", take[name]);
    node.type = "button";
    node.dataset.take = name;
    node.addEventListener("click", what);
    return node;
  };
  const files = make("p", "inside-files");
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
  const code = make("pre", "", take.code);
  code.tabIndex = 0;
  const copying = button("copy", () => copy(code, copying, take));
  box.append(
    make("summary", "", take.summary),
    files,
    make("p", "fine", take.note),
    make("p", "inside-code-head", take.code_text),
    code,
    copying,
  );
  return box;
};
watch("file", () => {
  if (props.file) save(props.file.address, props.file.name);
});
lay();
