// The theme: the system's, or the one chosen here. Runs before anything is painted.
(() => {
  const choices = ["system", "light", "dark"];
  const read = () => {
    try {
      const kept = localStorage.getItem("tollgate-theme");
      return choices.includes(kept) ? kept : "system";
    } catch {
      return "system";
    }
  };
  const set = (choice) => {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
  };
  set(read());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const label = () => { button.textContent = `Theme: ${read()}`; };
    label();
    button.hidden = false;
    button.addEventListener("click", () => {
      const next = choices[(choices.indexOf(read()) + 1) % choices.length];
      // Where storage is denied the choice holds for this page only.
      try { localStorage.setItem("tollgate-theme", next); } catch { /* kept on the page */ }
      set(next);
      button.textContent = `Theme: ${next}`;
    });
  });
})();
