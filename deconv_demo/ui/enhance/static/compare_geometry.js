// The layout of the pictures of the before/after comparison: arithmetic alone, no node is touched.
//
// Lengths named *Px are device pixels, all others CSS pixels. "100 %" means one picture pixel on one
// device pixel, because only then does the screen show the file itself; on a screen with two device
// pixels to a CSS pixel the picture is half as wide as a browser would draw it by default.

const GAP = 8; // between the two pictures of a pair
const MIN_HEIGHT = 160; // room for captions and handle on a very flat picture
const HEIGHT_SHARE = 0.7; // of the window

function fitScale(size, roomPx) {
  const scale = Math.min(roomPx[0] / size[0], roomPx[1] / size[1]);
  // Whole multiples make every picture pixel an equal square and need no interpolation at all, so
  // up to a fifth of the size is given for one.
  const whole = Math.floor(scale);
  return whole >= 1 && whole >= 0.8 * scale ? whole : scale;
}

// size: picture pixels [width, height]. width: of the stage. ratio: device pixels per CSS pixel.
// columns, rows: of panes. zoom: "fit", or device pixels per picture pixel. center: the point of the
// picture wanted in the middle of a pane, as fractions. All results hold for every pane.
function measureView({ size, width, ratio, columns, rows, zoom, center }) {
  // Bounded by the screen as well: in a frame that grows with its content, a share of the window
  // would grow with it.
  const tallest = HEIGHT_SHARE * Math.min(document.documentElement.clientHeight, screen.height);
  const roomPx = [
    Math.floor(((width - GAP * (columns - 1)) / columns) * ratio),
    Math.floor(Math.max(MIN_HEIGHT, (tallest - GAP * (rows - 1)) / rows) * ratio),
  ];
  const fitted = fitScale(size, roomPx);
  const scale = zoom === "fit" ? fitted : zoom;
  const picturePx = size.map((side) => Math.max(1, Math.round(side * scale)));
  // As high as the fitted picture at least, so that the page stays where it is when one zooms.
  const wantedPx = Math.max(picturePx[1], Math.round(size[1] * fitted));
  const heightPx = Math.max(Math.ceil(MIN_HEIGHT * ratio), Math.min(roomPx[1], wantedPx));
  const panePx = [roomPx[0], heightPx];
  const reached = [...center];
  const offsetPx = [0, 1].map((axis) => {
    const spare = panePx[axis] - picturePx[axis];
    if (spare >= 0) return Math.floor(spare / 2);
    const offset = Math.round(panePx[axis] / 2 - center[axis] * picturePx[axis]);
    const inside = Math.min(0, Math.max(spare, offset));
    reached[axis] = (panePx[axis] / 2 - inside) / picturePx[axis];
    return inside;
  });
  return {
    ratio,
    scale,
    picturePx,
    panePx,
    offsetPx,
    center: reached,
    left: Math.max(0, offsetPx[0]) / ratio, // of the visible part of the picture
    right: Math.min(panePx[0], offsetPx[0] + picturePx[0]) / ratio,
    pannable: [0, 1].map((axis) => picturePx[axis] > panePx[axis]),
  };
}
