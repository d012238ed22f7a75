// SPDX-License-Identifier: GPL-2.0-or-later
// The lab's LD_PRELOAD library that steps the clock of a program; never installed.
// A test writes into the file STEPPING, which is mapped here, how many seconds the time is off.

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const int64_t *seconds;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("STEPPING");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	const void *map =
		fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*seconds), PROT_READ, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (map != MAP_FAILED)
		seconds = map;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(clock, ret);

	if (r == 0 && seconds && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret->tv_sec += *seconds;
	return r;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
