// SPDX-License-Identifier: GPL-2.0-or-later
// Ranges sorted by their beginnings, as a tree: the root is in the middle of the array.
// Each entry knows how far the ranges below it reach, so that a search leaves out whole branches.

#include "base/range_index.h"

#include "base/util.h"

void range_index_done(struct range_index *index)
{
	free(index->v);
	*index = (struct range_index){};
}

void range_numbers_done(struct range_numbers *numbers)
{
	free(numbers->v);
	*numbers = (struct range_numbers){};
}

int range_index_add(struct range_index *index, struct range range, size_t number)
{
	return APPEND(index->v, index->n, (struct range_entry){ range, range.last, number });
}

static int by_first(const void *a, const void *b)
{
	const struct range_entry *left = a, *right = b;

	return point_cmp(left->range.first, right->range.first);
}

static void reach(struct point *end, const struct range_entry *branch)
{
	if (point_cmp(*end, branch->end) < 0)
		*end = branch->end;
}

/* Works out the ends of n > 0 entries, and returns their root. */
static struct range_entry *make_tree(struct range_entry *v, size_t n)
{
	struct range_entry *root = v + n / 2;

	if (root > v)
		reach(&root->end, make_tree(v, n / 2));
	if (root + 1 < v + n)
		reach(&root->end, make_tree(root + 1, n - n / 2 - 1));
	return root;
}

void range_index_sort(struct range_index *index)
{
	if (index->n == 0)
		return;
	qsort(index->v, index->n, sizeof(*index->v), by_first);
	make_tree(index->v, index->n);
}

size_t range_index_spread(const struct range_index *index)
{
	size_t spread = index->n > 0;

	for (size_t i = 1; i < index->n; i++)
		spread += by_first(&index->v[i - 1], &index->v[i]) != 0;
	return spread;
}

static int search(const struct range_entry *v, size_t n, const struct range *with,
		  struct range_numbers *ret)
{
	const struct range_entry *root = v + n / 2;
	int r;

	if (n == 0 || point_cmp(root->end, with->first) < 0)
		return 0;
	r = search(v, n / 2, with, ret);
	if (r < 0 || point_cmp(root->range.first, with->last) > 0)
		return r;
	if (point_cmp(root->range.last, with->first) >= 0 &&
	    APPEND(ret->v, ret->n, root->number) < 0)
		return -ENOMEM;
	return search(root + 1, n - n / 2 - 1, with, ret);
}

static int by_number(const void *a, const void *b)
{
	size_t left = *(const size_t *)a, right = *(const size_t *)b;

	return (left > right) - (left < right);
}

int range_index_find(const struct range_index *index, struct range with, struct range_numbers *ret)
{
	int r;

	ret->n = 0;
	r = search(index->v, index->n, &with, ret);
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_number);
	return r;
}
