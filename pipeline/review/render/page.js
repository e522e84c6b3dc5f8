"use strict";
(() => {
  const chosen = Object.fromEntries(["service", "stage", "risk"].map((name) => [name, document.getElementById(name)]));
  const noise = document.getElementById("noise");
  const items = [...document.querySelectorAll("[data-risk]")];
  const groups = [...document.querySelectorAll("[data-group]")];

  const fits = (item) =>
    (!chosen.service.value || item.dataset.service === chosen.service.value) &&
    (!chosen.stage.value || JSON.parse(item.dataset.stages).includes(chosen.stage.value)) &&
    Number(item.dataset.risk) >= Number(chosen.risk.value) &&
    (noise.checked || !item.hasAttribute("data-noise"));

  const apply = () => {
    let shown = 0;
    for (const item of items) {
      item.hidden = !fits(item);
      shown += item.hidden ? 0 : 1;
    }
    for (const group of groups) {
      group.hidden = !group.querySelector("[data-risk]:not([hidden])");
    }
    document.getElementById("shown").textContent = `${shown} of ${items.length} shown`;
  };

  for (const control of [...Object.values(chosen), noise]) {
    control.addEventListener("change", apply);
  }
  apply();
})();
