/*
 * Where each section and key of a configuration stands in its file, so that a
 * mistake of the whole can name its line. Private to config*.c.
 */
#pragma once

#include "config.h"

enum section_kind {
	SECTION_MWAN,
	SECTION_LAN,
	SECTION_BALANCE,
	SECTION_HEALTH,
	SECTION_WAN,
	SECTION_MAP4,
	SECTION_NOTIFY,
	N_SECTION_KINDS,
};

/*
 * One key: where its value goes and what that may be. fallback is its default
 * as text; NULL: it has to be given. set() returns 0, -ENOMEM, or -EINVAL with
 * *why empty if want says it all.
 */
struct key {
	enum section_kind section;
	const char *name;
	int (*set)(const struct key *key, char *text, void *base, struct fault *why);
	size_t offset; /* from base: config, health_conf or wan_conf */
	const char *fallback;
	const char *want; /* completes "this is not …" */
	uint32_t min, max;
	const char *const *words;
	enum family family;
};

struct setting {
	const struct key *key;
	char *value; /* owned */
	unsigned line;
};

struct section {
	enum section_kind kind;
	char label[40]; /* "wan att" */
	unsigned line;
	struct setting *settings; /* owned */
	size_t n_settings;
};

struct map4_item {
	char wan[32];
	struct addr public;
};

struct map4_line {
	struct addr inside;
	unsigned line;
	struct map4_item *items; /* owned */
	size_t n_items;
};

struct config_source {
	const char *path;
	unsigned n_lines;
	struct section *sections; /* owned */
	size_t n_sections;
	struct map4_line *map4; /* owned */
	size_t n_map4;
};

void config_source_done(struct config_source *source);
/* The first section of the kind, or NULL. */
const struct section *config_section(const struct config_source *source, enum section_kind kind);
/* The section of the WAN with that index. */
const struct section *config_wan_section(const struct config_source *source, size_t wan);
const struct setting *section_setting(const struct section *section, const char *key);
/* The line of the key, or of the section where that does not set it or key is NULL. */
unsigned section_line(const struct section *section, const char *key);

/* "FILE:LINE: [label] key: …" in fault, without key where that is NULL; returns -EINVAL. */
int config_mistake_at(const struct config_source *source, unsigned line, const char *label,
		      const char *key, struct fault *fault, const char *format, ...) _printf_(6, 7);
/* The same at the section's key. */
#define config_mistake(source, section, key, fault, ...)                                           \
	config_mistake_at(source, section_line(section, key), (section)->label, key, fault,        \
			  __VA_ARGS__)
int config_no_memory(const struct config_source *source, struct fault *fault);

/* The table of keys, in config_keys.c. Keys of [health] are also found for a WAN. */
const struct key *key_find(enum section_kind section, const char *name);
/* The i-th key of the table, or NULL beyond its end. */
const struct key *key_at(size_t i);
/* Reads text as the key's value into base; -EINVAL with the complaint in why. */
int key_set(const struct key *key, const char *text, void *base, struct fault *why);

/* The setters of lists, in config_targets.c. An empty list is a value, too. */
int key_set_ping(const struct key *key, char *text, void *base, struct fault *why);
int key_set_http(const struct key *key, char *text, void *base, struct fault *why);
void health_conf_done(struct health_conf *health);

/* One line of [map4], taken in before the WANs are known; in config_map4.c. */
int map4_read(struct config_source *source, unsigned line, const char *name, const char *value,
	      struct fault *fault);
/* Turns the lines into config->map4 and checks them against the WANs and the LAN. */
int map4_resolve(struct config *config, const struct config_source *source, struct fault *fault);

/* What keys must be to one another, in config_check.c. */
int config_check(const struct config *config, const struct config_source *source,
		 struct fault *fault);
