# SPDX-License-Identifier: GPL-2.0-or-later
"""A WAN whose probes fail: whether its gateway answers says whose fault it is, and nobody has to ping it."""

import pytest

import topology

SILENT = {4: "ip daddr 0.0.0.0/0 drop", 6: "ip6 daddr 2000::/3 drop"}
GATEWAY = {4: "104.57.226.198/32", 6: "fe80::1/64"}


@pytest.mark.parametrize("family", [4, 6])
def test_the_one_at_fault_is_named_when_the_internet_is_silent_and_when_the_gateway_is(watch, family):
    lab, daemon = watch()
    isp, gateway = lab.isp("att"), GATEWAY[family].split("/")[0]

    def says(text):
        daemon.wait(lambda: text in daemon.family("att", f"ipv{family}").get("trouble", ""), text)

    isp.fault(SILENT[family])
    says(f"gateway {gateway} answers, nothing behind it does: no answer from")
    assert "the ISP's fault" in daemon.family("att", f"ipv{family}")["trouble"]
    assert "the ISP's fault" in lab.router.run("health-check", "--once", check=False).out
    isp.ip(f"addr del {GATEWAY[family]} dev mwan\n", family)
    says(f"gateway {gateway} does not answer: no answer from")
    assert "the line or the ISP's device" in daemon.family("att", f"ipv{family}")["trouble"]
    isp.ip(topology.isp_addresses(isp.wan))
    says(f"gateway {gateway} answers, nothing behind it does: no answer from")
    isp.fault()
    daemon.wait_states()
