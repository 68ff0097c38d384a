// Arrays of numbers drawn on a canvas, for pictures without interaction.

// The present colours of the page; light, dark and projector have their own.
function inks(node) {
  const style = getComputedStyle(node);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    positive: read("--positive"),
    negative: read("--negative"),
    ground: read("--background-fill-primary"),
    line: read("--border-color-primary"),
    text: read("--body-text-color"),
    accent: read("--color-accent"),
  };
}

// A hue of its own for each of `count` kernel cells, with different lightness as well.
function hueOf(index, count) {
  const lightness = index % 2 ? 76 : 61;
  return `hsl(${Math.round((360 * index) / count)} 58% ${lightness}%)`;
}

// array: rows of numbers. cell: [width, height] of one, CSS pixels. colourOf(row, column) overrules
// the colour by value; textOf(value) the number. frame: a square [first, side] to be outlined.
function drawArray(canvas, array, { cell, colourOf, textOf = shown, frame }) {
  const [rows, columns] = [array.length, array[0].length];
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [columns * cell[0], rows * cell[1]];
  Object.assign(canvas, { width: Math.ceil(width * ratio), height: Math.ceil(height * ratio) });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const ink = inks(canvas);
  context.fillStyle = ink.ground;
  context.fillRect(0, 0, width, height);
  const scale = Math.max(1e-9, ...array.map((line) => Math.max(...line.map(Math.abs))));
  const texts = cell[0] >= 17 && cell[1] >= 15 ? array.map((line) => line.map((value) => textOf(value))) : null;
  const longest = texts ? Math.max(...texts.flat().map((text) => text.length)) : 1;
  const size = Math.min(cell[1] * 0.46, 14, (cell[0] - 5) / (0.58 * longest));
  context.font = `${size}px ${getComputedStyle(canvas).fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const value = array[row][column];
      const [left, top] = [column * cell[0], row * cell[1]];
      const own = colourOf?.(row, column);
      context.globalAlpha = own ? 1 : 0.65 * (Math.abs(value) / scale);
      context.fillStyle = own || (value < 0 ? ink.negative : ink.positive);
      if (own !== null) context.fillRect(left, top, cell[0], cell[1]);
      context.globalAlpha = 1;
      if (!texts || size < 6.5) continue;
      context.fillStyle = own ? "#10151c" : ink.text;
      context.fillText(texts[row][column], left + cell[0] / 2, top + cell[1] / 2 + 0.5);
    }
  }
  context.strokeStyle = ink.line;
  context.lineWidth = 1;
  const axes = [
    [0, columns],
    [1, rows],
  ];
  for (const [axis, count] of axes) {
    if (cell[axis] < 6) continue;
    for (let at = 1; at < count; at += 1) {
      context.beginPath();
      if (axis === 0) (context.moveTo(at * cell[0], 0), context.lineTo(at * cell[0], height));
      else (context.moveTo(0, at * cell[1]), context.lineTo(width, at * cell[1]));
      context.stroke();
    }
  }
  context.strokeRect(0.5, 0.5, width - 1, height - 1);
  if (!frame) return;
  const [first, side] = frame;
  context.strokeStyle = ink.accent;
  context.lineWidth = 2.5;
  context.strokeRect(first * cell[0], first * cell[1], side * cell[0], side * cell[1]);
}

// Square cells that fill `room` CSS pixels, no larger than is comfortable.
function cellFor(side, room, largest = 34) {
  const size = Math.max(2, Math.min(largest, Math.floor(room / side)));
  return [size, size];
}
