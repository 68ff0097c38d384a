// The boards of the stepper: squares of cells that are drawn, walked through and, some, written in.
// Only what differs from the last drawing is touched, which keeps a step far below a frame.

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

const SMALLEST_CELL = 9; // CSS pixels
const LARGEST_CELL = { input: 46, kernel: 46, stamp: 46, canvas: 54 };
const READABLE = 19; // below it a cell shows its colour only

const SHADES = 20; // of a colour; the strongest is as much as text can stand on

// Place and colour come from classes: a browser styles a class far quicker than a style attribute.
const places = Array.from({ length: 48 }, (_, at) => [
  `.stepper .row-${at} { top: calc(${at} * var(--cell)); }`,
  `.stepper .column-${at} { left: calc(${at} * var(--cell)); }`,
]);
const shades = Array.from({ length: SHADES + 1 }, (_, at) =>
  ["positive", "negative"].map((sign) => {
    const colour = `color-mix(in srgb, var(--${sign}) ${(65 * at) / SHADES}%, var(--ground))`;
    return `.stepper .shade-${at}.${sign} { background-color: ${colour}; }`;
  }),
);
const sheet = new CSSStyleSheet();
sheet.replaceSync([...places.flat(), ...shades.flat()].join("\n"));
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

// name: "input", "kernel", "canvas" or "stamp". onAttend(cell or null): pointer or keyboard came or
// went. onEdit(row, column, value): a visitor wrote a number. A board without onAttend is a picture.
function makeBoard(name, { onAttend, onEdit } = {}) {
  const root = make("div", `stepper-board stepper-${name}`);
  if (onAttend) root.setAttribute("role", "grid");
  else root.setAttribute("aria-hidden", "true");
  let side = 0;
  let cells = []; // of rows
  let drawn = [];
  let longest = 1; // characters
  let room = 0; // CSS pixels of width

  const placeOf = (node) => {
    const cell = node instanceof Element ? node.closest("[data-row]") : null;
    return cell && root.contains(cell) ? [Number(cell.dataset.row), Number(cell.dataset.column)] : null;
  };

  function build(wanted) {
    side = wanted;
    drawn = [];
    root.style.setProperty("--side", side);
    cells = Array.from({ length: side }, (_, row) =>
      Array.from({ length: side }, (_, column) => {
        const cell = make(onEdit ? "input" : "div", "stepper-cell");
        cell.dataset.row = row;
        cell.dataset.column = column;
        if (onEdit) {
          Object.assign(cell, { type: "text", autocomplete: "off", spellcheck: false });
          cell.inputMode = "decimal";
        } else if (onAttend) cell.setAttribute("role", "gridcell");
        if (onAttend) cell.tabIndex = row + column === 0 ? 0 : -1;
        return cell;
      }),
    );
    const rows = cells.map((line) => {
      const row = make("div", "stepper-row");
      if (!onAttend) row.append(...line);
      else {
        row.setAttribute("role", "row");
        row.append(
          ...line.map((cell) => {
            if (!onEdit) return cell;
            const holder = make("div", "stepper-holder");
            holder.setAttribute("role", "gridcell");
            holder.append(cell);
            return holder;
          }),
        );
      }
      return row;
    });
    root.replaceChildren(...rows);
    measure();
  }

  function measure() {
    if (!side || !room) return;
    const projected = document.documentElement.classList.contains("projector") ? 1.3 : 1;
    const largest = Math.floor(LARGEST_CELL[name] * projected);
    const size = Math.max(SMALLEST_CELL, Math.min(largest, Math.floor((room - 2) / side)));
    // Digits are about 0.6 of the font size wide.
    const font = Math.max(7, Math.min(size * 0.42, 17 * projected, (size - 7) / (0.6 * longest)));
    root.style.setProperty("--cell", `${size}px`);
    root.style.setProperty("--font", `${font}px`);
    const dense = size < READABLE;
    if (root.dataset.dense !== String(dense)) drawn = [];
    root.dataset.dense = dense;
  }

  // drawing(row, column) gives {text, tint, marks, label}: tint from -1 to 1, marks a class list, label a
  // function that names the cell, called where its text is new.
  function draw(wanted, drawing) {
    if (wanted !== side) build(wanted);
    let characters = 1;
    for (let row = 0; row < side; row += 1) {
      for (let column = 0; column < side; column += 1) {
        const { text, tint, marks, label } = drawing(row, column);
        characters = Math.max(characters, text.length);
        const cell = cells[row][column];
        const shade = Math.round(SHADES * Math.min(1, Math.abs(tint)));
        const sign = tint < 0 ? "negative" : "positive";
        const style = `stepper-cell row-${row} column-${column} shade-${shade} ${sign} ${marks}`;
        const old = (drawn[row * side + column] ??= {});
        if (old.text !== text) {
          // Too small to read: its name says the number, and an empty cell costs no layout.
          if (!onEdit) cell.textContent = root.dataset.dense === "true" ? "" : text;
          // What is being typed is left alone: "-" or "1." is on its way to a number.
          else if (!(cell === document.activeElement && cell.dataset.typing)) cell.value = text;
          if (onAttend) cell.setAttribute("aria-label", label());
          old.text = text;
        }
        if (old.style !== style) cell.className = old.style = style;
      }
    }
    if (characters !== longest) {
      longest = characters;
      measure();
    }
  }

  function focus(row, column) {
    const held = (place) => Math.max(0, Math.min(side - 1, place));
    const cell = cells[held(row)][held(column)];
    root.querySelectorAll("[tabindex='0']").forEach((node) => (node.tabIndex = -1));
    cell.tabIndex = 0;
    cell.focus();
  }

  function walk(event) {
    const place = placeOf(event.target);
    if (!place || event.altKey || event.shiftKey || event.metaKey) return;
    const [row, column] = place;
    const far = event.ctrlKey;
    const target = {
      ArrowRight: [row, column + 1],
      ArrowLeft: [row, column - 1],
      ArrowDown: [row + 1, column],
      ArrowUp: [row - 1, column],
      Home: [far ? 0 : row, 0],
      End: [far ? side - 1 : row, side - 1],
    }[event.key];
    if (target) {
      event.preventDefault();
      focus(...target);
    } else if (onEdit && event.key === "Enter") settle(event.target);
    else if (onEdit && event.key === "Escape") {
      event.target.value = event.target.dataset.before;
      onEdit(row, column, read(event.target.value));
      settle(event.target);
    }
  }

  function read(text) {
    const plain = text.trim().replace("\u2212", "-").replace(",", ".");
    const value = plain === "" ? NaN : Number(plain);
    return Number.isFinite(value) && Math.abs(value) <= 9999 ? value : null;
  }

  function settle(cell) {
    delete cell.dataset.typing;
    drawn = []; // what was typed may differ from what is drawn
    onEdit(null, null, null);
    if (cell === document.activeElement) cell.select();
  }

  if (onAttend) {
    root.addEventListener("pointerover", (event) => {
      if (event.pointerType !== "touch") onAttend(placeOf(event.target));
    });
    root.addEventListener("pointerleave", () => onAttend(null));
    root.addEventListener("focusin", (event) => {
      const place = placeOf(event.target);
      if (!place) return;
      root.querySelectorAll("[tabindex='0']").forEach((node) => (node.tabIndex = -1));
      event.target.tabIndex = 0;
      onAttend(place);
      if (onEdit) {
        event.target.dataset.before = event.target.value;
        event.target.select();
      }
    });
    root.addEventListener("focusout", () => onAttend(null));
    root.addEventListener("keydown", walk);
  }
  if (onEdit) {
    // A first touch chooses a cell; a second one on it brings the keyboard of the phone.
    root.addEventListener("pointerdown", (event) => {
      if (!placeOf(event.target)) return;
      const again = event.target === document.activeElement;
      event.target.inputMode = event.pointerType === "touch" && !again ? "none" : "text";
      if (event.pointerType === "touch" && again) event.target.blur(); // so that it is focused anew
    });
    root.addEventListener("input", (event) => {
      event.target.dataset.typing = "yes";
      const value = read(event.target.value);
      if (value !== null) onEdit(...placeOf(event.target), value);
    });
    root.addEventListener("focusout", (event) => settle(event.target));
  }

  return {
    root,
    draw,
    measure,
    fit(width) {
      if (width === room) return;
      room = width;
      measure();
    },
    forget() {
      drawn = [];
    },
  };
}
