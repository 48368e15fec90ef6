"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const stage = document.getElementById("stage");
  const split = document.getElementById("split");
  const slider = document.getElementById("moment");
  const told = document.getElementById("told");
  const zoom = document.getElementById("zoom");
  const lens = document.getElementById("lens");
  const moments = [...stage.querySelectorAll(".moment")];
  const rows = [...document.querySelectorAll("tr.figures")];
  const heads = [...document.querySelectorAll("details th")].map((head) => head.textContent);
  const chosen = { left: 0, right: 1 };
  const LENS_PX = 240;
  let now = 0;
  let at = null; // where the magnifier is, in shares of the stage; null where it is not
  let isDragging = false;
  let lastZoom = "4";

  const shots = () => [...moments[now].querySelectorAll(".shot")];

  const placeSplit = () => stage.style.setProperty("--x", split.value + "%");

  const fit = () => {
    // whole factors keep pixels square; what has no room is made smaller
    const room = stage.parentElement.clientWidth;
    const factor = Math.max(Math.floor(Math.min(room, 1100) / data.width), 1);
    stage.style.width = Math.min(factor * data.width, room) + "px";
    stage.classList.toggle("small", factor * data.width > room);
  };

  const show = () => {
    moments.forEach((moment, index) => moment.classList.toggle("now", index === now));
    rows.forEach((row, index) => row.classList.toggle("now", index === now));
    for (const side of ["left", "right"]) {
      shots().forEach((shot, index) => shot.classList.toggle(side, index === chosen[side]));
      stage.querySelector(".tag." + side).textContent = shots()[chosen[side]].querySelector("figcaption").textContent;
    }
    slider.value = String(now);
    const cells = [...rows[now].children].map((cell, index) => heads[index] + " " + cell.textContent);
    told.textContent = cells.join(" · ");
    slider.setAttribute("aria-valuetext", cells[0]);
    for (const cursor of document.querySelectorAll(".cursor")) {
      cursor.setAttribute("x1", data.places[data.shown[now]]);
      cursor.setAttribute("x2", data.places[data.shown[now]]);
    }
    magnify();
  };

  const go = (number) => {
    now = Math.min(Math.max(number, 0), moments.length - 1);
    show();
  };

  const toggle = () => {
    split.value = Number(split.value) >= 50 ? "0" : "100";
    placeSplit();
  };

  const magnify = () => {
    const factor = Number(zoom.value);
    lens.hidden = !at || !factor || isDragging;
    if (lens.hidden) return;
    const box = stage.getBoundingClientRect();
    const side = Math.max(Math.min(LENS_PX, Math.floor(box.width / 3)), 40);
    const taken = side / factor; // pixels of the common size
    [...lens.children].forEach((part, index) => {
      const shot = shots()[chosen[index ? "right" : "left"]];
      const image = shot.querySelector("img");
      const canvas = part.querySelector("canvas");
      canvas.width = canvas.height = side;
      const share = image.naturalWidth / data.width;
      const pen = canvas.getContext("2d");
      pen.imageSmoothingEnabled = false;
      pen.drawImage(
        image,
        (at.x * data.width - taken / 2) * share, (at.y * data.height - taken / 2) * share, taken * share, taken * share,
        0, 0, side, side,
      );
      part.querySelector("span").textContent = shot.querySelector("figcaption").textContent;
    });
    const width = lens.offsetWidth, height = lens.offsetHeight, gap = 16;
    const x = at.x * box.width, y = at.y * box.height;
    lens.style.left = Math.max(Math.min(x - width / 2, box.width - width), 0) + "px";
    lens.style.top = (y + gap + height <= box.height ? y + gap : Math.max(y - gap - height, 0)) + "px";
  };

  const pointAt = (event) => {
    const box = stage.getBoundingClientRect();
    at = { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    magnify();
  };

  for (const choice of document.querySelectorAll("fieldset input")) {
    choice.addEventListener("change", () => {
      chosen[choice.name] = Number(choice.value);
      show();
    });
    if (choice.checked) chosen[choice.name] = Number(choice.value);
  }
  split.addEventListener("input", placeSplit);
  slider.addEventListener("input", () => go(Number(slider.value)));
  zoom.addEventListener("change", magnify);
  document.getElementById("before").addEventListener("click", () => go(now - 1));
  document.getElementById("after").addEventListener("click", () => go(now + 1));
  stage.addEventListener("pointermove", pointAt);
  stage.addEventListener("pointerdown", () => { isDragging = true; magnify(); });
  window.addEventListener("pointerup", () => { isDragging = false; magnify(); });
  stage.addEventListener("pointerleave", () => { at = null; magnify(); });
  for (const plot of document.querySelectorAll(".plot svg")) {
    plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * plot.viewBox.baseVal.width;
      const far = (place) => Math.abs(data.places[place] - x);
      go(data.shown.reduce((best, place, index) => (far(place) < far(data.shown[best]) ? index : best), 0));
    });
  }
  document.addEventListener("keydown", (event) => {
    const kind = event.target.tagName;
    if (event.ctrlKey || event.altKey || event.metaKey || kind === "SELECT" || event.target.type === "radio") return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (move && event.shiftKey) {
      at = at || { x: 0.5, y: 0.5 };
      const clamp = (value) => Math.min(Math.max(value, 0), 1);
      at = { x: clamp(at.x + move[0] * 8 / data.width), y: clamp(at.y + move[1] * 8 / data.height) };
      magnify();
    } else if (move && move[0]) {
      go(now + move[0]);
    } else if (move && event.target === split) {
      split.value = String(Number(split.value) - 2 * move[1]);
      placeSplit();
    } else if (event.key === " " && kind !== "BUTTON" && kind !== "SUMMARY") {
      toggle();
    } else if (event.key === "m") {
      if (zoom.value !== "0") lastZoom = zoom.value;
      zoom.value = zoom.value === "0" || !at ? lastZoom : "0";
      at = at || { x: 0.5, y: 0.5 };
      magnify();
    } else {
      return;
    }
    event.preventDefault();
  });
  window.addEventListener("resize", () => { fit(); magnify(); });
  for (const image of stage.querySelectorAll("img")) image.addEventListener("load", magnify);

  document.documentElement.classList.add("js");
  fit();
  placeSplit();
  show();
})();
