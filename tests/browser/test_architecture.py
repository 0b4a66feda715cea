"""The Architecture page in a real browser: pick, look inside, pan, compare, download, run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.serving import Server
from tests.browser.test_app import settled, visit

NODES = ".st-key-arch_graph_chart g.node"


def open_page(page: Page, server: Server, **query: str) -> None:
    told = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    page.goto(f"{server.url}/architecture?{told}")
    settled(page)
    expect(page.locator(NODES).first).to_be_visible()


def node(page: Page, name: str) -> Locator:
    """The node of the graph with this name."""
    return page.locator(NODES).filter(has=page.locator(f'title:text-is("{name}")'))


def view(page: Page) -> list[float]:
    """The part of the graph that is seen: x, y, width, height."""
    box = page.locator(".st-key-arch_graph_chart svg:has(g.graph)").get_attribute("viewBox")
    return [float(part) for part in (box or "").split()]


def labels(page: Page) -> str:
    return " ".join(page.locator(f"{NODES} text").all_text_contents())


def test_clicks_lead_into_stages_and_units_and_the_way_back_and_the_address_keep_them(
    server: Server, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    open_page(page, server, lane="resnet:backbone=cifar,depth=20")
    page.locator("g.cluster.sk-click text", has_text="stage 2").first.click()
    settled(page)
    expect(node(page, "stages.1.0.branch.conv1")).to_be_visible()
    node(page, "stages.1.0.branch.conv1").click()
    settled(page)
    expect(page.get_by_text("residual unit 1 of 3")).to_be_visible()
    expect(page.locator(f"{NODES} text", has_text="zero-pad to 32")).to_be_visible()
    expect(page.locator("g.edge text", has_text="16×32×32").first).to_be_visible()
    assert "at=stages.1.0" in page.url

    other = new_page()
    other.goto(page.url)
    settled(other)
    expect(other.get_by_text("residual unit 1 of 3")).to_be_visible()

    page.get_by_role("button", name="stage 2", exact=True).click()
    settled(page)
    expect(page.get_by_role("button", name="stage 2", exact=True)).to_have_count(0)
    page.get_by_role("button", name="ResNet-20", exact=True).click()
    settled(page)
    expect(page.locator(f"{NODES} text", has_text="residual unit × 3")).to_be_visible()
    assert "at=" not in page.url


def test_a_unit_can_be_opened_from_the_keyboard(server: Server, page: Page) -> None:
    open_page(page, server, lane="highway:depth=10")
    expect(page.locator(".sk-bar")).not_to_have_attribute("data-marks", "0")
    node(page, "stages.0.0").focus()
    page.keyboard.press("Enter")
    settled(page)
    expect(page.get_by_text("highway unit 1 of 9")).to_be_visible()
    expect(page.locator(f"{NODES} text", has_text="sigmoid")).to_be_visible()


def test_the_graph_pans_and_zooms_by_mouse_and_keyboard_and_a_rerun_keeps_the_view(
    server: Server, page: Page
) -> None:
    open_page(page, server, lane="resnet:backbone=cifar,depth=20")
    whole = view(page)
    page.get_by_role("button", name="Closer").click()
    closer = view(page)
    assert closer[2] < whole[2] and closer[2] / closer[3] == pytest.approx(
        whole[2] / whole[3], 1e-3
    )
    chart = page.locator(".st-key-arch_graph_chart svg:has(g.graph)").bounding_box()
    assert chart is not None
    x, y = chart["x"] + 12, chart["y"] + chart["height"] - 60
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y + 40, steps=4)
    page.mouse.up()
    dragged = view(page)
    assert dragged[0] < closer[0] and dragged[1] < closer[1] and dragged[2:] == closer[2:]
    page.locator(".sk-graph").focus()
    page.keyboard.press("ArrowRight")
    assert view(page)[0] > dragged[0]
    page.keyboard.press("+")
    assert view(page)[2] < dragged[2]
    before = view(page)[2]
    page.mouse.wheel(0, -200)
    page.wait_for_function(
        f"() => Number(document.querySelector('.sk-graph').getAttribute('viewBox')"
        f".split(' ')[2]) < {before}"
    )
    kept = view(page)
    page.get_by_role("button", name="Knobs").click()
    settled(page)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="The unit's code").click()
    settled(page)
    assert view(page) == kept
    page.get_by_role("button", name="All of it").click()
    assert view(page) == whole


def _redraw(page: Page, thumb: Locator) -> None:
    """Asks for 1202 layers with one key and waits for their graph."""
    thumb.press("Home")
    expect(page.locator(f"{NODES} text", has_text="residual unit × 200")).to_have_count(0)
    settled(page)
    thumb.press("End")
    expect(page.locator(f"{NODES} text", has_text="residual unit × 200")).to_be_visible()


def test_the_depth_slider_redraws_at_once_up_to_1202_layers(server: Server, page: Page) -> None:
    open_page(page, server, lane="resnet:backbone=cifar,depth=20")
    thumb = page.get_by_role("slider")
    thumb.focus()
    thumb.press("ArrowRight")
    expect(page.locator(".skip-lane")).to_have_text("ResNet-26")
    settled(page)
    _redraw(page, thumb)
    expect(page.locator(".skip-lane")).to_have_text("ResNet-1202")
    expect(page.locator(".skip-counts")).to_contain_text("19,421,274")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    chart = page.locator(".st-key-arch_graph_chart").bounding_box()
    assert chart is not None and chart["x"] + chart["width"] <= 1280
    height = page.locator(f"{NODES} text", has_text="residual unit × 200").bounding_box()
    assert height is not None and height["height"] > 11


def test_a_depth_can_be_typed_and_the_nearest_that_there_is_is_taken(
    server: Server, page: Page
) -> None:
    open_page(page, server, lane="resnet:backbone=cifar,depth=20")
    number = page.get_by_role("spinbutton", name="Depth as a number")
    lane = page.locator(".skip-lane")

    def type_in(depth: str) -> None:
        number.fill(depth)
        number.press("Enter")

    expect(number).to_have_value("20")
    type_in("56")  # a usual stop of the slider
    expect(lane).to_have_text("ResNet-56")
    settled(page)
    type_in("722")  # none
    expect(lane).to_have_text("ResNet-722")
    settled(page)
    type_in("31")
    expect(page.get_by_test_id("stToast")).to_contain_text("Depth 31 does not go with")
    expect(lane).to_have_text("ResNet-32")
    expect(number).to_have_value("32")
    settled(page)
    page.get_by_role("slider").press("ArrowRight")
    expect(number).to_have_value("38")
    expect(lane).to_have_text("ResNet-38")
    settled(page)
    number.press("ArrowDown")  # as the button: the next one
    number.press("Enter")
    expect(number).to_have_value("32")
    expect(lane).to_have_text("ResNet-32")


def test_plain_against_resnet_marks_exactly_the_shortcuts(server: Server, page: Page) -> None:
    open_page(page, server, lane="resnet:backbone=cifar,depth=20")
    page.get_by_role("button", name="Compare two nets").click()
    settled(page)
    box = page.get_by_role("combobox", name="Family").nth(1)
    box.click()
    page.get_by_role("option", name="Plain", exact=True).click()
    settled(page)
    expect(page.locator(".skip-mark")).to_have_text(["only ResNet-20", "only Plain-20", "both"])
    expect(page.get_by_text("Both have exactly 269,722 parameters.")).to_be_visible()
    expect(page.locator(f"{NODES} text", has_text="zero-pad to 32")).to_be_visible()
    marked = page.locator(f'{NODES}:has(path[stroke="#0072b2"][stroke-width="2.4"])')
    expect(marked.locator("text")).to_have_text(["zero-pad to 32, /2"])
    assert "with=plain" in page.url
    page.get_by_role("button", name="Back to one net").click()
    settled(page)
    expect(page.locator(".skip-mark")).to_have_count(0)


def test_downloads_are_whole_pictures_and_a_module_that_runs(
    server: Server, page: Page, tmp_path: Path
) -> None:
    open_page(page, server, lane="resnet:backbone=cifar,depth=14,variant=full_preact")
    page.get_by_role("button", name="Closer").click()
    for kind in ("SVG", "PNG", "DOT"):
        with page.expect_download() as started:
            page.get_by_role("button", name=kind, exact=True).click()
        assert started.value.suggested_filename == f"resnet-14-pre-act.{kind.lower()}"
        started.value.save_as(tmp_path / kind)
    svg = ET.parse(tmp_path / "SVG").getroot()
    assert svg.tag.endswith("svg") and "3×3 conv, 16" in "".join(svg.itertext())
    png = (tmp_path / "PNG").read_bytes()
    assert png[:4] == b"\x89PNG" and int.from_bytes(png[16:20]) > 600
    assert (tmp_path / "DOT").read_text(encoding="utf-8").startswith("digraph")

    page.get_by_role("tab", name="Stand-alone module").click()
    expect(page.locator("code", has_text="class Net(nn.Module)").first).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download the module").click()
    assert started.value.suggested_filename == "resnet_14_pre_act.py"
    started.value.save_as(tmp_path / "module.py")
    _same_net((tmp_path / "module.py").read_text(encoding="utf-8"))


def _same_net(text: str) -> None:
    """The downloaded text is the net that the page was asked for."""
    import torch

    from skipviz.models import build

    made: dict[str, object] = {"__name__": "downloaded"}
    exec(compile(text, "module.py", "exec"), made)
    net = made["Net"]().double().eval()  # type: ignore[operator]
    ours = build("resnet", depth=14, variant="full_preact").double().eval()
    net.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert (net(x) - ours(x)).abs().max() <= 1e-9


def test_ready_nets_families_and_backbones_can_be_picked(server: Server, page: Page) -> None:
    open_page(page, server)
    page.get_by_role("combobox", name="Ready nets").click()
    page.get_by_role("option", name="ResNet-164 (pre-act)").click()
    settled(page)
    expect(page.locator(".skip-lane")).to_have_text("ResNet-164 (pre-act)")
    page.get_by_role("combobox", name="Family").click()
    page.get_by_role("option", name="DenseNet").click()
    settled(page)
    page.get_by_role("radio", name="imagenet").click()
    settled(page)
    expect(page.locator(".skip-lane")).to_have_text("DenseNet-121")
    expect(page.locator(".skip-counts")).to_contain_text("7,978,856")
    slider = page.get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    settled(page)
    expect(page.locator(".skip-counts")).to_contain_text("28,681,000")
    assert "64 + 6·32" not in labels(page) and "96 + 6·48 = 384 channels" in labels(page)


@pytest.mark.parametrize(
    "query",
    [
        {"lane": "resnet:depth=21"},
        {"lane": "resnet", "at": "stage9"},
        {"lane": "nonsense"},
        {"depth": "20"},
    ],
)
def test_a_wrong_address_is_one_sentence_and_the_default_net(
    query: dict[str, str], server: Server, page: Page
) -> None:
    open_page(page, server, **query)
    alert = page.get_by_role("alert")
    expect(alert).to_have_count(1)
    expect(alert).to_have_text(re.compile("This page's address cannot be read: .*default\\."))
    expect(page.locator(".skip-lane")).to_have_text("ResNet-20")


def test_the_page_is_found_as_it_was_left(server: Server, page: Page) -> None:
    open_page(page, server, lane="densenet:backbone=cifar,depth=40", at="stage1")
    visit(page, "Home")
    visit(page, "Architecture")
    expect(page.get_by_text("dense block 1", exact=True).first).to_be_visible()
    assert "at=stage1" in page.url and "densenet" in page.url
