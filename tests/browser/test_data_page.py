"""The Data page in a real browser: look at a set, be told of one that is not here, add one."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.serving import Server
from tests.browser.test_app import settled

PHOTO_TAKEN = """() => {
    const button = document.querySelector("[data-testid=stCameraInputButton]");
    const video = document.querySelector("video");
    if (button && !video) return !button.disabled; // its picture is there and sent
    video?.scrollIntoView({ block: "center" }); // a browser plays only what is in sight
    if (video?.currentTime > 0 && !video.paused && !button.disabled) button.click();
    return false;
}"""
"""Presses until there is a picture: Streamlit's camera begins anew when it has learnt its width,
and a press meanwhile takes none."""


def open_set(page: Page, server: Server, key: str) -> None:
    page.goto(f"{server.url}/data?set={key}")
    settled(page)


def test_a_set_is_shown_by_class_and_as_the_nets_see_it(server: Server, page: Page) -> None:
    open_set(page, server, "digits")
    rows = page.locator(".skip-class")
    expect(rows).to_have_count(10)
    expect(rows.first).to_contain_text("142 + 36")
    expect(page.get_by_text("A linear model misses")).to_be_visible()
    before = rows.first.locator("img").get_attribute("src")
    page.get_by_text("As the nets see them").click()
    settled(page)
    expect(rows.first.locator("img")).not_to_have_attribute("src", str(before))
    page.get_by_text("Augmented", exact=True).click()
    settled(page)
    drawn = page.get_by_alt_text("0 augmented")
    both = drawn.get_attribute("src")
    page.get_by_role("button", name="Draw again").click()
    settled(page)
    again = drawn.get_attribute("src")
    page.get_by_text("Flip", exact=True).click()
    settled(page)
    assert len({both, again, drawn.get_attribute("src")}) == 3
    page.get_by_role("link", name="Train on it in the Lab").click()
    settled(page)
    expect(page.locator(".skip-lane")).to_have_text(["ResNet-20", "Plain-20"])
    assert "data=digits" in page.url or "data=" not in page.url  # digits are the default


def test_a_set_that_is_not_here_is_downloaded_only_on_a_click(server: Server, page: Page) -> None:
    open_set(page, server, "cifar10")
    expect(page.get_by_text("CIFAR-10 is not on this machine yet.")).to_be_visible()
    expect(page.get_by_text("Without a network: put cifar-10-python.tar.gz into")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Download 170 MB").click()
    refused = page.get_by_role("alert").filter(has_text="127.0.0.1 refused the connection")
    expect(refused).to_have_count(1)
    expect(page.get_by_role("button", name="Download 170 MB")).to_be_enabled()


def test_the_lab_says_which_sets_are_not_here_and_how_to_get_them(
    server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/lab?lane=resnet:depth=20&data=cifar10")
    settled(page)
    expect(page.get_by_role("combobox", name="Data")).to_have_value("CIFAR-10 ⤓")
    page.get_by_role("button", name="Train").click()
    told = page.get_by_role("alert").filter(has_text="python -m skipviz data get cifar10")
    expect(told).to_have_count(1)


def _pets() -> bytes:
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for label in ("cat", "dog"):
            for number in range(6):
                picture = io.BytesIO()
                pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(picture, "PNG")
                archive.writestr(f"{label}/{number}.png", picture.getvalue())
        archive.writestr("dog/broken.png", b"not a picture")
    return buffer.getvalue()


def test_an_archive_of_pictures_becomes_a_set_that_the_lab_offers(
    server: Server, page: Page, tmp_path: Path
) -> None:
    open_set(page, server, "digits")
    (tmp_path / "pets.zip").write_bytes(_pets())
    page.get_by_text("An archive or .npz", exact=True).click()
    settled(page)
    page.get_by_role("textbox", name="Name of the data set").fill("My <b>pets</b>")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "pets.zip")
    settled(page)
    page.get_by_role("button", name="Make the data set", exact=True).click()
    expect(page.locator(".skip-class")).to_have_count(2)
    expect(page.locator(".skip-class").first).to_contain_text("5 + 1")
    assert "set=own-my-b-pets-b" in page.url
    page.get_by_text("1 left out, and why").click()
    expect(page.get_by_text("dog/broken.png: not a whole PNG")).to_be_visible()
    page.goto(f"{server.url}/lab?lane=resnet:depth=20&data=own-my-b-pets-b&batch_size=8")
    settled(page)
    expect(page.get_by_role("combobox", name="Data")).to_have_value("My <b>pets</b>")
    process = psutil.Process(server.process.pid)
    mapped = [Path(entry.path).name for entry in process.memory_maps()]
    assert not [name for name in mapped if name.startswith(("libtorch", "libc10", "_sklearn"))]


def _dark_and_clear() -> bytes:
    """Pictures of 12 bits in 16, and one with a clear ground."""
    rng = np.random.default_rng(0)
    clear = np.zeros((32, 32, 4), dtype=np.uint8)
    clear[8:12, :, 3] = 255
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("cat/0", "cat/1", "dog/0", "dog/1", "dog/clear"):
            pixels = rng.integers(0, 4096, (32, 32), dtype=np.uint16)
            of = Image.fromarray(clear if name.endswith("clear") else pixels)
            picture = io.BytesIO()
            of.save(picture, "PNG")
            archive.writestr(f"{name}.png", picture.getvalue())
    return buffer.getvalue()


def test_the_page_says_how_dark_and_clear_pictures_were_taken_and_stretches_them(
    server: Server, page: Page, tmp_path: Path
) -> None:
    (tmp_path / "xray.zip").write_bytes(_dark_and_clear())
    taken = page.locator(".skip-facts").filter(has_text="How they were taken")
    said = ("all are dark, the brightest value is 6.2% of it", "multiplied by 16, the same for all")
    for number, (stretch, sentence) in enumerate(zip(("1", "16"), said, strict=True)):
        open_set(page, server, "digits")
        page.get_by_text("An archive or .npz", exact=True).click()
        settled(page)
        page.get_by_role("textbox", name="Name of the data set").fill(f"X-rays {number}")
        field = page.get_by_role("spinbutton", name="Stretch 16-bit pictures")
        field.fill(stretch)
        field.press("Enter")
        settled(page)
        page.locator("input[type=file]").first.set_input_files(tmp_path / "xray.zip")
        settled(page)
        page.get_by_role("button", name="Make the data set", exact=True).click()
        expect(taken).to_contain_text(sentence)
        expect(taken).to_contain_text("1 picture with clear parts laid on white")
        expect(taken).to_contain_text("4 pictures of 16 bits")
        assert f"set=own-x-rays-{number}" in page.url


def _draw(page: Page, *points: tuple[int, int]) -> None:
    """One stroke in the black square, whose side is 240."""
    square = page.locator("canvas.skip-draw")
    square.scroll_into_view_if_needed()
    box = square.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    page.mouse.up()


def test_pictures_that_are_drawn_class_by_class_become_a_set_that_trains(
    server: Server, page: Page, tmp_path: Path
) -> None:
    open_set(page, server, "digits")
    add, make = page.locator(".skip-add"), page.get_by_role("button", name="Make the data set")
    name, tiles = page.get_by_role("textbox", name="Class", exact=True), page.locator(".skip-drawn")
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    _draw(page, (60, 60), (180, 180))
    expect(add).to_have_text("Name the class first")
    expect(add).to_be_disabled()
    name.fill("line")
    name.press("Tab")
    expect(add).to_have_text("Add to “line”")  # what was drawn is still there
    add.click()
    for y in range(40, 190, 30):  # faster than the page answers: none may get lost
        _draw(page, (30, y), (210, y + 10))
        add.click()
    expect(tiles.locator("img")).to_have_count(6)
    expect(page.get_by_text("needs at least two classes")).to_be_visible()
    expect(make).to_be_disabled()
    name.fill("corner")
    name.press("Tab")
    expect(add).to_have_text("Add to “corner”")
    for x in range(60, 180, 20):
        _draw(page, (30, 40), (x, 40), (x, 210))
        add.click()
    expect(tiles.nth(1).locator("img")).to_have_count(6)
    page.get_by_role("button", name="Take the last one back").click()
    expect(tiles.nth(1).locator("img")).to_have_count(5)

    page.get_by_text("Files, class by class").click()
    expect(add).to_have_count(0)  # the square's own button of the same name
    settled(page)
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "broken.png")
    page.get_by_role("button", name="Add to “corner”").click()
    expect(tiles.nth(1)).to_contain_text("no picture")

    title = page.get_by_role("textbox", name="Name of the data set")
    title.fill(" ")
    title.press("Tab")
    settled(page)
    make.click()
    told = page.get_by_role("alert").filter(has_text="must have at least one letter or digit")
    expect(told).to_be_visible()
    expect(tiles.locator("img")).to_have_count(11)
    title.fill("My strokes")
    title.press("Tab")
    settled(page)
    make.click()
    expect(page.get_by_text("Your data set is made.")).to_be_visible()
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    rows = page.locator(".skip-class")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("4 + 1")
    expect(rows.last).to_contain_text("5 + 1")
    expect(page.get_by_text("one in 5 of each class, by the experiment's seed")).to_be_visible()

    page.get_by_role("link", name="Train on it in the Lab").first.click()
    settled(page)
    expect(page.get_by_role("combobox", name="Data")).to_have_value("My strokes")
    assert "data=own-my-strokes" in page.url
    page.get_by_role("button", name="Train").click()
    expect(page).to_have_url(re.compile("run="))


def test_a_photograph_becomes_a_picture_of_its_class(server: Server, page: Page) -> None:
    open_set(page, server, "digits")
    page.get_by_text("Camera", exact=True).click()
    name, tiles = page.get_by_role("textbox", name="Class", exact=True), page.locator(".skip-drawn")
    for turn, label in enumerate(("wall", "door"), start=1):
        name.fill(label)
        name.press("Tab")
        add = page.get_by_role("button", name=f"Add to “{label}”")
        expect(add).to_be_disabled()
        for shot in (1, 2):
            settled(page)  # a new camera for each picture
            page.wait_for_function(PHOTO_TAKEN, polling=300)
            expect(page.get_by_role("button", name="Clear photo")).to_be_visible()
            expect(add).to_be_enabled()
            add.click()
            expect(tiles).to_have_count(turn)
            expect(tiles.last.locator("img")).to_have_count(shot)
    seen = "img => { const c = document.createElement('canvas'); c.width = c.height = 8;"
    seen += " const d = c.getContext('2d'); d.drawImage(img, 0, 0, 8, 8);"
    seen += " return new Set(d.getImageData(0, 0, 8, 8).data).size; }"
    picture = tiles.first.locator("img").first
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate(seen) > 2  # not all of one colour
    expect(page.get_by_role("button", name="Make the data set")).to_be_enabled()
