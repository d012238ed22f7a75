"""Cold boots: whatever is late or missing, what can be carried is carried, and nobody's hand is needed."""

from arrivals import Arrivals


def text(first):
    """{("att", 4): seconds} in words."""
    return ", ".join(f"{wan} IPv{family} {seconds:.1f} s" for (wan, family), seconds in sorted(first.items()))


def test_everything_is_there(make_appliance, report):
    lab = make_appliance()
    with Arrivals(lab) as arrivals:
        lab.boot()
        arrivals.wait(30)
    report(f"boot, everything there: {text(arrivals.first)}")
    assert lab.router.booted() == "running", lab.router.failed()
