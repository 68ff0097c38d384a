// Tells the server when the visitor comes near this place, or changes the language while here:
// expensive content is computed then, and in that language.
let near = false;
const watcher = new IntersectionObserver(
  (entries) => {
    near = entries[entries.length - 1].isIntersecting;
    if (near) trigger("in_view");
  },
  { rootMargin: "900px" },
);
watcher.observe(element);
watch("value", () => {
  if (near) trigger("in_view");
});
