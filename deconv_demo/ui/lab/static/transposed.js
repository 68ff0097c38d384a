// The arithmetic of a transposed convolution: numbers alone, no node is touched.
//
// Settings are {inputSize, kernelSize, stride, padding, outputPadding, dilation}, the same along both
// axes. Arrays are rows of numbers. The *canvas* is the result before padding is cut off: the
// output is its window of outputSize(settings) cells from `padding` on. Input cell i times kernel
// cell k is added to canvas cell i * stride + k * dilation.

const RANGES = {
  inputSize: [2, 8],
  kernelSize: [1, 5],
  stride: [1, 4],
  padding: [0, 6],
  outputPadding: [0, 3],
  dilation: [1, 3],
};

// The values of a new array, for cell (row, column) in an array of n rows.
const FILLS = {
  count: (row, column, n) => row * n + column + 1,
  ones: () => 1,
  single: (row, column, n) => Number(row === n >> 1 && column === n >> 1),
  edge: (row, column, n) => Math.sign((n - 1) / 2 - column),
  smooth: (row, column, n) => tent(row, n) * tent(column, n),
};

// Bilinear upsampling by ceil(n / 2): weights that fall linearly from the middle.
function tent(place, n) {
  const factor = Math.ceil(n / 2);
  return 1 - Math.abs(place - (n - 1) / 2) / factor;
}

function paintedSize({ inputSize, kernelSize, stride, dilation }) {
  return (inputSize - 1) * stride + (kernelSize - 1) * dilation + 1;
}

function outputSize(settings) {
  return paintedSize(settings) - 2 * settings.padding + settings.outputPadding;
}

// Output padding may extend beyond all contributions.
function canvasSize(settings) {
  return Math.max(paintedSize(settings), settings.padding + outputSize(settings));
}

// The reason why PyTorch refuses the settings: "range", "outputPadding", "empty", or null.
function refusal(settings) {
  const { padding, outputPadding, stride, dilation } = settings;
  const counts = [settings.inputSize, settings.kernelSize, stride, dilation];
  if (counts.some((count) => !(count >= 1)) || !(padding >= 0) || !(outputPadding >= 0)) {
    return "range";
  }
  if (outputPadding >= stride && outputPadding >= dilation) return "outputPadding";
  return outputSize(settings) < 1 ? "empty" : null;
}

// Every value of a control, each with the reason why it is disabled under the other settings.
function choices(settings, name) {
  const [lowest, highest] = RANGES[name];
  return Array.from({ length: highest - lowest + 1 }, (_, index) => {
    const value = lowest + index;
    return { value, refusal: refusal({ ...settings, [name]: value }) };
  });
}

function zeros(side) {
  return Array.from({ length: side }, () => new Array(side).fill(0));
}

// All partners of one cell: {input, kernel, canvas} as [row, column], in scatter order.
// board: "input", "kernel" or "canvas".
function contributionsOf(board, [row, column], settings) {
  const rows = partnersAlong(board, row, settings);
  const columns = partnersAlong(board, column, settings);
  return rows.flatMap((down) =>
    columns.map((across) => ({
      input: [down.input, across.input],
      kernel: [down.kernel, across.kernel],
      canvas: [down.canvas, across.canvas],
    })),
  );
}

function partnersAlong(board, place, { inputSize, kernelSize, stride, dilation }) {
  const found = [];
  for (let input = 0; input < inputSize; input += 1) {
    for (let kernel = 0; kernel < kernelSize; kernel += 1) {
      const link = { input, kernel, canvas: input * stride + kernel * dilation };
      if (link[board] === place) found.push(link);
    }
  }
  return found;
}

// The canvas after the contributions of the first `steps` input cells, in row-major order.
function paint(x, kernel, settings, steps = Infinity) {
  const { inputSize, kernelSize, stride, dilation } = settings;
  const canvas = zeros(canvasSize(settings));
  const last = Math.min(steps, inputSize * inputSize);
  for (let step = 0; step < last; step += 1) {
    const [i, j] = [Math.floor(step / inputSize), step % inputSize];
    for (let m = 0; m < kernelSize; m += 1) {
      for (let n = 0; n < kernelSize; n += 1) {
        canvas[i * stride + m * dilation][j * stride + n * dilation] += x[i][j] * kernel[m][n];
      }
    }
  }
  return canvas;
}

// The output, gathered cell by cell: its first `steps` cells in row-major order, null for the rest.
function gather(x, kernel, settings, steps = Infinity) {
  const { inputSize, kernelSize, stride, padding, dilation } = settings;
  const side = outputSize(settings);
  return Array.from({ length: side }, (_, row) =>
    Array.from({ length: side }, (_, column) => {
      if (row * side + column >= steps) return null;
      let sum = 0;
      for (let m = 0; m < kernelSize; m += 1) {
        const i = (row + padding - m * dilation) / stride;
        if (!Number.isInteger(i) || i < 0 || i >= inputSize) continue;
        for (let n = 0; n < kernelSize; n += 1) {
          const j = (column + padding - n * dilation) / stride;
          if (!Number.isInteger(j) || j < 0 || j >= inputSize) continue;
          sum += x[i][j] * kernel[m][n];
        }
      }
      return sum;
    }),
  );
}

function cropped(canvas, settings) {
  const [first, side] = [settings.padding, outputSize(settings)];
  return canvas.slice(first, first + side).map((row) => row.slice(first, first + side));
}

function total(array) {
  return array.flat().reduce((sum, value) => sum + value, 0);
}

// At most `digits` significant ones, yet never fewer than there are before the point; no trailing
// zeros, and a typographic minus.
function shown(value, digits = 4) {
  const size = Math.abs(value);
  if (size < 1e-9) return "0";
  const whole = size < 1 ? 0 : Math.floor(Math.log10(size)) + 1;
  return String(Number(value.toPrecision(Math.max(digits, whole)))).replace("-", "\u2212");
}

const UNITS = { k: 1e3, M: 1e6, G: 1e9 };

// Like `shown`, in at most `room` characters: fewer digits after the point, then thousands and
// millions, then a sign for a number that does not fit.
function brief(value, room) {
  for (let digits = 4; digits > 0; digits -= 1) {
    const text = shown(value, digits);
    if (text.length <= room) return text;
  }
  if (Math.abs(value) < 1) return room > 1 ? "\u22480" : "\u2026";
  for (const digits of [2, 1]) {
    for (const [unit, size] of Object.entries(UNITS)) {
      const text = shown(value / size, digits) + unit;
      if (Math.abs(value) >= size && text.length <= room) return text;
    }
  }
  return "\u2026";
}

function pythonCode(x, kernel, settings) {
  const list = (array) => `[${array.map((row) => `[${row.join(", ")}]`).join(", ")}]`;
  const call = [`stride=${settings.stride}`, `padding=${settings.padding}`];
  call.push(`output_padding=${settings.outputPadding}`, `dilation=${settings.dilation}`);
  return [
    "import torch",
    `x = torch.tensor([[${list(x)}]], dtype=torch.float32)`,
    `k = torch.tensor([[${list(kernel)}]], dtype=torch.float32)`,
    `y = torch.nn.functional.conv_transpose2d(x, k, ${call.join(", ")})`,
  ].join("\n");
}
