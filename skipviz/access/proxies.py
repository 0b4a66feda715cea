"""Proxies before this server: whose word about the browsers behind them is believed.

What they say is where a browser is, so that tries are counted by its address, and whether it speaks
https. Who is the lecturer never depends on it: what comes through a proxy is a guest's
(`roles.py`). One on loopback is believed by uvicorn itself; those of the setting `proxies` by the
same middleware of uvicorn's, once more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence


def hosts(proxies: Sequence[str]) -> list[str]:
    """The networks of the setting, and how a server that listens at `::` sees those of IPv4."""
    networks = [ipaddress.ip_network(each) for each in proxies]
    mapped = [
        f"::ffff:{each.network_address}/{96 + each.prefixlen}"
        for each in networks
        if each.version == 4
    ]
    return [*map(str, networks), *mapped]
