#pragma once
#include <stdint.h>

/// A number that is the same for every call on one thread and differs between live threads.
/// It is a call into another translation unit on purpose: glibc declares pthread_self() `const`, so a compiler may
/// keep its value across a suspension point, after which the code may run on another thread.
uint64_t cplatform_thread_id(void);

/// The pointer last given to cplatform_set_thread_slot() on this thread, or NULL.
void *cplatform_thread_slot(void);

/// Remembers one pointer for this thread.
void cplatform_set_thread_slot(void *pointer);

/// Cores this process may run on by its CPU affinity, at least 1.
int cplatform_usable_cores(void);

/// Releases memory that only the start needed: freed heap, and the pages of code that nothing has run since, which the
/// kernel maps in clusters of sixteen. Code that is run again is mapped again from the page cache.
void cplatform_release_start_memory(void);

/// Gives freed heap back to the system (malloc_trim(3)): of every arena, whichever thread it was freed on.
void cplatform_release_freed_memory(void);

/// accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC: glibc shows it to GNU sources only, which Swift's import is not.
/// A descriptor, or -1 with errno set.
int cplatform_accept(int listening);

/// Makes a listening TCP socket ignore new connections while those whose handshake has begun still get through: a
/// socket filter drops what has SYN set (RFC 9293 §3.5), so that a client asks again and finds the port closed instead
/// of a connection that is reset. 0, or -1 with errno set.
int cplatform_ignore_new_connections(int listening);

/// An eventfd(2) at zero, or -1 with errno set: glibc's header is not in what Swift imports.
int cplatform_bell(void);

/// Makes a bell readable for good.
void cplatform_ring(int bell);

/// Waits until `descriptor` is readable, or for that many milliseconds. 1 when it is, 0 when the time is up.
int cplatform_wait_readable(int descriptor, int milliseconds);

/// Bytes that the peer's kernel has acknowledged since the connection was made (tcpi_bytes_acked, tcp(7)); 0 when the kernel
/// does not say.
uint64_t cplatform_acknowledged_bytes(int socket);
