// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two address families, as an index of arrays that hold one thing for each, and their words.
 */
#pragma once

#include <sys/socket.h>

enum family {
	IPV4,
	IPV6,
	N_FAMILIES,
};

static inline int family_af(enum family family)
{
	return family == IPV4 ? AF_INET : AF_INET6;
}

/* The family of AF_INET; else of AF_INET6. */
static inline enum family family_of_af(int af)
{
	return af == AF_INET ? IPV4 : IPV6;
}

/* "ip" or "ip6": nftables' word for its tables and headers. */
static inline const char *family_nft(enum family family)
{
	return family == IPV4 ? "ip" : "ip6";
}

static inline const char *af_nft(int af)
{
	return family_nft(family_of_af(af));
}

/* "ipv4" or "ipv6": for files, logs and environments. */
static inline const char *family_word(enum family family)
{
	return family == IPV4 ? "ipv4" : "ipv6";
}

/* "IPv4" or "IPv6": for people. */
static inline const char *family_name(enum family family)
{
	return family == IPV4 ? "IPv4" : "IPv6";
}

/* '4' or '6', as keys of mwan.conf and options of programs end: `gateway6`, `ping -6`. */
static inline char family_digit(enum family family)
{
	return family == IPV4 ? '4' : '6';
}
