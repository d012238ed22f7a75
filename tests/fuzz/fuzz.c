// SPDX-License-Identifier: GPL-2.0-or-later
// What the fuzz targets share: files that are inputs, and a site in order.
// file_read() and file_open() are the functions here: the linker wraps the real ones.

#include "fuzz.h"

#include "base/fileio.h"
#include "config/load.h"
#include "plan/hairpin.h"
#include "plan/select.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

char *fuzz_text(const uint8_t *data, size_t size)
{
	size_t n = strnlen((const char *)data, size);
	char *text = malloc(n + 1);

	FUZZ_CHECK(text);
	memcpy(text, data, n);
	text[n] = '\0';
	return text;
}

void fuzz_broken(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

FILE *fuzz_sink(void)
{
	static FILE *sink;

	if (!sink)
		sink = fopen("/dev/null", "w");
	FUZZ_CHECK(sink);
	return sink;
}

/* ---- files ---- */

static struct fuzz_file files[16];
static size_t n_files;

void fuzz_set_files(const struct fuzz_file *all, size_t n)
{
	FUZZ_CHECK(n <= ARRAY_SIZE(files));
	memcpy(files, all, n * sizeof(*all));
	n_files = n;
}

void fuzz_split(char *text, const char *first)
{
	n_files = 0;
	files[n_files++] = (struct fuzz_file){ first, text };
	while (n_files < ARRAY_SIZE(files) && (text = strstr(text, "\n== "))) {
		char *name = text + strlen("\n== "), *end = strchr(name, '\n');

		if (!end)
			return;
		text[1] = *end = '\0';
		text = end + 1;
		files[n_files++] = (struct fuzz_file){ name, text };
	}
}

const char *fuzz_content(const char *name)
{
	for (size_t i = 0; i < n_files; i++)
		if (!files[i].name || strcmp(files[i].name, name) == 0)
			return files[i].content;
	return NULL;
}

static const char *content_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return fuzz_content(slash ? slash + 1 : path);
}

int __wrap_file_read(const char *path, char **ret);
FILE *__wrap_file_open(const char *path);
/* What stat() is where files may be large, as meson asks for. */
int __wrap_stat64(const char *path, struct stat *ret);
int __real_stat64(const char *path, struct stat *ret);

int __wrap_file_read(const char *path, char **ret)
{
	const char *content = content_of(path);

	if (!content)
		return -ENOENT;
	*ret = strdup(content);
	return *ret ? 0 : -ENOMEM;
}

int __wrap_stat64(const char *path, struct stat *ret)
{
	/* libFuzzer's own files. */
	if (!content_of(path))
		return __real_stat64(path, ret);
	*ret = (struct stat){ .st_mode = S_IFREG };
	return 0;
}

FILE *__wrap_file_open(const char *path)
{
	const char *content = content_of(path);
	int fd;

	if (!content) {
		errno = ENOENT;
		return NULL;
	}
	fd = memfd_create("input", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content) &&
		   lseek(fd, 0, SEEK_SET) == 0);
	return fdopen(fd, "r");
}

/* ---- a site ---- */

const char fuzz_usual_config[] = "[lan]\n"
				 "interface = lan0\n"
				 "prefix4 = 10.250.250.0/29\n"
				 "router4 = 10.250.250.2\n"
				 "prefix6 = fd06:bad:b01::/60\n"
				 "router6 = fd06:bad:b01:fe::2\n"
				 "[wan att]\n"
				 "interface = wan1\n"
				 "mark = 1\n"
				 "table = 100\n"
				 "[wan webpass]\n"
				 "interface = wan2\n"
				 "mark = 2\n"
				 "table = 200\n"
				 "nat4 = masquerade\n"
				 "nat6 = masquerade\n"
				 "tier = 2\n"
				 "modem = 192.168.100.1\n"
				 "[map4]\n"
				 "10.250.250.2 = att 104.57.226.193\n"
				 "[rule voice]\n"
				 "protocol = udp\n"
				 "dport = 5060-5061\n"
				 "wans = webpass\n"
				 "[direct vpn]\n"
				 "interface = wg0\n"
				 "networks = 10.89.0.0/16, fd00:89::/48\n";

int fuzz_config(const char *text, struct config *ret)
{
	const struct fuzz_file file = { "mwan.conf", text };
	struct fault fault = {};

	fuzz_set_files(&file, 1);
	return config_load("/etc/mwan/mwan.conf", ret, &fault);
}

static struct addr an_addr(const char *text)
{
	struct addr addr = {};

	FUZZ_CHECK(addr_parse(text, AF_UNSPEC, &addr) == 0);
	return addr;
}

/* Its addresses are 203.0.113.N and 2001:db8:N::1. */
static void make_link(struct link_fact *link, unsigned index, const char *name)
{
	link->link.index = index;
	memcpy(link->link.name, name, IFNAMSIZ);
	link->up = link->carrier = link->inet6 = true;
	link->mtu[IPV4] = link->mtu[IPV6] = 1500;
	link->addresses = calloc(2, sizeof(*link->addresses));
	FUZZ_CHECK(link->addresses);
	link->n_addresses = 2;
	link->addresses[IPV4] = (struct prefix){ an_addr("203.0.113.0"), 24 };
	link->addresses[IPV4].addr.bytes[3] = index & 0xff;
	link->addresses[IPV6] = (struct prefix){ an_addr("2001:db8::1"), 64 };
	link->addresses[IPV6].addr.bytes[5] = index & 0xff;
	for (enum family family = 0; family < N_FAMILIES; family++)
		link->source[family] = link->addresses[family].addr;
}

static void make_wan(struct site *site, size_t i)
{
	struct wan_facts *wan = &site->facts.wans[i];
	struct fault ignored = {};
	struct prefix delegated = { an_addr("2001:db8:ff00::"), 48 };

	make_link(&wan->link, 20 + i, site->config->wans[i].interface);
	wan->gateway[IPV4] =
		(struct gateway_fact){ .present = true, .via = an_addr("203.0.113.1") };
	wan->gateway[IPV6] = (struct gateway_fact){ .present = true, .via = an_addr("fe80::1") };
	delegated.addr.bytes[5] = i & 0xff;
	if (npt_check(site->config, i, delegated, &ignored) == 0)
		site->npt.delegated[i] = delegated;
}

void fuzz_site(const struct config *config, struct site *ret)
{
	struct site site = { .config = config };
	size_t n = config->n_wans;

	FUZZ_CHECK(facts_new(config, &site.facts) == 0 && npt_state_new(n, &site.npt) == 0 &&
		   verdicts_new(n, &site.verdicts) == 0);
	make_link(&site.facts.lan, 10, config->lan.interface);
	if (config->lan.router4.family)
		site.facts.router6_linklocal = an_addr("fe80::2");
	for (size_t i = 0; i < n; i++)
		make_wan(&site, i);
	for (size_t i = 0; i < config->n_directs; i++) {
		site.facts.directs[i].link.index = 300 + i;
		memcpy(site.facts.directs[i].link.name, config->directs[i].interface, IFNAMSIZ);
		site.facts.directs[i].takes[IPV4] = site.facts.directs[i].takes[IPV6] = true;
	}
	FUZZ_CHECK(selections_make(&site) == 0 && hairpins_make(&site) == 0);
	*ret = site;
}
