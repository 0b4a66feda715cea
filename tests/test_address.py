"""What a page reads out of its address."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from skipviz.core.experiment import Experiment, Lane
    from skipviz.ui.run import address

    default = Experiment(lanes=[Lane(family="plain")])
    st.code(address.experiment_in_address(default).lanes[0].text())


def _opened(lane: str) -> AppTest:
    page = AppTest.from_function(_page)
    page.query_params["lane"] = lane
    return page.run(timeout=300)


def test_a_knob_without_effect_in_an_address_is_left_out_and_named() -> None:
    page = _opened("resnet:backbone=cifar,width=80")
    assert page.code[0].value == "resnet:backbone=cifar"
    assert "`resnet:backbone=cifar,width=80`: width" in page.info[0].value


def test_an_address_in_order_is_read_without_a_word() -> None:
    page = _opened("resnet:backbone=dense,width=80")
    assert page.code[0].value == "resnet:backbone=dense,width=80"
    assert not page.info and not page.error


def test_an_address_that_cannot_be_read_gives_the_default_and_says_why() -> None:
    page = _opened("resnet:depth")
    assert page.code[0].value == "plain" and "must be name\\=value" in page.error[0].value


def _written() -> None:
    import streamlit as st

    from skipviz.core.experiment import Experiment, Lane
    from skipviz.ui.run import address

    knobs = {"backbone": "dense", "depth": 50, "activation": "tanh", "init": "orthogonal"}
    lanes = [Lane(family=family, knobs=knobs) for family in ("plain", "resnet", "highway")]
    of = address.experiment_in_address(Experiment(lanes=lanes, seeds=3, lr=0.03, steps=777))
    st.code(of.to_json())
    address.write("written", of, "A" * 22)


def test_a_long_address_is_packed_and_opens_to_the_same_with_its_controls_hidden_or_not() -> None:
    first = AppTest.from_function(_written)
    first.query_params["fixed"] = "1"
    first.run(timeout=300)
    query = {name: "".join(values) for name, values in first.query_params.items()}
    assert set(query) == {"c", "run", "fixed"} and query["run"] == "A" * 22
    again = AppTest.from_function(_page)
    again.query_params.update(query)
    again.run(timeout=300)
    assert not again.error and again.code[0].value.startswith("plain:backbone=dense,depth=50")
    cut = AppTest.from_function(_page)
    cut.query_params["c"] = query["c"][:-3]
    cut.run(timeout=300)
    assert cut.code[0].value == "plain" and "copy the whole address" in cut.error[0].value
