#include "config.h"

#include "config_source.h"
#include "ini_reader.h"
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define MAX_WANS 254 /* as many as there are marks */
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static const char *const section_names[N_SECTION_KINDS] = {
	[SECTION_MWAN] = "mwan",     [SECTION_LAN] = "lan", [SECTION_BALANCE] = "balance",
	[SECTION_HEALTH] = "health", [SECTION_WAN] = "wan", [SECTION_MAP4] = "map4",
	[SECTION_NOTIFY] = "notify",
};

/* What the events of the reader build. */
struct loader {
	struct config config;
	struct config_source source;
	struct health_conf health; /* [health] itself: read for its mistakes */
	struct fault *fault;
};

static void loader_done(struct loader *loader)
{
	config_done(&loader->config);
	config_source_done(&loader->source);
	health_conf_done(&loader->health);
}

static void *section_base(struct loader *loader, enum section_kind section, enum section_kind key)
{
	struct config *config = &loader->config;

	if (section != SECTION_WAN)
		return section == SECTION_HEALTH ? (void *)&loader->health : (void *)config;

	struct wan_conf *wan = &config->wans[config->n_wans - 1];
	return key == SECTION_HEALTH ? (void *)&wan->health : (void *)wan;
}

static int set_defaults(struct loader *loader, enum section_kind section)
{
	const struct key *key;

	for (size_t i = 0; (key = key_at(i)); i++) {
		struct fault why = {};
		void *base;

		if (key->section != section || !key->fallback)
			continue;
		base = section_base(loader, section, section);
		if (key_set(key, key->fallback, base, &why) < 0)
			return config_no_memory(&loader->source, loader->fault);
	}
	return 0;
}

/* "wan NAME" with a name that can stand in rules, files and metrics. */
static int wan_name(struct loader *loader, unsigned line, const char *label, char ret[static 32])
{
	const char *name = label + strlen("wan");
	size_t len;

	name += strspn(name, " \t");
	len = strlen(name);
	if (len == 0)
		return fault_set(loader->fault, -EINVAL,
				 "%s:%u: [wan] has no name: write [wan NAME], e.g. [wan att]",
				 loader->source.path, line);
	if (len > 31 || name[strspn(name, NAME_CHARACTERS)])
		return fault_set(
			loader->fault, -EINVAL,
			"%s:%u: %s is not a name of a WAN: 1 to 31 letters, digits, - or _",
			loader->source.path, line, quote(name).s);
	memcpy(ret, name, len + 1);
	return 0;
}

static int add_wan(struct loader *loader, unsigned line, const char *name)
{
	struct config *config = &loader->config;
	struct wan_conf *wans;

	if (config->n_wans == MAX_WANS)
		return fault_set(loader->fault, -EINVAL,
				 "%s:%u: [wan %s] is one too many: %d WANs are possible",
				 loader->source.path, line, name, MAX_WANS);

	wans = reallocarray(config->wans, config->n_wans + 1, sizeof(*wans));
	if (!wans)
		return config_no_memory(&loader->source, loader->fault);
	config->wans = wans;
	wans[config->n_wans] = (struct wan_conf){};
	memcpy(wans[config->n_wans].name, name, strlen(name) + 1);
	config->n_wans++;
	return set_defaults(loader, SECTION_WAN);
}

static int section_kind(struct loader *loader, unsigned line, const char *label)
{
	for (int kind = 0; kind < N_SECTION_KINDS; kind++) {
		if (kind == SECTION_WAN && strncmp(label, "wan", 3) == 0 &&
		    (!label[3] || isspace((unsigned char)label[3])))
			return kind;
		if (kind != SECTION_WAN && strcmp(label, section_names[kind]) == 0)
			return kind;
	}
	return fault_set(loader->fault, -EINVAL,
			 "%s:%u: there is no section %s: mwan, lan, balance, health, wan NAME, "
			 "map4 and notify are possible",
			 loader->source.path, line, quote(label).s);
}

static int on_section(void *user, unsigned line, const char *label)
{
	struct loader *loader = user;
	struct config_source *source = &loader->source;
	struct section section = { .line = line }, *sections;
	char name[32];
	int r;

	r = section_kind(loader, line, label);
	if (r < 0)
		return r;
	section.kind = (enum section_kind)r;

	if (section.kind == SECTION_WAN) {
		r = wan_name(loader, line, label, name);
		if (r < 0)
			return r;
		snprintf(section.label, sizeof(section.label), "wan %s", name);
	} else {
		snprintf(section.label, sizeof(section.label), "%s", label);
	}

	for (size_t i = 0; i < source->n_sections; i++) {
		if (strcmp(source->sections[i].label, section.label) == 0)
			return config_mistake_at(source, line, section.label, NULL, loader->fault,
						 "the section is there twice, first in line %u",
						 source->sections[i].line);
	}

	sections = reallocarray(source->sections, source->n_sections + 1, sizeof(*sections));
	if (!sections)
		return config_no_memory(source, loader->fault);
	source->sections = sections;
	sections[source->n_sections++] = section;

	return section.kind == SECTION_WAN ? add_wan(loader, line, name) : 0;
}

/* Says where the key belongs, or which ones the section has. */
static int unknown_key(struct loader *loader, unsigned line, const struct section *section,
		       const char *name)
{
	char own[256] = "", others[64] = "";
	size_t n_own = 0, n_others = 0;
	const struct key *key;

	for (size_t i = 0; (key = key_at(i)); i++) {
		if (strcmp(key->name, name) == 0)
			n_others += (size_t)snprintf(others + n_others, sizeof(others) - n_others,
						     "%s[%s%s]", n_others ? " or " : "",
						     section_names[key->section],
						     key->section == SECTION_WAN ? " NAME" : "");
		if (key->section == section->kind)
			n_own += (size_t)snprintf(own + n_own, sizeof(own) - n_own, "%s%s",
						  n_own ? ", " : "", key->name);
	}

	if (n_others > 0)
		return config_mistake_at(&loader->source, line, section->label, name, loader->fault,
					 "the key belongs in %s", others);
	return config_mistake_at(&loader->source, line, section->label, NULL, loader->fault,
				 "there is no key %s: %s%s", quote(name).s, own,
				 section->kind == SECTION_WAN ? " and those of [health]" : "");
}

static int on_key(void *user, unsigned line, const char *name, const char *value)
{
	struct loader *loader = user;
	struct config_source *source = &loader->source;
	struct section *section = &source->sections[source->n_sections - 1];
	const struct setting *earlier;
	struct setting setting = { .line = line }, *settings;
	struct fault why = {};
	int r;

	if (section->kind == SECTION_MAP4)
		return map4_read(source, line, name, value, loader->fault);

	setting.key = key_find(section->kind, name);
	if (!setting.key)
		return unknown_key(loader, line, section, name);

	earlier = section_setting(section, name);
	if (earlier)
		return config_mistake_at(source, line, section->label, name, loader->fault,
					 "the key is there twice, first in line %u", earlier->line);

	r = key_set(setting.key, value, section_base(loader, section->kind, setting.key->section),
		    &why);
	if (r == -EINVAL)
		return config_mistake_at(source, line, section->label, name, loader->fault, "%s",
					 why.text);
	if (r < 0)
		return config_no_memory(source, loader->fault);

	settings = reallocarray(section->settings, section->n_settings + 1, sizeof(*settings));
	if (!settings)
		return config_no_memory(source, loader->fault);
	section->settings = settings;
	setting.value = strdup(value);
	if (!setting.value)
		return config_no_memory(source, loader->fault);
	settings[section->n_settings++] = setting;
	return 0;
}

/* What a WAN does not say about its health, [health] says, wherever it stands in the file. */
static int fill_health(struct loader *loader)
{
	const struct section *health = config_section(&loader->source, SECTION_HEALTH);

	for (size_t i = 0; i < loader->config.n_wans; i++) {
		const struct section *section = config_wan_section(&loader->source, i);
		const struct key *key;

		for (size_t k = 0; (key = key_at(k)); k++) {
			const struct setting *general;
			struct fault why = {};

			if (key->section != SECTION_HEALTH || section_setting(section, key->name))
				continue;
			general = health ? section_setting(health, key->name) : NULL;
			if (key_set(key, general ? general->value : key->fallback,
				    &loader->config.wans[i].health, &why) < 0)
				return config_no_memory(&loader->source, loader->fault);
		}
	}
	return 0;
}

int config_load(const char *path, struct config *ret, struct fault *fault)
{
	static const struct ini_events events = { .section = on_section, .key = on_key };
	_cleanup_(loader_done) struct loader loader = { .source.path = path, .fault = fault };
	int r;

	loader.config.path = strdup(path);
	if (!loader.config.path)
		return config_no_memory(&loader.source, fault);

	for (int section = 0; section < N_SECTION_KINDS; section++) {
		if (section == SECTION_WAN)
			continue;
		r = set_defaults(&loader, (enum section_kind)section);
		if (r < 0)
			return r;
	}

	r = ini_read(path, &events, &loader, &loader.source.n_lines, fault);
	if (r < 0)
		return r;

	r = fill_health(&loader);
	if (r < 0)
		return r;

	r = config_check(&loader.config, &loader.source, fault);
	if (r < 0)
		return r;

	r = map4_resolve(&loader.config, &loader.source, fault);
	if (r < 0)
		return r;

	*ret = TAKE(loader.config);
	return 0;
}

void config_done(struct config *config)
{
	for (size_t i = 0; i < config->n_wans; i++)
		health_conf_done(&config->wans[i].health);
	for (size_t i = 0; i < config->n_map4; i++)
		free(config->map4[i].public);
	free(config->path);
	free(config->wans);
	free(config->map4);
	free(config->notify_command);
	*config = (struct config){};
}

bool config_has_family(const struct config *config, size_t wan, enum family family)
{
	return config->wans[wan].gateway_mode[family] != GATEWAY_NONE &&
	       (family == IPV4 || config->lan.prefix6.len > 0);
}

const struct wan_conf *config_wan_by_interface(const struct config *config, const char *interface)
{
	for (size_t i = 0; i < config->n_wans; i++) {
		if (strcmp(config->wans[i].interface, interface) == 0)
			return &config->wans[i];
	}
	return NULL;
}
