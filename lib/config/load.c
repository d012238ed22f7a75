// SPDX-License-Identifier: GPL-2.0-or-later
// Loads mwan.conf: from the lines of a file to a struct config that is complete and checked.
// The ini reader reports sections and keys; the tables say where each value goes.

#include "config/load.h"

#include "base/ini_reader.h"
#include "base/parse.h"
#include "config/source.h"

#include <errno.h>
#include <search.h>
#include <string.h>

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define NAME_SIZE sizeof(((struct wan_conf *)0)->name)

static const struct section_kind *find_kind(const struct config_source *source, unsigned line,
					    const char *label)
{
	struct config_words names = {};

	for (size_t i = 0; i < ARRAY_SIZE(section_kinds); i++) {
		const struct section_kind *kind = section_kinds[i];
		size_t len = strlen(kind->name);

		if (strncmp(label, kind->name, len) == 0 &&
		    (!label[len] || (kind->example && strchr(" \t", label[len]))))
			return kind;
	}
	for (size_t i = 0; i < ARRAY_SIZE(section_kinds); i++)
		config_words_add(&names, ", ", KIND_FORMAT, KIND_WORDS(section_kinds[i]));
	fault_set(source->fault, -EINVAL, "%s:%u: there is no section %s, only %s", source->path,
		  line, quote(label).s, names.s);
	return NULL;
}

/* Where a section begins. */
struct label {
	char text[sizeof(((struct section *)0)->label)];
	unsigned line;
};

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->text, ((const struct label *)b)->text);
}

/* Remembers the section's label, which no other may have. */
static int check_label(struct config_source *source, const struct section *section)
{
	_cleanup_(freep) struct label *label = calloc(1, sizeof(*label));
	struct label **known;

	if (!label)
		return config_no_memory(source);
	memcpy(label->text, section->label, sizeof(label->text));
	label->line = section->line;
	known = tsearch(label, &source->labels, compare_labels);
	if (!known)
		return config_no_memory(source);
	if (*known != label)
		return config_mistake_at(source, section->line, section->label, NULL,
					 "the section is there twice, first in line %u",
					 (*known)->line);
	TAKE(label);
	return 0;
}

/* How many structs of the kind there are. */
static size_t count(const struct section_kind *kind, const struct config *config)
{
	size_t n = 1;

	if (kind->example)
		memcpy(&n, (const char *)config + kind->n_offset, sizeof(n));
	return n;
}

/* Makes the element that a section with a name fills. */
static int add_element(struct config_source *source, const struct section *section,
		       const char *name)
{
	const struct section_kind *kind = section->kind;
	char *config = (char *)&source->config, *element;
	size_t n = section->index + 1;
	void *array;

	if (kind->max > 0 && n > kind->max)
		return config_mistake_at(source, section->line, section->label, NULL,
					 "the section is one too many: %u are possible", kind->max);
	memcpy(&array, config + kind->offset, sizeof(array));
	array = reallocarray(array, n, kind->size);
	if (!array)
		return config_no_memory(source);
	memcpy(config + kind->offset, &array, sizeof(array));
	memcpy(config + kind->n_offset, &n, sizeof(n));

	element = section_base(kind, &source->config, section->index);
	memset(element, 0, kind->size);
	memcpy(element, name, strlen(name) + 1);
	return 0;
}

static int on_section(void *user, unsigned line, const char *label)
{
	struct config_source *source = user;
	struct section section = { .line = line };
	const char *name;
	int r;

	section.kind = find_kind(source, line, label);
	if (!section.kind)
		return -EINVAL;

	/* It has to fit into rules, file names and metrics as it is. */
	name = label + strlen(section.kind->name);
	name += strspn(name, " \t");
	if (section.kind->example &&
	    (!*name || strlen(name) >= NAME_SIZE || name[strspn(name, NAME_CHARACTERS)]))
		return fault_set(source->fault, -EINVAL,
				 "%s:%u: %s needs a name of 1 to %zu letters, digits, - or _, "
				 "e.g. [%s %s]",
				 source->path, line, quote(label).s, NAME_SIZE - 1,
				 section.kind->name, section.kind->example);
	snprintf(section.label, sizeof(section.label), "%s%s%s", section.kind->name,
		 *name ? " " : "", name);

	r = check_label(source, &section);
	if (r < 0)
		return r;
	if (section.kind->example)
		section.index = count(section.kind, &source->config);
	if (APPEND(source->sections, source->n_sections, section) < 0)
		return config_no_memory(source);
	return section.kind->example ? add_element(source, &section, name) : 0;
}

/* Says where the key belongs, or which ones the section has. */
static int unknown_key(const struct config_source *source, unsigned line,
		       const struct section *section, const char *name)
{
	const struct section_kind *kind = section->kind;
	struct config_words own = {}, others = {};

	for (size_t i = 0; i < ARRAY_SIZE(section_kinds); i++)
		if (key_find(section_kinds[i], name))
			config_words_add(&others, " or ", "[" KIND_FORMAT "]",
					 KIND_WORDS(section_kinds[i]));
	if (*others.s)
		return config_mistake_at(source, line, section->label, name,
					 "the key belongs in %s", others.s);

	for (size_t i = 0; i < kind->n_keys; i++)
		config_words_add(&own, ", ", "%s", kind->keys[i].name);
	if (kind->inherits)
		config_words_add(&own, " and ", "those of [%s]", kind->inherits->name);
	return config_mistake_at(source, line, section->label, NULL, "there is no key %s, only %s",
				 quote(name).s, own.s);
}

/* Keeps what the file says, for the sections that inherit it and for messages. */
static int add_setting(const struct config_source *source, struct section *section,
		       struct setting setting, const char *value)
{
	setting.value = strdup(value);
	if (setting.value && APPEND(section->settings, section->n_settings, setting) == 0)
		return 0;
	free(setting.value);
	return config_no_memory(source);
}

static int on_key(void *user, unsigned line, const char *name, const char *value)
{
	struct config_source *source = user;
	struct section *section = &source->sections[source->n_sections - 1];
	const struct section_kind *kind = section->kind;
	struct setting setting = { .line = line };
	const struct setting *earlier;
	struct fault why = {};
	char *base;
	int r;

	if (kind->read)
		return kind->read(source, line, name, value);

	base = section_base(kind, &source->config, section->index);
	setting.key = key_find(kind, name);
	if (!setting.key && kind->inherits) {
		setting.key = key_find(kind->inherits, name);
		base += kind->inherits_offset;
	}
	if (!setting.key)
		return unknown_key(source, line, section, name);

	earlier = section_setting(section, name);
	if (earlier)
		return config_mistake_at(source, line, section->label, name,
					 "the key is there twice, first in line %u", earlier->line);

	r = key_set(setting.key, value, base, &why);
	if (r == -EINVAL)
		return config_mistake_at(source, line, section->label, name, "%s", why.text);
	if (r < 0)
		return config_no_memory(source);
	return add_setting(source, section, setting, value);
}

/* Sets each key that the section does not set, as the general section does or to its default. */
static int fill(const struct config_source *source, const struct section_kind *kind, void *base,
		const struct section *section, const struct section *general)
{
	for (size_t k = 0; k < kind->n_keys; k++) {
		const struct key *key = &kind->keys[k];
		const struct setting *setting;
		const char *text = key->fallback;
		struct fault why = {};

		if (section && section_setting(section, key->name))
			continue;
		setting = general ? section_setting(general, key->name) : NULL;
		if (setting)
			text = setting->value;
		if (text && key_set(key, text, base, &why) < 0)
			return config_no_memory(source);
	}
	return 0;
}

/* After all sections have been read: one may inherit from a later one. */
static int fill_all(struct config_source *source, const struct section_kind *kind)
{
	const struct section_kind *from = kind->inherits;
	int r = 0;

	for (size_t i = 0; i < count(kind, &source->config) && r == 0; i++) {
		const struct section *section = config_section(source, kind, i);
		char *base = section_base(kind, &source->config, i);

		r = fill(source, kind, base, section, NULL);
		if (r == 0 && from)
			r = fill(source, from, base + kind->inherits_offset, section,
				 config_section(source, from, 0));
	}
	return r;
}

static void config_source_done(struct config_source *source)
{
	for (size_t i = 0; i < source->n_sections; i++) {
		struct section *section = &source->sections[i];

		for (size_t j = 0; j < section->n_settings; j++)
			free(section->settings[j].value);
		free(section->settings);
	}
	for (size_t i = 0; i < source->n_map4; i++)
		free(source->map4[i].items);
	free(source->sections);
	tdestroy(source->labels, free);
	free(source->map4);
	config_done(&source->config);
}

int config_load(const char *path, struct config *ret, struct fault *fault)
{
	static const struct ini_events events = { .section = on_section, .key = on_key };
	_cleanup_(config_source_done) struct config_source source = { .path = path,
								      .fault = fault };
	struct stat st;
	int r;

	source.config.path = strdup(path);
	if (!source.config.path)
		return config_no_memory(&source);
	if (stat(path, &st) < 0)
		return fault_set(fault, -errno, "%s: %s", path, strerror(errno));
	if (config_add_version(&source.config, path, &st) < 0)
		return config_no_memory(&source);

	r = ini_read(path, INI_STRICT, &events, &source, &source.n_lines, fault);
	for (size_t i = 0; i < ARRAY_SIZE(section_kinds) && r == 0; i++)
		r = fill_all(&source, section_kinds[i]);
	if (r == 0)
		r = config_check(&source);
	if (r == 0)
		*ret = TAKE(source.config);
	return r;
}

/* Frees one struct of the kind, and in it what it inherits. */
static void kind_done(const struct section_kind *kind, char *base)
{
	if (kind->done)
		kind->done(base);
	if (kind->inherits)
		kind_done(kind->inherits, base + kind->inherits_offset);
}

void config_done(struct config *config)
{
	for (size_t k = 0; k < ARRAY_SIZE(section_kinds); k++) {
		const struct section_kind *kind = section_kinds[k];

		for (size_t i = 0; i < count(kind, config); i++)
			kind_done(kind, section_base(kind, config, i));
		if (kind->example)
			free(section_base(kind, config, 0));
	}
	for (size_t i = 0; i < config->n_policies; i++)
		free(config->policies[i].wans);
	free(config->policies);
	free(config->version);
	free(config->path);
	*config = (struct config){};
}
