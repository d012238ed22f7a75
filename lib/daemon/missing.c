// SPDX-License-Identifier: GPL-2.0-or-later
// Gateways that ISPs gave and do not give again by themselves: asks for them.
// IPv6: a solicitation before a router's lifetime ends, and after. IPv4: networkd renews the lease.

#include "base/log.h"
#include "daemon/state.h"
#include "kernel/solicit.h"

#include <string.h>

/* networkd adds an address a moment before its routes. */
static const struct again_pace lease_pace = { .first_us = 2000000,
					      .pause_us = 15000000,
					      .last_us = 3600000000 };

static void solicit(const struct daemon *d, size_t wan, bool there)
{
	const struct wan_conf *conf = &d->config->wans[wan];
	int r = router_solicit(conf->interface, d->outcome.site.facts.wans[wan].link.link.index);

	if (r < 0)
		log_event(LOG_WARNING, EVENT_ROUTER_SOLICITED, FIELDS(LOG_WAN(conf->name, IPV6)),
			  "%s: no IPv6 router can be asked for: %s", conf->name, strerror(-r));
	else
		log_event(d->missing[wan].router6.again.tries == 1 ? LOG_INFO : LOG_DEBUG,
			  EVENT_ROUTER_SOLICITED, FIELDS(LOG_WAN(conf->name, IPV6)),
			  "%s: %s: routers are asked to advertise themselves", conf->name,
			  there ? "the IPv6 router's lifetime is about to end"
				: "there is no IPv6 router");
}

static void follow_router6(struct daemon *d, size_t wan, uint64_t now_us, uint64_t *next_us)
{
	const struct gateway_fact *gateway = &d->outcome.site.facts.wans[wan].gateway[IPV6];
	uint64_t end_us = !gateway->present ? 0 : gateway->end_us ? gateway->end_us : UINT64_MAX;

	if (!config_has_family(d->config, wan, IPV6) ||
	    d->config->wans[wan].gateway_mode[IPV6] != GATEWAY_AUTO ||
	    !d->outcome.site.facts.wans[wan].link.inet6)
		return;
	if (advertisement_is_due(&d->missing[wan].router6, end_us, now_us, next_us))
		solicit(d, wan, gateway->present);
}

/*
 * A renewal is sent to the DHCP server's own address. Where that is not on the link, no route leads
 * there now. Configuring the link anew helps, but takes its IPv6 away for seconds: only where there
 * is none to lose.
 */
static enum renew_how choose_way(const struct daemon *d, size_t wan)
{
	return d->missing[wan].lease4.tries == 2 &&
			       !site_selection(&d->outcome.site, IPV6)->usable[wan]
		       ? RENEW_ALL_ANEW
		       : RENEW_LEASE;
}

static void follow_lease4(struct daemon *d, size_t wan, uint64_t now_us, uint64_t *next_us)
{
	const struct wan_facts *facts = &d->outcome.site.facts.wans[wan];
	const struct wan_conf *conf = &d->config->wans[wan];
	struct again *again = &d->missing[wan].lease4;
	int r;

	if (facts->gateway[IPV4].present || conf->gateway_mode[IPV4] != GATEWAY_AUTO ||
	    facts->inside[IPV4].family || !link_has_family(&facts->link, AF_INET)) {
		*again = (struct again){};
		return;
	}
	if (!again_is_due(again, &lease_pace, now_us, next_us))
		return;
	r = networkd_watch_renew(d->networkd, facts->link.link.index, conf->name,
				 choose_way(d, wan));
	if (r < 0)
		log_event(LOG_DEBUG, EVENT_LEASE_RENEWED, FIELDS(LOG_WAN(conf->name, IPV4)),
			  "%s: networkd can't be asked to renew the lease: %s", conf->name,
			  strerror(-r));
}

void daemon_ask_for_missing(struct daemon *d)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC), next_us = UINT64_MAX;

	for (size_t i = 0; i < d->config->n_wans; i++) {
		const struct link_fact *link = &d->outcome.site.facts.wans[i].link;

		/* When a carrier comes, networkd or the kernel solicits, and asks for a lease. */
		if (!link->link.index || !link->up || !link->carrier) {
			d->missing[i] = (struct missing){ .router6.sought = true };
			continue;
		}
		follow_router6(d, i, now_us, &next_us);
		follow_lease4(d, i, now_us, &next_us);
	}
	if (next_us != UINT64_MAX)
		schedule_request_in(d->schedule, next_us > now_us ? next_us - now_us : 0);
}
