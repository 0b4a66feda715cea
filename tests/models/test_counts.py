"""Parameter counts against the papers' and against independent code, to the last parameter."""

from __future__ import annotations

from typing import Any

import pytest

from .nets import name_of, on_meta_of, wired

_C, _P = "cifar", "full_preact"
_IN = {"backbone": "imagenet"}

RESNET_CIFAR: list[tuple[int, str, int, int | None]] = [
    (20, "A", 269_722, 268_346),
    (20, "B", 272_474, 270_906),
    (20, "C", 283_962, None),
    (32, "A", 464_154, 461_882),
    (32, "B", 466_906, None),
    (32, "C", 489_594, None),
    (44, "A", 658_586, None),
    (44, "B", 661_338, None),
    (44, "C", 695_226, None),
    (56, "A", 853_018, 848_954),
    (56, "B", 855_770, 851_514),
    (56, "C", 900_858, None),
    (110, "A", 1_727_962, 1_719_866),
    (110, "B", 1_730_714, 1_722_426),
    (110, "C", 1_826_202, None),
    (1202, "A", 19_421_274, 19_331_642),
    (1202, "B", 19_424_026, None),
]
"""akamaster/pytorch_resnet_cifar10 (A, B); fb.resnet.torch (C); He 2015, Table 6."""

PREACT: list[tuple[dict[str, Any], int, int | None]] = [
    ({"depth": 20, "shortcut": "B"}, 272_282, 270_906),
    ({"depth": 56, "shortcut": "B"}, 855_578, None),
    ({"depth": 110, "shortcut": "B"}, 1_730_522, None),
    ({"depth": 1202, "shortcut": "B"}, 19_423_834, 19_334_202),
    ({"depth": 20, "shortcut": "C"}, 283_290, None),
    ({"depth": 32, "shortcut": "C"}, 488_474, None),
    ({"depth": 44, "shortcut": "C"}, 693_658, None),
    ({"depth": 56, "shortcut": "C"}, 898_842, None),
    ({"depth": 110, "shortcut": "C"}, 1_822_170, None),
    ({"depth": 164}, 1_703_258, 1_679_034),
    ({"depth": 164, "num_classes": 100}, 1_726_388, 1_702_164),
    ({"depth": 1001}, 10_327_706, 10_178_490),
    ({"depth": 1001, "num_classes": 100}, 10_350_836, 10_201_620),
    ({"depth": 26, "widen": 10, "shortcut": "B"}, 36_479_194, None),
    ({"depth": 28, "widen": 10, "shortcut": "B"}, 36_479_194, None),
]
"""bearpaw, pytorchcv, KaimingHe/resnet-1k-layers, fb.resnet.torch; wide: Zagoruyko 2016."""

OTHERS: list[tuple[str, dict[str, Any], int, int | None]] = [
    ("resnet", {"depth": 20, "num_classes": 100}, 275_572, 274_196),
    ("resnet", {"depth": 20, "shortcut": "B", "num_classes": 100}, 278_324, 276_756),
    ("resnet", {"depth": 32, "num_classes": 100}, 470_004, 467_732),
    ("resnet", {"depth": 32, "shortcut": "B", "num_classes": 100}, 472_756, 470_292),
    ("resnet", {"depth": 44, "num_classes": 100}, 664_436, 661_268),
    ("resnet", {"depth": 44, "shortcut": "B", "num_classes": 100}, 667_188, 663_828),
    ("resnet", {"depth": 56, "num_classes": 100}, 858_868, 854_804),
    ("resnet", {"depth": 56, "shortcut": "B", "num_classes": 100}, 861_620, 857_364),
    ("resnet", {"depth": 110, "num_classes": 100}, 1_733_812, 1_725_716),
    ("resnet", {"depth": 110, "shortcut": "B", "num_classes": 100}, 1_736_564, 1_728_276),
    ("plain", {"depth": 20}, 269_722, 268_346),
    ("plain", {"depth": 32}, 464_154, 461_882),
    ("plain", {"depth": 44}, 658_586, 655_418),
    ("plain", {"depth": 56}, 853_018, 848_954),
    ("plain", {"depth": 110}, 1_727_962, 1_719_866),
    ("resnet", {"depth": 164}, 1_704_154, 1_679_034),
    ("resnet", {"depth": 1001}, 10_328_602, 10_178_490),
    ("resnext", {}, 34_426_698, 34_369_226),
    ("resnext", {"cardinality": 16}, 68_155_210, 68_054_730),
    ("resnext", {"cardinality": 32, "base_width": 4}, 4_775_754, 4_750_538),
    ("resnext", {"num_classes": 100}, 34_518_948, 34_461_476),
    ("densenet", {"depth": 40, "bottleneck": False}, 1_019_722, 1_001_626),
    ("densenet", {"depth": 40, "bottleneck": False, "stem_width": 24}, 1_059_298, 1_040_578),
    ("densenet", {"depth": 100, "bottleneck": False}, 6_979_642, 6_862_426),
    ("densenet", {"depth": 100, "bottleneck": False, "stem_width": 24}, 7_083_538, 6_964_738),
    ("densenet", {"depth": 100, "bottleneck": False, "growth_rate": 24}, 27_249_082, None),
    (
        "densenet",
        {"depth": 100, "bottleneck": False, "growth_rate": 24, "stem_width": 48},
        28_071_706,
        27_834_106,
    ),
    ("densenet", {"depth": 100}, 769_162, 745_174),
    ("densenet", {"depth": 100, "num_classes": 100}, 800_032, 776_044),
    ("densenet", {"depth": 250, "growth_rate": 24}, 15_324_406, 15_066_430),
    ("densenet", {"depth": 250, "growth_rate": 24, "num_classes": 100}, 15_480_556, 15_222_580),
    ("densenet", {"depth": 190, "growth_rate": 40}, 25_624_430, None),
    ("densenet", {"depth": 40}, 176_122, 171_034),
    ("highway", {"backbone": "fitnet", "depth": 19}, 2_256_838, 2_256_838),
    ("highway", {"backbone": "fitnet", "depth": 19, "num_classes": 100}, 2_265_928, None),
    ("highway", {"backbone": "fitnet", "depth": 10}, 151_690, 151_690),
    ("highway", {"backbone": "fitnet", "depth": 10, "width": 16}, 38_986, None),
    ("highway", {"preset": "highway1"}, 236_328, None),
    ("highway", {"preset": "highway2"}, 2_312_438, None),
    ("highway", {"preset": "highway3"}, 1_401_958, None),
    ("highway", {"preset": "highway4"}, 1_254_762, None),
    *(
        ("highway", {"depth": depth}, count, count)
        for depth, count in ((10, 85_660), (20, 136_660), (50, 289_660), (100, 544_660))
    ),
    *(
        ("plain", {"backbone": "dense", "depth": depth, "width": 71}, count, count)
        for depth, count in ((10, 102_463), (20, 153_583), (50, 306_943), (100, 562_543))
    ),
]

IMAGENET: list[tuple[str, dict[str, Any], int, int | None]] = [
    ("resnet", {"depth": 18}, 11_689_512, 11_679_912),
    ("resnet", {"depth": 18, "shortcut": "A"}, 11_515_688, 11_507_880),
    ("resnet", {"depth": 18, "shortcut": "C"}, 12_043_816, None),
    ("resnet", {"depth": 34}, 21_797_672, 21_780_648),
    ("resnet", {"depth": 34, "shortcut": "A"}, 21_623_848, 21_608_616),
    ("resnet", {"depth": 34, "shortcut": "C"}, 22_716_840, None),
    ("resnet", {"depth": 50}, 25_557_032, 25_503_912),
    ("resnet", {"depth": 50, "stride_in": "1x1"}, 25_557_032, 25_503_912),
    ("resnet", {"depth": 101}, 44_549_160, 44_443_816),
    ("resnet", {"depth": 152}, 60_192_808, 60_041_384),
    ("resnet", {"depth": 50, "widen": 2}, 68_883_240, 68_815_016),
    ("plain", {"depth": 18}, 11_515_688, 11_507_880),
    ("plain", {"depth": 34}, 21_623_848, None),
    ("resnext", {"depth": 50}, 25_028_904, 24_960_680),
    ("resnext", {"depth": 101}, 44_177_704, 44_039_848),
    ("resnext", {"depth": 101, "cardinality": 64}, 83_455_272, 83_252_392),
    ("resnext", {"depth": 101, "base_width": 8}, 88_791_336, 88_588_456),
    ("densenet", {"depth": 121}, 7_978_856, 7_895_208),
    ("densenet", {"depth": 169}, 14_149_480, None),
    ("densenet", {"depth": 201}, 20_013_928, 19_784_872),
    ("densenet", {"depth": 161}, 28_681_000, None),
]
"""torchvision; pytorchcv; with the shortcuts of He 2015 put into torchvision's blocks."""

ALL: list[tuple[str, dict[str, Any], int, int | None]] = [
    *(("resnet", {"depth": d, "shortcut": s}, p, e) for d, s, p, e in RESNET_CIFAR),
    *(("resnet", {"variant": _P, **knobs}, p, e) for knobs, p, e in PREACT),
    *OTHERS,
    *((family, {**_IN, **knobs}, p, e) for family, knobs, p, e in IMAGENET),
]


@pytest.mark.parametrize(
    ("family", "knobs", "parameters", "without_norm"),
    ALL,
    ids=[name_of((family, knobs)) for family, knobs, _, _ in ALL],
)
def test_a_net_has_exactly_the_published_parameters(
    family: str, knobs: dict[str, Any], parameters: int, without_norm: int | None
) -> None:
    counts = wired((family, knobs)).describe()
    assert counts["parameters"] == parameters
    assert without_norm is None or counts["parameters_without_norm"] == without_norm
    if parameters < 1_800_000:
        held = on_meta_of(family, knobs).parameters()
        assert sum(parameter.numel() for parameter in held) == parameters


@pytest.mark.parametrize("depth", [20, 56, 110])
@pytest.mark.parametrize(
    "variant", ["original", "bn_after_add", "relu_before_add", "relu_only_preact", "full_preact"]
)
def test_all_five_orders_have_the_same_components(depth: int, variant: str) -> None:
    counts = wired(("resnet", {"depth": depth, "variant": variant, "shortcut": "A"})).describe()
    assert counts["parameters"] == {20: 269_722, 56: 853_018, 110: 1_727_962}[depth]


@pytest.mark.parametrize(
    ("family", "knobs", "giga"),
    [
        ("resnet", {"depth": 18}, 1.814),
        ("resnet", {"depth": 34}, 3.664),
        ("resnet", {"depth": 50}, 4.089),
        ("resnet", {"depth": 101}, 7.801),
        ("resnet", {"depth": 152}, 11.514),
        ("resnet", {"depth": 50, "stride_in": "1x1"}, 3.858),
        ("resnet", {"depth": 101, "stride_in": "1x1"}, 7.570),
        ("resnet", {"depth": 152, "stride_in": "1x1"}, 11.282),
        ("resnet", {"depth": 50, "widen": 2}, 11.398),
        ("resnext", {"depth": 50}, 4.230),
        ("resnext", {"depth": 101, "base_width": 8}, 16.414),
        ("densenet", {"depth": 121}, 2.834),
        ("densenet", {"depth": 201}, 4.291),
    ],
)
def test_multiply_adds_are_the_published_ones(
    family: str, knobs: dict[str, Any], giga: float
) -> None:
    count = wired((family, {**_IN, **knobs})).describe()["multiply_adds"]
    assert abs(count / 1e9 - giga) < 0.0006


def test_paths_and_receptive_fields_are_those_that_one_works_out_by_hand() -> None:
    resnet = wired(("resnet", {"depth": 56})).describe()
    assert (resnet["longest_path"], resnet["shortest_path"]) == (56, 2)
    assert resnet["receptive_field"] == 1 + 19 * 2 + (2 + 17 * 4) + (4 + 17 * 8)
    highway = wired(("highway", {"depth": 50})).describe()
    assert (highway["longest_path"], highway["shortest_path"]) == (50, 1)
    plain = wired(("plain", {"depth": 20})).describe()
    assert plain["longest_path"] == plain["shortest_path"] == 20
    assert plain["receptive_field"] == 1 + 7 * 2 + (2 + 5 * 4) + (4 + 5 * 8)
