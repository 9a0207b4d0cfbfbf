"use strict";
(() => {
  const all = [...document.querySelectorAll("section")];
  const by = (id) => document.getElementById(id);
  let shown = all, now = -1, timer = 0;

  // A step is as far from the next as it was, but never more than two seconds.
  const pause = () => {
    const gap = now + 1 < shown.length && now >= 0 ? shown[now + 1].dataset.at - shown[now].dataset.at : 0;
    return Math.min(Math.max(gap, 150), 2000) / Number(by("speed").value);
  };
  const stop = () => { clearTimeout(timer); timer = 0; by("play").textContent = "Play"; };
  const go = (to) => {
    now = Math.min(Math.max(to, -1), shown.length - 1);
    shown.forEach((step, i) => { step.classList.toggle("now", i === now); step.classList.toggle("later", now >= 0 && i > now); });
    if (now >= 0) shown[now].scrollIntoView({ block: "nearest" });
    by("jump").value = now < 0 ? "" : shown[now].id.slice("step-".length);
    by("place").textContent = now < 0 ? `${shown.length} steps` : `${now + 1} of ${shown.length}`;
    by("back").disabled = now < 0;
    by("next").disabled = now === shown.length - 1;
  };
  const run = () => {
    if (now >= shown.length - 1) return stop();
    go(now + 1);
    timer = setTimeout(run, pause());
  };
  by("back").onclick = () => { stop(); go(now - 1); };
  by("next").onclick = () => { stop(); go(now + 1); };
  by("play").onclick = () => {
    if (timer) return stop();
    if (now >= shown.length - 1) go(-1);
    by("play").textContent = "Pause";
    run();
  };
  by("jump").onchange = () => { stop(); const at = shown.indexOf(by(`step-${by("jump").value}`)); go(at < 0 ? now : at); };
  by("search").oninput = () => {
    stop();
    const words = by("search").value.toLowerCase();
    for (const step of all) step.hidden = !step.textContent.toLowerCase().includes(words);
    shown = all.filter((step) => !step.hidden);
    go(-1);
  };
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return;
    if (event.key === "ArrowRight") by("next").click();
    else if (event.key === "ArrowLeft") by("back").click();
  });
  by("jump").max = all.length;
  by("controls").hidden = false;
  go(-1);
})();
