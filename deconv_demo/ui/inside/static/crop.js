// Shows the input image with the frame of the crop from props.value; a click, or the arrow keys,
// place the frame elsewhere ("place", in pixels of the picture). Requests another run ("again")
// when props.cache_miss says that the activations of the last one are not kept any more.
const SMALLEST = 120; // of the longer side, in pixels of the page
const render = () => {
  const root = element.querySelector(".crop");
  if (!root) return;
  const value = props.value;
  if (!value || !value.picture) {
    root.replaceChildren();
    return;
  }
  const image = createElement("img");
  image.src = value.picture;
  image.alt = "";
  // Eight pixels on the screen could neither be seen nor clicked.
  const enlarged = SMALLEST / Math.max(value.shown[0], value.shown[1]);
  if (enlarged > 1) {
    image.className = "enlarged";
    image.style.width = `${value.shown[0] * enlarged}px`;
    image.style.height = `${value.shown[1] * enlarged}px`;
  }
  const frame = createElement("span", "crop-frame");
  const share = (part, whole) => `${(100 * part) / whole}%`;
  const place = (left, top) => {
    frame.style.left = share(left, value.width);
    frame.style.top = share(top, value.height);
  };
  frame.style.width = share(value.crop_width, value.width);
  frame.style.height = share(value.crop_height, value.height);
  place(value.left, value.top);
  const move = (left, top) => {
    const within = (start, room) => Math.round(Math.min(Math.max(start, 0), room));
    left = within(left, value.width - value.crop_width);
    top = within(top, value.height - value.crop_height);
    if (left === value.left && top === value.top) return;
    [value.left, value.top] = [left, top];
    place(left, top);
    request("place", { left, top });
  };
  const stage = createElement("button", "crop-stage");
  stage.type = "button";
  stage.title = value.label;
  stage.setAttribute("aria-label", `${value.label} ${value.caption}`);
  stage.disabled = value.crop_width === value.width && value.crop_height === value.height;
  stage.addEventListener("click", (event) => {
    if (!event.detail) return; // by keyboard: the arrows place it
    const box = image.getBoundingClientRect();
    move(
      ((event.clientX - box.left) / box.width) * value.width - value.crop_width / 2,
      ((event.clientY - box.top) / box.height) * value.height - value.crop_height / 2,
    );
  });
  stage.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!step[event.key]) return;
    event.preventDefault();
    const [across, down] = step[event.key];
    move(value.left + across * value.crop_width / 4, value.top + down * value.crop_height / 4);
  });
  stage.append(image, frame);
  const caption = createElement("figcaption");
  caption.textContent = value.caption;
  const figure = createElement("figure");
  figure.append(stage, caption);
  // The focus stays where it was when the answer to a move draws the frame anew.
  const focused = root.contains(document.activeElement);
  root.replaceChildren(figure);
  if (focused) stage.focus({ preventScroll: true });
};
render();
watch("value", () => {
  // Moved on since this request: the frame stays where it is.
  const next = pendingRequest("place");
  if (next && props.value) [props.value.left, props.value.top] = [next.left, next.top];
  render();
});
watch("ack", () => settle("place"));
watch("cache_miss", () => trigger("again", {}));
