// The boards of the stepper: squares of cells that are drawn, walked through and, some, written in.
// Only cells whose number or marks differ from the last drawing are touched: a step of the largest
// board has time for no more.


const SMALLEST_CELL = 9; // CSS pixels
const LARGEST_CELL = { input: 46, kernel: 46, stamp: 46, canvas: 54 };
const READABLE = 19; // below it a cell shows its colour only
const SMALLEST_FONT = 8; // CSS pixels
const DIGIT = 0.6; // width of a digit, of the font size

// States of a cell besides its number, a bit each; the names are classes.
const MARKS = { chosen: 1, lit: 2, waits: 4, cut: 8, extra: 16, never: 32, writing: 64 };
const CLASSES = Array.from({ length: 128 }, (_, marks) =>
  Object.keys(MARKS).filter((name) => marks & MARKS[name]).join(" "),
);
const EMPTY = "\u00a0"; // no text at all would be laid out anew when it comes

// Chinese keyboards write digits and signs as wide as their letters.
const plainOf = (text) => text.normalize("NFKC").replace("\u3002", ".");

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
// went. onEdit(row, column, value): a visitor wrote a number. onRefuse(text or null, kept): a text
// is no number, and `kept` stays; null once it is one. A board without onAttend has no interaction.
function makeBoard(name, { onAttend, onEdit, onRefuse } = {}) {
  const root = createElement("div", `stepper-board stepper-${name}`);
  if (onAttend) root.setAttribute("role", "grid");
  else root.setAttribute("aria-hidden", "true");
  let side = 0;
  let cells = []; // of rows
  let drawn = []; // of cells: what was drawn last
  let scale = 1; // number of the strongest colour
  let longest = 1; // characters
  let capacity = 1; // characters that a cell has room for
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
        const cell = createElement(onEdit ? "input" : "div", "stepper-cell");
        cell.dataset.row = row;
        cell.dataset.column = column;
        if (onEdit) {
          Object.assign(cell, { type: "text", autocomplete: "off", spellcheck: false });
          cell.inputMode = "decimal";
        } else {
          cell.append(EMPTY); // a text that changes costs less than a new one
          if (onAttend) cell.setAttribute("role", "gridcell");
        }
        if (onAttend) cell.tabIndex = row + column === 0 ? 0 : -1;
        return cell;
      }),
    );
    const rows = cells.map((line, at) => {
      const row = createElement("div", "stepper-row");
      if (onAttend) row.setAttribute("role", "row");
      // The place is a style of the wrapper, so that equal cells have equal styles: a browser
      // computes these once.
      row.append(
        ...line.map((cell, column) => {
          const holder = createElement("div", `stepper-holder row-${at} column-${column}`);
          if (onAttend) holder.setAttribute("role", onEdit ? "gridcell" : "none");
          holder.append(cell);
          return holder;
        }),
      );
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
    const dense = size < READABLE;
    const within = size - (size < 30 ? 5 : 7); // less the borders
    const fitting = Math.min(size * 0.42, 17 * projected, within / (DIGIT * longest));
    const font = Math.max(SMALLEST_FONT, fitting);
    const holds = dense ? 0 : Math.floor(within / (DIGIT * font) + 0.01);
    if (holds !== capacity) drawn = [];
    capacity = holds;
    root.style.setProperty("--cell", `${size}px`);
    root.style.setProperty("--font", `${font}px`);
    root.dataset.small = size < 30;
    root.dataset.dense = dense;
  }

  const full = (value) => String(value || 0).replace("-", "\u2212");

  // The content of a cell; the title of a shortened number has all digits.
  function write(cell, value, marks, label) {
    if (onEdit) {
      // Unfinished typing is left alone: "-" or "1." is on its way to a number.
      if (marks & MARKS.writing && cell.dataset.typing) return;
      cell.value = marks & MARKS.writing ? full(value) : brief(value, capacity);
    } else {
      // Too small to read: its name says the number, and an empty cell costs no layout.
      const hidden = value === null || !capacity;
      cell.firstChild.data = hidden ? EMPTY : brief(value, capacity);
    }
    if (!onAttend) return;
    cell.setAttribute("aria-label", label);
    const said = onEdit ? cell.value : cell.firstChild.data;
    if (said !== EMPTY && value !== null && said !== full(value)) cell.title = full(value);
    else if (cell.title) cell.title = "";
  }

  // given: {side, scale, longest, valueOf, marksOf, labelOf}. scale is the number of the strongest
  // colour, longest the largest count of characters of a number; valueOf, marksOf (bits of MARKS)
  // and labelOf are called with (row, column); a null value leaves the cell empty.
  function draw({ valueOf, marksOf, labelOf, ...given }) {
    if (given.side !== side) build(given.side);
    if (given.longest !== longest) {
      longest = given.longest;
      measure();
    }
    if (given.scale !== scale) drawn = [];
    scale = given.scale;
    const active = onEdit ? document.activeElement : null;
    for (let row = 0; row < side; row += 1) {
      for (let column = 0; column < side; column += 1) {
        const cell = cells[row][column];
        const value = valueOf(row, column);
        const marks = marksOf(row, column) | (cell === active ? MARKS.writing : 0);
        const old = drawn[row * side + column];
        if (old && old.value === value && old.marks === marks) continue;
        const other = !old || old.value !== value || (old.marks ^ marks) & MARKS.writing;
        if (other) write(cell, value, marks, labelOf?.(row, column));
        const shade = Math.round(SHADES * Math.min(1, Math.abs(value) / scale));
        const sign = value < 0 ? "negative" : "positive";
        const style = `stepper-cell shade-${shade} ${sign} ${CLASSES[marks]}`;
        if (cell.className !== style) cell.className = style;
        drawn[row * side + column] = { value, marks };
      }
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
      onRefuse(null);
      onEdit(row, column, read(event.target.value));
      settle(event.target);
    }
  }

  function read(text) {
    const plain = plainOf(text).trim().replaceAll("\u2212", "-").replace(",", ".");
    const value = plain === "" ? NaN : Number(plain);
    return Number.isFinite(value) && Math.abs(value) <= LARGEST_VALUE ? value : null;
  }

  // A text that may still become a number is not refused before the visitor has finished.
  const unfinished = (text) => /^\s*[-+\u2212]?[.,]?\s*$/.test(plainOf(text));

  function refuse(cell) {
    const place = placeOf(cell);
    if (!place) return; // taken away meanwhile
    cell.setAttribute("aria-invalid", "true");
    onRefuse(cell.value, drawn[place[0] * side + place[1]]?.value ?? 0);
  }

  function settle(cell) {
    if (cell.dataset.typing && read(cell.value) === null) refuse(cell);
    cell.removeAttribute("aria-invalid");
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
      const cell = event.target;
      cell.dataset.typing = "yes";
      const value = read(cell.value);
      if (value === null && !unfinished(cell.value)) return refuse(cell);
      cell.removeAttribute("aria-invalid");
      onRefuse(null);
      if (value !== null) onEdit(...placeOf(cell), value);
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
