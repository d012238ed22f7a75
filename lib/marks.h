/*
 * What each mark meant in the last run. Flows keep their mark for life; when it comes to
 * mean another WAN, or none, they would leave there with the old WAN's address.
 */
#pragma once

#include "config.h"

/* Marks of the last run that mean another interface now, or none. */
struct mark_list {
	uint32_t *v; /* owned */
	size_t n;
};

static inline void mark_list_done(struct mark_list *marks)
{
	free(marks->v);
	*marks = (struct mark_list){};
}

/* A missing record means that no mark has changed. */
int marks_changed(const struct config *config, struct mark_list *ret, struct fault *fault);

/* Records what marks mean now. */
int marks_write(const struct config *config, struct fault *fault);
