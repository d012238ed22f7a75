// SPDX-License-Identifier: GPL-2.0-or-later
// The words of one failure.
// The first words stay: words that callers add on the way up are less exact.

#include "base/fault.h"

#include <string.h>

int fault_set(struct fault *fault, int r, const char *format, ...)
{
	va_list args;

	if (fault->text[0])
		return r;
	va_start(args, format);
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	return r;
}

int fault_fix(struct fault *fault, int r, const char *format, ...)
{
	size_t length = strlen(fault->text);
	va_list args;

	if (fault->fix || length + 2 >= sizeof(fault->text))
		return r;
	memcpy(fault->text + length, ": ", 3);
	fault->fix = length + 2;
	va_start(args, format);
	vsnprintf(fault->text + fault->fix, sizeof(fault->text) - fault->fix, format, args);
	va_end(args);
	return r;
}

bool fault_is_machines(int r)
{
	return r == -ENOMEM || r == -EIO || r == -EMFILE || r == -ENFILE;
}

int fault_what_length(const struct fault *fault)
{
	return (int)(fault->fix ? fault->fix - 2 : strlen(fault->text));
}

const char *fault_what_to_do(const struct fault *fault)
{
	return fault->fix ? fault->text + fault->fix : "";
}
