// Appearance of the page: light, dark or projector (light, larger and with more contrast).
window.deconvLab = {
  key: "deconv-lab-appearance",
  applyAppearance(appearance) {
    document.body.classList.toggle("dark", appearance === "dark");
    document.documentElement.classList.toggle("projector", appearance === "projector");
    try {
      localStorage.setItem(window.deconvLab.key, appearance);
    } catch (error) {
      // Private windows may refuse storage; the choice then lasts as long as the page.
    }
  },
  rememberedAppearance() {
    let saved = null;
    try {
      saved = localStorage.getItem(window.deconvLab.key);
    } catch (error) {
      // As above.
    }
    const asked = new URLSearchParams(location.search).get("__theme");
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    // Gradio's own addresses say "system" too, and anybody may write anything into one.
    const known = [asked, saved].find((name) => ["light", "dark", "projector"].includes(name));
    const appearance = known || (dark ? "dark" : "light");
    window.deconvLab.applyAppearance(appearance);
    return appearance;
  },
  applyLanguage(language) {
    document.documentElement.lang = language;
  },
  // On a phone the buttons that run are far below the comparison.
  showResult() {
    const result = document.querySelector("#compare");
    const box = result.getBoundingClientRect();
    if (box.height && box.bottom < 0) result.scrollIntoView({ behavior: "smooth" });
  },
  openInside() {
    document.querySelector("#tabs [role=tab][data-tab-id=inside]").click();
  },
};
