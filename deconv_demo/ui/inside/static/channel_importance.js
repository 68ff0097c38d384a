// Channel importance: the ranking in the ablation panel, whose script (ablation.js) comes after it.
let ranked = null; // layer that the ranking shown belongs to
let ranking = false;

// A ranking ends when another request is made or the panel is hidden; see parts.js.
function leave() {
  if (!ranking) return;
  ranking = false;
  rankNext = false;
  trigger("stop", {});
  if (panel()) showRanking();
}
// An edit in flight would end a ranking that was started after it.
let rankNext = false;
const rankWhenFree = () => {
  rankNext = Boolean(inFlight.operate?.since);
  if (!rankNext) trigger("rank", {});
};

// The two buttons stay the same nodes while the list below them is drawn again and again.
const rankingPlace = () => {
  const place = createElement("div", "surgery-ranking");
  const row = createElement("div", "surgery-actions");
  const start = button(t("rank"), "panel-button", () => {
    ranking = true;
    ranked = props.value.layer;
    rankWhenFree();
    showRanking();
  });
  const stop = button(t("stop"), "panel-button", leave);
  row.append(start, stop);
  place.append(row, createElement("p", "panel-fine", t("rank.what")), createElement("div", "surgery-ranked"));
  return place;
};
const showRanking = () => {
  const place = panel().querySelector(".surgery-ranking");
  if (!place) return;
  const state = props.ranking;
  const mine = state && state.layer === props.value.layer && state.subject === props.value.subject;
  if (mine && state.done === state.total) ranking = false;
  const [start, stop] = place.querySelectorAll(".panel-button");
  stop.hidden = !ranking;
  start.disabled = ranking;
  const list = place.querySelector(".surgery-ranked");
  if (mine) list.replaceChildren(...losses(state));
  else if (ranking && ranked === props.value.layer)
    list.replaceChildren(createElement("p", "panel-fine", t("rank.wait")));
  else list.replaceChildren();
};
const losses = (state) => {
  const bar = createElement("progress");
  Object.assign(bar, { max: state.total, value: state.done });
  bar.setAttribute("aria-label", t("rank"));
  const unfinished = ranking ? "rank.progress" : "rank.stopped";
  const done = t(state.done === state.total ? "rank.done" : unfinished, state);
  const worst = Math.max(...state.losses.map((loss) => loss.loss), 1e-9);
  const list = createElement("ol", "surgery-losses");
  for (const loss of state.losses.slice(0, 12)) {
    const item = createElement("li");
    const line = button("", "", () => {
      set(channelEdits(), loss.channel, channelEdits()[loss.channel] === 0 ? 1 : 0);
      tidy();
      refreshAll();
      operate();
    });
    const length = createElement("i");
    length.style.width = `${Math.max((loss.loss / worst) * 100, 0)}%`;
    const number = loss.drop === undefined ? decibels(loss.psnr) : `${withSign(-loss.drop, 2)} dB`;
    line.append(createElement("span", "", t("channel", loss)), length, createElement("b", "", number));
    item.append(line);
    list.append(item);
  }
  const unit = state.truth ? t("rank.drop") : t("rank.psnr");
  return [bar, createElement("p", "panel-fine", done), createElement("p", "panel-fine", unit), list];
};
