"""The page of a comparison in a real browser: slider, keyboard, magnifier, plot, colors, and no complaint."""

from pathlib import Path

import pytest

from benchmark import browser
from benchmark.test_compare import flat
from vrinr_cli.benchmark.compare import CompareRequest, compare
from vrinr_cli.benchmark.compare_page import render

ACTS = """
const moments = [...document.querySelectorAll(".moment")];
const now = () => moments.findIndex((one) => getComputedStyle(one).display !== "none");
const x = () => $("#stage").style.getPropertyValue("--x");
const tag = (side) => $(".tag." + side).textContent;
told.begin = [now(), x(), tag("left"), tag("right"), document.querySelectorAll(".moment").length];
told.figures = $("#told").textContent;
const cursor = () => Number($(".cursor").getAttribute("x1"));
const first = cursor();
key("ArrowRight"); told.right = [now(), $("#moment").value, tag("left"), cursor() > first];
key("ArrowRight"); key("ArrowRight"); key("ArrowRight"); told.end = now();
key("ArrowLeft"); told.left = now();
key(" "); told.space = [x(), $("#split").value];
key(" "); told.again = x();
$("#split").value = "30"; $("#split").dispatchEvent(new Event("input", { bubbles: true }));
told.slid = [x(), getComputedStyle($(".moment.now .shot.left")).clipPath];
$("#split").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true, cancelable: true }));
told.moved = x();
document.querySelector('input[name="right"][value="2"]').click();
told.chosen = [tag("right"), $(".moment.now .shot.right img").alt];
$("#after").click(); told.button = now();
$("#moment").value = "0"; $("#moment").dispatchEvent(new Event("input", { bubbles: true })); told.frame = now();
const plot = $(".plot svg"), box = plot.getBoundingClientRect();
plot.dispatchEvent(new MouseEvent("click", { clientX: box.right - 5, clientY: box.top + 5, bubbles: true }));
told.plot = now();
const stage = $("#stage").getBoundingClientRect();
told.stage = [Math.round(stage.width), Math.round(stage.height)];
told.hidden = $("#lens").hidden;
const point = (type, more) => $("#split").dispatchEvent(new PointerEvent(type, {
  bubbles: true, clientX: stage.left + stage.width / 2, clientY: stage.top + stage.height / 2, ...more }));
point("pointermove");
await new Promise((done) => setTimeout(done, 200));
point("pointermove");
const shade = (part) => [...part.querySelector("canvas").getContext("2d").getImageData(80, 80, 1, 1).data].slice(0, 3);
told.lens = [$("#lens").hidden, ...[...$("#lens").children].map(shade)];
point("pointerdown"); told.dragging = $("#lens").hidden; point("pointerup");
key("m"); told.off = $("#lens").hidden;
key("m"); told.on = $("#lens").hidden;
const left = $("#lens").style.left;
for (let step = 0; step < 3; step += 1) key("ArrowLeft", { shiftKey: true });
told.pushed = [parseFloat($("#lens").style.left) < parseFloat(left), now()];
told.lines = [...document.querySelectorAll(".trace")].map((line) => line.getTotalLength() > 100);
told.overflow = document.documentElement.scrollWidth - window.innerWidth;
told.back = getComputedStyle(document.body).backgroundColor;
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    request = CompareRequest(
        first=flat(folder / "a.mkv", [95, 96, 97, 98, 99, 100], (24, 32)),
        second=flat(folder / "b <b>.mkv", [105] * 6),
        reference=flat(folder / "hr.mkv", [100] * 6),
        shown=3,
    )
    return render(compare(request))


def test_slider_keyboard_magnifier_and_plot_work(page: str, tmp_path: Path) -> None:
    seen = browser.visit(page, tmp_path, ACTS)
    told = seen.told
    assert (seen.errors, seen.console) == ([], [])
    assert told["begin"] == [0, "50%", "A, frame 1", "B, frame 1", 3]
    assert "frame of A 1" in told["figures"]
    assert "psnr_y A 37.4" in told["figures"]
    assert told["right"] == [1, "1", "A, frame 3", True]
    assert (told["end"], told["left"]) == (2, 1)
    assert (told["space"], told["again"]) == (["0%", "0"], "100%")
    assert told["slid"] == ["30%", "inset(0px 70% 0px 0px)"]
    assert told["moved"] == "32%"
    assert told["chosen"] == ["reference, frame 3", "reference: hr.mkv, frame 3"]
    assert (told["button"], told["frame"], told["plot"]) == (2, 0, 2)
    assert told["stage"] == [1088, 816]  # 17 times 64x48
    assert told["hidden"] is True
    assert told["lens"] == [False, [100, 100, 100], [100, 100, 100]]
    assert (told["dragging"], told["off"], told["on"]) == (True, True, False)
    assert told["pushed"] == [True, 2]
    assert told["lines"] == [True] * 4
    assert told["overflow"] <= 0


def test_dark_and_narrow(page: str, tmp_path: Path) -> None:
    script = """
    told.back = getComputedStyle(document.body).backgroundColor;
    document.body.style.width = "400px";
    window.dispatchEvent(new Event("resize"));
    const edge = document.body.getBoundingClientRect().right;
    told.beyond = [...document.querySelectorAll("h1, p, #stage, .bar, .wide, .profiles")].filter(
      (part) => part.getBoundingClientRect().right > edge + 1).length;
    """
    dark, light = (browser.visit(page, tmp_path, script, dark=is_dark) for is_dark in (True, False))
    assert dark.errors == light.errors == []
    assert (dark.told["back"], light.told["back"]) == ("rgb(22, 25, 29)", "rgb(255, 255, 255)")
    assert (dark.told["beyond"], light.told["beyond"]) == (0, 0)


def test_the_page_as_it_is_gives_no_complaint_and_complaints_would_be_seen(page: str, tmp_path: Path) -> None:
    assert browser.complaints(page, tmp_path) == []
    smuggled = page.replace("<main>", "<main><script>alert(1)</script>", 1)
    assert "Content Security Policy" in " ".join(browser.complaints(smuggled, tmp_path))
