"""A page's address in few characters, where its plain form is too long for a message or a QR code.

packed({"lane": […], …})   {"c": ["1…"]}: the query, deflated with the words that such queries
                           are made of, as base64url
unpacked(query)            the inverse; SpecError for what is none
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode

from skipviz.core.knob import SpecError

NAME = "c"
LONGEST = 500
"""Characters that a packed address of two lanes never exceeds, path and run included."""

PLAIN = 250
"""A query up to so many characters stays as it can be read."""

_VERSION = "1"
_MOST_BYTES = 16_384
_WORDS = (
    b"&augment=crop&augment=flip&augment=both&precision=bfloat16&label_noise=0.&pool=2&subset="
    b"&device=cuda&device=cpu&device=mps&evaluate_every=&clip=&warmup=&schedule=step"
    b"&schedule=cosine&optimiser=nesterov&optimiser=adamw&optimiser=adam&weight_decay=0.0001"
    b"&momentum=0.&seconds=&budget=&change=&record_every=&seeds=&batch_size=&seed=&data=mnist"
    b"&data=cifar100&data=cifar10&data=shapes&data=spirals&steps=,num_classes=,growth_rate=12"
    b",compression=0.5,bottleneck=true,cardinality=,base_width=,drop_rate=0.,dropout=true"
    b",branch_layers=,branch_scale=rezero,branch_scale=inv_sqrt_depth,branch_scale=zero_init"
    b",variant=full_preact,variant=relu_before_add,variant=original,shortcut=A,shortcut=B"
    b",shortcut=C,plain_twin=true,norm=batch,norm=layer,norm=none,init=torch_default,init=glorot"
    b",init=orthogonal,init=he,activation=sigmoid,activation=tanh,activation=relu,carry=learned"
    b",carry=coupled,gate=learned,gate_bias=-,width=,backbone=fitnet,backbone=imagenet"
    b",backbone=cifar,depth=,lane=densenet:backbone=dense,lane=resnext:lane=highway:backbone=dense"
    b",depth=&lane=plain:backbone=dense,depth=&lane=resnet:backbone=dense,depth=50&lr=0.03"
)
"""Never changed: what was packed with other words could not be read any more."""


def packed(query: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The query as one word."""
    text = urlencode(query, doseq=True, safe=":,=/").encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=_WORDS)
    data = deflate.compress(text) + deflate.flush()
    return {NAME: [_VERSION + base64.urlsafe_b64encode(data).decode().rstrip("=")]}


def short(query: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The query as it is where it is short, else packed. A run's id stays as it is."""
    lesson = {name: values for name, values in query.items() if name != "run"}
    if len(urlencode(lesson, doseq=True)) <= PLAIN:
        return dict(query)
    return packed(lesson) | ({"run": query["run"]} if "run" in query else {})


def unpacked(query: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The query as it was packed; one that is not packed, as it is. SpecError for half a word."""
    if NAME not in query:
        return dict(query)
    word = query[NAME][-1]
    wrong = SpecError("its packed part is cut or of another version; copy the whole address")
    if not re.fullmatch(rf"{_VERSION}[A-Za-z0-9_-]+", word):
        raise wrong
    try:
        data = base64.urlsafe_b64decode(word[1:] + "=" * (-len(word[1:]) % 4))
        inflate = zlib.decompressobj(-15, zdict=_WORDS)
        text = inflate.decompress(data, _MOST_BYTES)
        if not inflate.eof:
            raise wrong
        inside = parse_qs(text.decode(), strict_parsing=True)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise wrong from error
    return {**inside, **{name: values for name, values in query.items() if name != NAME}}
