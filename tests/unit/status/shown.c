// SPDX-License-Identifier: GPL-2.0-or-later
// Reports that are shown: a site on a bad night, and one with every kind of value.
// They are made in the scene's report, or in what it is made from.

#include "status/shown.h"

#include "probed_scene.h"

#include <string.h>

void shown_trouble(void)
{
	scene.site.npt.delegated[ATT].len = 0;
	probed_state(&probed, ATT, IPV6)->since = NOW - 45;
	probed_fail(&probed, WEBPASS, IPV4, 36);
	probed_lose(&probed, ATT, IPV4, 1, 7);
	probed_fail(&probed, WEBPASS, IPV6, 2);
	scene.site.facts.router6 = PRESENCE_MISSED;
	probed_state(&probed, WEBPASS, IPV6)->since = NOW - 40 * 86400;
}

void shown_hinder(size_t wan, enum family family, enum obstacle obstacle)
{
	report.wans[wan].family[family].eligible = false;
	report.wans[wan].family[family].condition.obstacle = obstacle;
}

void shown_long(void)
{
	static const char *const names[] = { "a", "a-name-of-31-letters-and-digits", "standby-lte",
					     "cable", "ipv6-only" };

	report.time_us = NOW * UINT64_C(1000000);
	report.n_wans = ARRAY_SIZE(names);
	report.wans = calloc(report.n_wans, sizeof(*report.wans));
	for (size_t i = 0; i < report.n_wans; i++) {
		struct wan_report *wan = &report.wans[i];

		snprintf(wan->name, sizeof(wan->name), "%s", names[i]);
		snprintf(wan->interface, sizeof(wan->interface), "%s",
			 i == 1 ? "interface.15chr" : names[i]);
		wan->mark = 1 + i;
		wan->carrier = i != 3;
		for (enum family family = 0; family < N_FAMILIES; family++)
			wan->family[family] = (struct family_report){
				.present = true,
				.eligible = true,
				.has_gateway = true,
				.gateway = an_addr(family == IPV4 ? "192.0.2.1" : "fe80::1"),
				.health = { .state = VERDICT_UP, .since = NOW - 59 },
				.condition = { .since = NOW - 59 },
			};
	}
	report.wans[0].family[IPV4].present = false;
	report.wans[0].family[IPV6].present = false;
	report.wans[1].family[IPV4].gateway = an_addr("255.255.255.254");
	report.wans[1].family[IPV4].share = 0.9996;
	report.wans[1].family[IPV4].rtt_us = 99940;
	report.wans[1].family[IPV4].condition.since = NOW - 86399;
	report.wans[1].family[IPV6].gateway = an_addr("fe80:1111:2222:3333:4444:5555:6666:7777");
	report.wans[1].family[IPV6].prefix = a_prefix("2001:db8:1111:2222:3333:4444:5555:6666/128");
	report.wans[1].family[IPV6].rtt_us = 12345678;
	report.wans[1].family[IPV6].share = 1;
	report.wans[1].family[IPV6].condition.since = NOW + 5;
	report.wans[2].family[IPV4].gateway = (struct addr){};
	report.wans[2].family[IPV4].share = 0.0004;
	report.wans[2].family[IPV4].health.state = VERDICT_UNKNOWN;
	report.wans[2].family[IPV4].condition.since = 0;
	report.wans[2].family[IPV4].trouble.what =
		strdup("a bell \a, a colour \033[31m, a caf\xc3\xa9");
	shown_hinder(2, IPV6, OBSTACLE_OTHER);
	shown_hinder(3, IPV4, OBSTACLE_NO_CARRIER);
	shown_hinder(3, IPV6, OBSTACLE_NO_CARRIER);
	report.wans[3].family[IPV6].health.state = VERDICT_DOWN;
	report.wans[4].family[IPV4].present = false;
	report.wans[4].family[IPV6].has_gateway = false;
	shown_hinder(4, IPV6, OBSTACLE_NO_GATEWAY);
}
