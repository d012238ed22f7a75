// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a program, and lets one of its calls to the kernel fail, or one of its allocations.
// It traces the program and its copies of itself; allocations are counted by inject-memory.so.

#include "inject.h"
#include "inject-look.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEPTH 200
#define CALLERS 5
#define MOST_TRACED 64
/* A number that no message of the kernel's has. */
#define UNKNOWN_TYPE 0x7f

static struct injection *injection;
static struct range {
	unsigned long base, from, to;
} program;

/* A process that is traced. */
static struct traced {
	pid_t pid;
	bool foreign; /* it has become another program */
	bool chosen;  /* it is in the call that is to fail */
} traced[MOST_TRACED];

static struct traced *find(pid_t pid)
{
	struct traced *unused = NULL;

	for (int i = 0; i < MOST_TRACED; i++) {
		if (traced[i].pid == pid)
			return &traced[i];
		if (traced[i].pid == 0 && !unused)
			unused = &traced[i];
	}
	if (!unused)
		abort();
	*unused = (struct traced){ .pid = pid };
	return unused;
}

static bool is_of_kind(pid_t pid, const struct user_regs_struct *regs)
{
	unsigned long number = regs->orig_rax;
	struct nlmsghdr message;

	switch (injection->kind) {
	case KIND_SYSCALL:
		return usual_error(number) != 0;
	case KIND_SHORT:
		return (number == SYS_read || number == SYS_write || number == SYS_sendto ||
			number == SYS_recvfrom) &&
		       regs->rdx > 1 && !is_netlink(pid, (int)regs->rdi);
	case KIND_REFUSED:
		return (number == SYS_sendto || number == SYS_sendmsg) &&
		       find_request(pid, regs, &message);
	case KIND_LOST:
	case KIND_CUT:
	case KIND_INTERRUPTED:
	case KIND_BROKEN:
		return (number == SYS_recvfrom || number == SYS_recvmsg) &&
		       is_netlink(pid, (int)regs->rdi);
	default:
		return false;
	}
}

/* An answer that has come: whether it is of the kind. */
static bool has_answer(pid_t pid, const struct user_regs_struct *regs)
{
	struct nlmsghdr message;
	size_t size;
	unsigned long at = data_of(pid, regs, &size);

	if ((long)regs->rax < NLMSG_HDRLEN || !at || !peek(pid, at, &message, sizeof(message)))
		return false;
	return injection->kind < KIND_INTERRUPTED || injection->kind == KIND_CUT ||
	       message.nlmsg_flags & NLM_F_MULTI;
}

static uint64_t site(pid_t pid, const struct user_regs_struct *regs)
{
	uint64_t hash = regs->orig_rax;
	unsigned long stack[DEPTH];

	if (!peek(pid, regs->rsp, stack, sizeof(stack)))
		return hash;
	for (int i = 0, found = 0; i < DEPTH && found < CALLERS; i++) {
		if (stack[i] < program.from || stack[i] >= program.to)
			continue;
		hash = (hash ^ stack[i]) * 0x100000001b3;
		found++;
	}
	return hash;
}

/* Counts it; true: it is the one. */
static bool choose(pid_t pid, const struct user_regs_struct *regs)
{
	uint32_t number = ++injection->calls;

	if (number <= MOST_CALLS && injection->number == 0)
		injection->sites[number - 1] = site(pid, regs);
	if (number != injection->number)
		return false;
	injection->failed = 1;
	injection->call = (uint32_t)regs->orig_rax;
	return true;
}

/* ---- what is done to it ---- */

static void before_call(struct traced *it, struct user_regs_struct *regs)
{
	struct nlmsghdr message;
	unsigned long at;

	it->chosen = false;
	if (injection->kind >= KIND_LOST && injection->kind != KIND_REFUSED)
		return; /* when the answer is there */
	if (!is_of_kind(it->pid, regs) || !choose(it->pid, regs))
		return;
	it->chosen = true;
	if (injection->kind == KIND_SYSCALL)
		regs->orig_rax = (unsigned long)-1; /* the kernel does nothing */
	if (injection->kind == KIND_SHORT)
		regs->rdx = 1;
	if (injection->kind == KIND_REFUSED && (at = find_request(it->pid, regs, &message))) {
		message.nlmsg_type |= UNKNOWN_TYPE;
		poke(it->pid, at, &message, sizeof(message));
	}
	ptrace(PTRACE_SETREGS, it->pid, NULL, regs);
}

/* What the kernel says at the end of a dump that fails. */
static void break_dump(pid_t pid, struct user_regs_struct *regs, unsigned long at)
{
	struct {
		struct nlmsghdr header;
		int error;
	} done = { .error = -(int)(injection->error ? injection->error : EIO) };

	peek(pid, at, &done.header, sizeof(done.header));
	done.header.nlmsg_len = sizeof(done);
	done.header.nlmsg_type = NLMSG_DONE;
	poke(pid, at, &done, sizeof(done));
	regs->rax = sizeof(done);
}

static void change_answer(pid_t pid, struct user_regs_struct *regs)
{
	struct nlmsghdr message;
	size_t size;
	unsigned long at = data_of(pid, regs, &size);

	peek(pid, at, &message, sizeof(message));
	switch (injection->kind) {
	case KIND_LOST:
		regs->rax = (unsigned long)-ENOBUFS;
		break;
	case KIND_CUT:
		/* Who asks how long it was is told; others see the half of it. */
		regs->rax = regs->orig_rax == SYS_recvfrom && regs->r10 & MSG_TRUNC ? size + 1
										    : regs->rax / 2;
		break;
	case KIND_INTERRUPTED:
		message.nlmsg_flags |= NLM_F_DUMP_INTR;
		poke(pid, at, &message, sizeof(message));
		break;
	default:
		break_dump(pid, regs, at);
	}
}

static void after_call(struct traced *it, struct user_regs_struct *regs)
{
	switch (injection->kind) {
	case KIND_SYSCALL:
		if (!it->chosen)
			return;
		regs->rax = (unsigned long)-(long)(injection->error ? (int)injection->error
								    : usual_error(injection->call));
		break;
	case KIND_LOST:
	case KIND_CUT:
	case KIND_INTERRUPTED:
	case KIND_BROKEN:
		if (!is_of_kind(it->pid, regs) || !has_answer(it->pid, regs) ||
		    !choose(it->pid, regs))
			return;
		change_answer(it->pid, regs);
		break;
	default:
		return;
	}
	ptrace(PTRACE_SETREGS, it->pid, NULL, regs);
}

static void on_call(struct traced *it)
{
	struct __ptrace_syscall_info info = {};
	struct user_regs_struct regs;

	if (it->foreign || !injection->begun || ptrace(PTRACE_GETREGS, it->pid, NULL, &regs) < 0)
		return;
	ptrace(PTRACE_GET_SYSCALL_INFO, it->pid, sizeof(info), &info);
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		before_call(it, &regs);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		after_call(it, &regs);
}

/* ---- tracing ---- */

/* The code of the program, for which its addresses are the same each time. */
static void find_program(pid_t pid)
{
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		char *end;
		unsigned long from = strtoul(line, &end, 16);

		if (program.base == 0)
			program.base = from;
		if (!strstr(line, " r-xp ") || *end != '-')
			continue;
		program.from = from;
		program.to = strtoul(end + 1, NULL, 16);
		break;
	}
	if (maps)
		fclose(maps);
}

static void forward(int number)
{
	kill((pid_t)injection->pid, number);
}

/* For addr2line: the program's own part of the stack. */
static void tell_crash(pid_t pid, int number)
{
	unsigned long stack[DEPTH] = {};
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
		return;
	fprintf(stderr, "inject: process %d: signal %d:", (int)pid, number);
	peek(pid, regs.rsp, stack, sizeof(stack));
	for (int i = -1; i < DEPTH; i++) {
		unsigned long at = i < 0 ? regs.rip : stack[i];

		if (at >= program.from && at < program.to)
			fprintf(stderr, " %#lx", at - program.base);
	}
	fputc('\n', stderr);
}

static void on_stop(pid_t pid, int status)
{
	struct traced *it = find(pid);
	int number = WSTOPSIG(status), event = status >> 16;
	static bool has_program;

	if (number == (SIGTRAP | 0x80)) {
		on_call(it);
		number = 0;
	} else if (event == PTRACE_EVENT_EXEC) {
		if (!has_program)
			find_program(pid);
		it->foreign = has_program;
		has_program = true;
		number = 0;
	} else if (event || number == SIGSTOP) {
		number = 0;
	} else if (number == SIGSEGV || number == SIGABRT || number == SIGBUS) {
		tell_crash(pid, number);
	}
	ptrace(PTRACE_SYSCALL, pid, NULL, number);
}

static int trace(void)
{
	int status, result = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid < 0)
			continue;
		if (WIFSTOPPED(status)) {
			on_stop(pid, status);
			continue;
		}
		*find(pid) = (struct traced){};
		if ((uint32_t)pid == injection->pid)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return result;
}

static void run(const char *path, char **argv)
{
	const char *library = getenv("INJECT_LIBRARY");

	if (!library)
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	personality(ADDR_NO_RANDOMIZE);
	setenv("LD_PRELOAD", library, 1);
	unsetenv("INJECT_LIBRARY");
	setenv("INJECTION", path, 1);
	if (injection->kind != KIND_MEMORY) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) {
			perror("inject: ptrace");
			_exit(125);
		}
		raise(SIGSTOP);
	}
	execvp(argv[0], argv);
	_exit(127);
}

/* inject FILE PROGRAM ARGUMENT... */
int main(int argc, char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	struct sigaction forwarded = { .sa_handler = forward };
	int fd = argc > 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1, status;
	pid_t pid;

	injection =
		fd < 0 ? MAP_FAILED
		       : mmap(NULL, sizeof(*injection), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (injection == MAP_FAILED)
		return 126;
	pid = fork();
	if (pid < 0)
		return 126;
	if (pid == 0)
		run(argv[1], argv + 2);
	injection->pid = (uint32_t)pid;
	sigaction(SIGTERM, &forwarded, NULL);
	sigaction(SIGHUP, &forwarded, NULL);
	if (injection->kind == KIND_MEMORY)
		return trace();
	if (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		ptrace(PTRACE_SETOPTIONS, pid, NULL, options);
	ptrace(PTRACE_SYSCALL, pid, NULL, 0);
	return trace();
}
