// SPDX-License-Identifier: GPL-2.0-or-later
// Where things stand in a configuration's file, and mistakes that name the line.
// Sections and settings are kept in the order of the file, each with its line.

#include "config/source.h"

#include <errno.h>
#include <string.h>

const struct section *config_section(const struct config_source *source,
				     const struct section_kind *kind, size_t i)
{
	/* It has i others of its kind before it, at least. */
	for (size_t s = i; s < source->n_sections; s++)
		if (source->sections[s].kind == kind && source->sections[s].index == i)
			return &source->sections[s];
	return NULL;
}

const struct setting *section_setting(const struct section *section, const char *key)
{
	for (size_t i = 0; i < section->n_settings; i++)
		if (strcmp(section->settings[i].key->name, key) == 0)
			return &section->settings[i];
	return NULL;
}

unsigned section_line(const struct section *section, const char *key)
{
	const struct setting *setting = key ? section_setting(section, key) : NULL;

	return setting ? setting->line : section->line;
}

void *section_base(const struct section_kind *kind, struct config *config, size_t i)
{
	void *place = (char *)config + kind->offset;
	char *array;

	if (kind->size == 0)
		return place;
	memcpy(&array, place, sizeof(array));
	return array + i * kind->size;
}

void config_words_add(struct config_words *words, const char *separator, const char *format, ...)
{
	size_t n = strlen(words->s);
	va_list args;

	n += snprintf(words->s + n, sizeof(words->s) - n, "%s", n > 0 ? separator : "");
	if (n >= sizeof(words->s))
		return;
	va_start(args, format);
	vsnprintf(words->s + n, sizeof(words->s) - n, format, args);
	va_end(args);
}

int config_mistake_at(const struct config_source *source, unsigned line, const char *label,
		      const char *key, const char *format, ...)
{
	char what[sizeof(source->fault->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return fault_set(source->fault, -EINVAL, "%s:%u: [%s]%s%s: %s", source->path, line, label,
			 key ? " " : "", key ? key : "", what);
}

int config_no_memory(const struct config_source *source)
{
	return fault_set(source->fault, -ENOMEM, "%s: %s", source->path, strerror(ENOMEM));
}
