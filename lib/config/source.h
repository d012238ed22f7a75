// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A configuration while it is loaded: the tables of sections and keys, and where each of them is
 * in the file, so that a mistake names its line. Private to config/.
 */
#pragma once

#include "config/config.h"

#include <sys/stat.h>

struct config_source;
struct key;

/*
 * Reads text as a value into base, a section's struct that has none yet; cuts text up. 0, -ENOMEM,
 * or -EINVAL, with *why empty where the key's `expected` says it all.
 */
typedef int key_setter(const struct key *key, char *text, void *base, struct fault *why);

/* Reads one target of a list: 0 with its name as it is shown, the caller's; -EINVAL or -ENOMEM. */
typedef int target_parser(const char *text, enum family family, char **ret);

/* A key is a row: where its value goes, and what that may be. */
struct key {
	const char *name;
	key_setter *set;
	size_t offset;	      /* in the struct that its section fills */
	const char *fallback; /* the default as text; NULL: the key is required */
	const char *expected; /* completes "this is not …" */
	uint32_t min, max;
	const char *const *words;
	enum family family;
	target_parser *target; /* of a list of targets, which may be empty */
	bool with_status;      /* after a target may stand the status that it answers with */
};

/*
 * A kind of section is a row, too. Its values go to struct config or a struct in it or, of sections
 * with names, each to an element of an array in it; an element begins with `char name[32]`.
 */
struct section_kind {
	const char *name;    /* "wan" */
	const char *example; /* "att", for [wan att]; NULL: such a section has no name */
	bool required;
	const struct key *keys;
	size_t n_keys;

	size_t offset;	 /* in struct config: the struct, or the pointer to the array */
	size_t n_offset; /* with a name: the array's length, a size_t */
	size_t size;	 /* with a name: an element's */
	unsigned max;	 /* with a name: so many are possible; 0: any number */

	/* Its keys are possible here as well, and its section has their defaults. NULL: none. */
	const struct section_kind *inherits;
	size_t inherits_offset; /* where they go in this section's struct */

	/* Reads a line whose key is data. NULL: keys are those of the table. */
	int (*read)(struct config_source *source, unsigned line, const char *name,
		    const char *value);
	/* What keys must be to one another, once for all sections of the kind. NULL: nothing. */
	int (*check)(struct config_source *source);
	/* Frees what the values in one struct own, but for those inherited. NULL: nothing. */
	void (*done)(void *base);
};

#define WORDS(...)                                                                                 \
	.words = (const char *const[])                                                             \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

extern const struct section_kind section_mwan, section_lan, section_balance, section_health,
	section_wan, section_map4, section_rule, section_direct, section_notify;

/* In the order in which messages name them and checks run. */
static const struct section_kind *const section_kinds[] = {
	&section_mwan, &section_lan,  &section_balance, &section_health, &section_wan,
	&section_map4, &section_rule, &section_direct,	&section_notify,
};

struct setting {
	const struct key *key;
	char *value; /* owned */
	unsigned line;
};

struct section {
	const struct section_kind *kind;
	size_t index;	/* among those of its kind */
	char label[48]; /* "wan att" */
	unsigned line;
	struct setting *settings; /* owned */
	size_t n_settings;
};

struct map4_item {
	char wan[32];
	struct map4_public public;
};

struct map4_line {
	struct prefix inside;
	unsigned line;
	struct map4_item *items; /* owned */
	size_t n_items;
};

struct config_source {
	const char *path;
	unsigned n_lines;
	struct section *sections; /* owned */
	size_t n_sections;
	void *labels;		/* owned; a tree of them, for load.c */
	struct map4_line *map4; /* owned */
	size_t n_map4;

	struct config config; /* owned; what has been read so far */
	struct fault *fault;  /* the first mistake */
};

/* Adds to config.version that the file was read as it is. 0 or -ENOMEM. */
int config_add_version(struct config *config, const char *path, const struct stat *st);

/* The i-th section of the kind, or NULL. */
const struct section *config_section(const struct config_source *source,
				     const struct section_kind *kind, size_t i);
/* What the section sets the key to, or NULL. */
const struct setting *section_setting(const struct section *section, const char *key);
/* The line of the key, or of the section where that does not set it or key is NULL. */
unsigned section_line(const struct section *section, const char *key);
/* The struct that the kind's i-th section fills. */
void *section_base(const struct section_kind *kind, struct config *config, size_t i);

/* "FILE:LINE: [label] key: …" as the fault, without key where that is NULL; returns -EINVAL. */
int config_mistake_at(const struct config_source *source, unsigned line, const char *label,
		      const char *key, const char *format, ...) _printf_(5, 6);
/* The same at the section's key. */
#define config_mistake(source, section, key, ...)                                                  \
	config_mistake_at(source, section_line(section, key), (section)->label, key, __VA_ARGS__)
int config_no_memory(const struct config_source *source);

/* A list of words for a message, cut off where there is no more room. */
struct config_words {
	char s[400];
};

void config_words_add(struct config_words *words, const char *separator, const char *format, ...)
	_printf_(3, 4);
/* A kind as messages and documentation name it: "wan NAME", "lan". */
#define KIND_FORMAT "%s%s"
#define KIND_WORDS(kind) (kind)->name, (kind)->example ? " NAME" : ""

/* What the key of an interface expects. */
#define EXPECTED_INTERFACE "an interface name (1 to 15 characters, without space / : * \" or \\)"

/* The kind's own key of that name, or NULL. */
const struct key *key_find(const struct section_kind *kind, const char *name);
/* Reads text as the key's value into base; -EINVAL with the complaint in why. */
int key_set(const struct key *key, const char *text, void *base, struct fault *why);

/*
 * In values.c. 0, or -EINVAL with why the prefix is no network of hosts with a length from min to
 * max; text: as it was written.
 */
int value_check_network(const char *text, struct prefix prefix, unsigned min, unsigned max,
			struct fault *why);

key_setter set_count, set_table, set_switch, set_word, set_duration, set_loss, set_interface,
	set_host, set_router4, set_linklocal, set_network, set_networks, set_wan_prefix,
	set_gateway, set_command;
/* In lists.c. */
key_setter set_prefixes, set_hosts;
/* In targets.c. */
key_setter set_targets;

/* In rule_values.c. */
key_setter set_rule_networks, set_rule_protocols, set_rule_ports, set_rule_dscp, set_rule_wans,
	set_rule_mode;
/* An address or a prefix, into that of two lists which its family has; -EINVAL with why. */
int rule_add_network(const char *text, struct ranges *lists[N_FAMILIES], struct fault *why);

/* In rule_file.c: reads the networks of an @FILE, as rule_add_network() does. */
int rule_read_file(struct config_source *source, const struct section *section, const char *key,
		   const char *name, struct ranges *lists[N_FAMILIES]);

/* In rule_hidden.c: each rule has to match a flow that no rule before it does. */
int check_hidden_rules(const struct config_source *source, const struct ranges inside[N_FAMILIES]);

/* In check.c: rows' checks, and all of them after another, when the file has been read. */
int check_lan(struct config_source *source);
int check_wans(struct config_source *source);
int config_check(struct config_source *source);
/* In modem.c: all modems, when everything else has been checked. */
int check_modems(struct config_source *source);
