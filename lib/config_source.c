#include "config_source.h"

#include <errno.h>
#include <string.h>

void config_source_done(struct config_source *source)
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
	free(source->map4);
	*source = (struct config_source){};
}

const struct section *config_section(const struct config_source *source, enum section_kind kind)
{
	for (size_t i = 0; i < source->n_sections; i++) {
		if (source->sections[i].kind == kind)
			return &source->sections[i];
	}
	return NULL;
}

const struct section *config_wan_section(const struct config_source *source, size_t wan)
{
	const struct section *section = source->sections;

	for (;; section++) {
		if (section->kind == SECTION_WAN && wan-- == 0)
			return section;
	}
}

const struct setting *section_setting(const struct section *section, const char *key)
{
	for (size_t i = 0; i < section->n_settings; i++) {
		if (strcmp(section->settings[i].key->name, key) == 0)
			return &section->settings[i];
	}
	return NULL;
}

unsigned section_line(const struct section *section, const char *key)
{
	const struct setting *setting = key ? section_setting(section, key) : NULL;

	return setting ? setting->line : section->line;
}

int config_mistake_at(const struct config_source *source, unsigned line, const char *label,
		      const char *key, struct fault *fault, const char *format, ...)
{
	char what[sizeof(fault->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return fault_set(fault, -EINVAL, "%s:%u: [%s]%s%s: %s", source->path, line, label,
			 key ? " " : "", key ? key : "", what);
}

int config_no_memory(const struct config_source *source, struct fault *fault)
{
	return fault_set(fault, -ENOMEM, "%s: %s", source->path, strerror(ENOMEM));
}
