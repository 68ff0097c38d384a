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
    const appearance = asked || saved || (dark ? "dark" : "light");
    window.deconvLab.applyAppearance(appearance);
    return appearance;
  },
  openInside() {
    document.querySelector("#tabs [role=tab][data-tab-id=inside]").click();
  },
};
