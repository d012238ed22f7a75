#include "npt.h"

#include "fileio.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define STATE_PATH RUN_DIR "/prefixes"

bool npt_active(const struct config *config, const struct npt_state *npt, size_t wan)
{
	return config->lan.prefix6.len > 0 && !config->wans[wan].masquerade6 &&
	       config->wans[wan].gateway_mode[IPV6] != GATEWAY_NONE && npt->delegated[wan].len > 0;
}

struct prefix npt_outside(const struct config *config, const struct npt_state *npt, size_t wan)
{
	struct prefix first = npt->delegated[wan];

	first.len = config->lan.prefix6.len;
	return first;
}

struct addr npt_edge(const struct config *config, const struct npt_state *npt, size_t wan)
{
	return prefix_nth(npt_outside(config, npt, wan), 1);
}

bool npt_masquerades(const struct config *config, const struct npt_state *npt, size_t wan)
{
	const struct wan_conf *conf = &config->wans[wan];

	if (config->lan.prefix6.len == 0 || conf->gateway_mode[IPV6] == GATEWAY_NONE)
		return false;
	return conf->masquerade6 || (conf->fallback6 && !npt_active(config, npt, wan));
}

int npt_check(const struct config *config, const char *wan, struct prefix delegated,
	      struct fault *fault)
{
	if (config->lan.prefix6.len == 0)
		return fault_set(fault, -EINVAL, "%s: [lan] has no prefix6 to translate",
				 config->path);
	if (!prefix_is_network(delegated))
		return fault_set(fault, -EINVAL, "%s: %s has bits beyond its length: meant is %s",
				 wan, prefix_str(delegated).s,
				 prefix_str(prefix_network(delegated)).s);
	if (!addr_is_host(delegated.addr) || addr_is_linklocal(delegated.addr))
		return fault_set(fault, -EINVAL, "%s: %s is not a prefix that an ISP delegates",
				 wan, prefix_str(delegated).s);
	if (prefix_overlaps(delegated, config->lan.prefix6) ||
	    (config->lan.router6.family && prefix_contains(delegated, config->lan.router6)))
		return fault_set(fault, -EINVAL, "%s: %s is inside: it overlaps [lan] of %s", wan,
				 prefix_str(delegated).s, config->path);
	if (delegated.len == 0 || delegated.len > config->lan.prefix6.len)
		return fault_set(fault, -EINVAL,
				 "%s: prefix %s is a /%u, too small for lan.prefix6, a /%u", wan,
				 prefix_str(delegated).s, delegated.len, config->lan.prefix6.len);
	return 0;
}

int npt_check_others(const struct config *config, const struct npt_state *npt, size_t wan,
		     struct prefix delegated, struct fault *fault)
{
	for (size_t i = 0; i < config->n_wans; i++)
		if (i != wan && npt->delegated[i].len > 0 &&
		    prefix_overlaps(npt->delegated[i], delegated))
			return fault_set(fault, -EINVAL, "%s: %s overlaps the prefix of %s, %s",
					 config->wans[wan].name, prefix_str(delegated).s,
					 config->wans[i].name, prefix_str(npt->delegated[i]).s);
	return 0;
}

int npt_state_new(size_t n_wans, struct npt_state *ret)
{
	struct npt_state npt = {
		.delegated = calloc(n_wans, sizeof(*npt.delegated)),
		.until_us = calloc(n_wans, sizeof(*npt.until_us)),
		.refused = calloc(n_wans, sizeof(*npt.refused)),
	};

	if (!npt.delegated || !npt.until_us || !npt.refused) {
		npt_state_done(&npt);
		return -ENOMEM;
	}
	*ret = npt;
	return 0;
}

/* One line: "WAN PREFIX [UNTIL]". Lines of WANs that are no longer configured are passed over. */
static void read_line(const struct config *config, char *line, struct npt_state *npt)
{
	char *name = strsep(&line, " "), *text = strsep(&line, " ");
	uint64_t until_us = line ? strtoull(line, NULL, 10) : UINT64_MAX;
	struct fault ignored = {};
	struct prefix prefix;

	if (!text || prefix_parse(text, AF_INET6, &prefix) < 0)
		return;
	for (size_t i = 0; i < config->n_wans; i++) {
		if (strcmp(config->wans[i].name, name) != 0 ||
		    npt_check(config, name, prefix, &ignored) < 0)
			continue;
		npt->delegated[i] = prefix;
		npt->until_us[i] = until_us;
	}
}

int npt_state_read(const struct config *config, struct npt_state *ret, struct fault *fault)
{
	_cleanup_(npt_state_done) struct npt_state npt = {};
	_cleanup_(freep) char *text = NULL;
	char *rest;
	int r;

	r = npt_state_new(config->n_wans, &npt);
	if (r < 0)
		return r;

	r = file_read(STATE_PATH, &text);
	if (r < 0 && r != -ENOENT)
		return fault_set(fault, r, "%s: %s", STATE_PATH, strerror(-r));

	rest = text;
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		read_line(config, line, &npt);

	*ret = TAKE(npt);
	return 0;
}

int npt_state_write(const struct config *config, const struct npt_state *npt, struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++) {
		if (npt->delegated[i].len == 0)
			continue;
		fprintf(f, "%s %s", config->wans[i].name, prefix_str(npt->delegated[i]).s);
		if (npt->until_us[i] < UINT64_MAX)
			fprintf(f, " %" PRIu64, npt->until_us[i]);
		putc('\n', f);
	}
	if (fclose(f) != 0)
		return -ENOMEM;

	return file_write_if_changed(STATE_PATH, text, fault);
}
