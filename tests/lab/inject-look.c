// SPDX-License-Identifier: GPL-2.0-or-later
// What a system call of a traced process is about.
// Reads and writes its memory; whether a socket is netlink's is asked of a copy of it.

#include "inject-look.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

bool peek(pid_t pid, unsigned long at, void *data, size_t size)
{
	struct iovec here = { data, size }, there = { (void *)at, size };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

bool poke(pid_t pid, unsigned long at, const void *data, size_t size)
{
	struct iovec here = { (void *)data, size }, there = { (void *)at, size };

	return process_vm_writev(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

int usual_error(unsigned long number)
{
	switch (number) {
	case SYS_open:
	case SYS_openat:
	case SYS_socket:
	case SYS_socketpair:
	case SYS_pipe2:
	case SYS_dup:
	case SYS_dup2:
	case SYS_epoll_create1:
	case SYS_timerfd_create:
	case SYS_eventfd2:
	case SYS_signalfd4:
	case SYS_inotify_init1:
	case SYS_accept4:
		return EMFILE;
	case SYS_read:
	case SYS_pread64:
	case SYS_fstat:
	case SYS_stat:
	case SYS_newfstatat:
	case SYS_getdents64:
		return EIO;
	case SYS_write:
	case SYS_writev:
	case SYS_rename:
	case SYS_mkdir:
		return ENOSPC;
	case SYS_unlink:
	case SYS_rmdir:
		return EROFS;
	case SYS_sendto:
	case SYS_sendmsg:
		return ENOBUFS;
	case SYS_flock:
		return ENOLCK;
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		return EAGAIN;
	case SYS_wait4:
	case SYS_waitid:
	case SYS_poll:
	case SYS_ppoll:
	case SYS_epoll_wait:
	case SYS_clock_nanosleep:
		return EINTR;
	case SYS_bind:
	case SYS_connect:
	case SYS_unshare:
	case SYS_mount:
	case SYS_fcntl:
		return EPERM;
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_mmap:
	case SYS_mprotect:
	case SYS_setsockopt:
	case SYS_getsockopt:
	case SYS_getsockname:
	case SYS_ioctl:
	case SYS_epoll_ctl:
	case SYS_timerfd_settime:
	case SYS_readlink:
	case SYS_readlinkat:
	case SYS_getrandom:
		return ENOMEM;
	default:
		return 0;
	}
}

unsigned long data_of(pid_t pid, const struct user_regs_struct *regs, size_t *size)
{
	struct msghdr message;
	struct iovec part;

	*size = regs->rdx;
	if (regs->orig_rax == SYS_recvfrom || regs->orig_rax == SYS_sendto)
		return regs->rsi;
	if ((regs->orig_rax != SYS_recvmsg && regs->orig_rax != SYS_sendmsg) ||
	    !peek(pid, regs->rsi, &message, sizeof(message)) || message.msg_iovlen < 1 ||
	    !peek(pid, (unsigned long)message.msg_iov, &part, sizeof(part)))
		return 0;
	*size = part.iov_len;
	return (unsigned long)part.iov_base;
}

bool is_netlink(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), ours, domain = 0;
	socklen_t size = sizeof(domain);

	ours = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (ours >= 0)
		getsockopt(ours, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	close(ours);
	close(pidfd);
	return domain == AF_NETLINK;
}

unsigned long find_request(pid_t pid, const struct user_regs_struct *regs, struct nlmsghdr *ret)
{
	size_t size;
	unsigned long at = data_of(pid, regs, &size);

	if (!at || !is_netlink(pid, (int)regs->rdi) || !peek(pid, at, ret, sizeof(*ret)))
		return 0;
	if (ret->nlmsg_type == NLMSG_MIN_TYPE) { /* NFNL_MSG_BATCH_BEGIN */
		at += NLMSG_ALIGN(ret->nlmsg_len);
		if (!peek(pid, at, ret, sizeof(*ret)))
			return 0;
	}
	return at;
}
