/*
 * Lets user-mode Linux 6.1 run on processors that keep more extended state (XSAVE) for a traced process than its buffers hold: a
 * kernel takes that state whole or not at all. What user-mode Linux knows is exchanged, what lies behind it begins anew; so what
 * runs in it must not use that (GLIBC_TUNABLES).
 *
 *   cc -shared -fPIC -o whole-xstate.so whole-xstate.c; LD_PRELOAD=whole-xstate.so linux.uml ...
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define GETREGSET 0x4204
#define SETREGSET 0x4205
#define XSTATE 0x202
/* Where the header's bits say which components follow: x87, SSE and AVX are those that user-mode Linux has room for. */
#define XSTATE_BV 512
#define KNOWN 7UL

static char whole[65536] __attribute__((aligned(64)));

long ptrace(int request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	long pid = va_arg(arguments, int);
	unsigned long address = va_arg(arguments, unsigned long);
	void *data = va_arg(arguments, void *);
	va_end(arguments);
	if (request == SETREGSET && address == XSTATE) {
		struct iovec *given = data;
		struct iovec state = { whole, sizeof(whole) };
		if (syscall(SYS_ptrace, GETREGSET, pid, XSTATE, &state) == 0 && given->iov_len < state.iov_len) {
			unsigned long components;
			memset(whole + given->iov_len, 0, state.iov_len - given->iov_len);
			memcpy(whole, given->iov_base, given->iov_len);
			memcpy(&components, whole + XSTATE_BV, sizeof(components));
			components &= KNOWN;
			memcpy(whole + XSTATE_BV, &components, sizeof(components));
			return syscall(SYS_ptrace, SETREGSET, pid, XSTATE, &state);
		}
	}
	/* The system call writes a word that it is asked for; the library returns it. */
	if (request >= 1 && request <= 3) {
		long word;
		long failed = syscall(SYS_ptrace, request, pid, address, &word);
		return failed == 0 ? word : failed;
	}
	return syscall(SYS_ptrace, request, pid, address, data);
}
