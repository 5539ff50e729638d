#define _GNU_SOURCE
#include "cplatform.h"
#include <errno.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static _Thread_local void *slot = NULL;

uint64_t cplatform_thread_id(void) { return (uint64_t)pthread_self(); }

void *cplatform_thread_slot(void) { return slot; }

void cplatform_set_thread_slot(void *pointer) { slot = pointer; }

int cplatform_usable_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

static int release_code(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size;
    (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        // Nobody writes to such a segment, so its pages are those of the file.
        if (segment->p_type != PT_LOAD || (segment->p_flags & (PF_X | PF_W)) != PF_X) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
        // The kernel's own page of code is no file's, and cannot be let go of: that it refuses is fine.
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void cplatform_release_start_memory(void) {
    malloc_trim(0);
    dl_iterate_phdr(release_code, NULL);
}

void cplatform_release_freed_memory(void) { malloc_trim(0); }

int cplatform_accept(int listening) { return accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int cplatform_ignore_new_connections(int listening) {
    // Byte 13 of a TCP header holds its flags; 0x02 is SYN. The filter of a TCP socket sees packets from that header on.
    struct sock_filter code[] = {
        {BPF_LD | BPF_B | BPF_ABS, 0, 0, 13},
        {BPF_JMP | BPF_JSET | BPF_K, 0, 1, 0x02},
        {BPF_RET | BPF_K, 0, 0, 0},
        {BPF_RET | BPF_K, 0, 0, 0xffffffff},
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return setsockopt(listening, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int cplatform_bell(void) { return eventfd(0, EFD_CLOEXEC); }

void cplatform_ring(int bell) { (void)eventfd_write(bell, 1); }

int cplatform_wait_readable(int descriptor, int milliseconds) {
    struct pollfd entry = {descriptor, POLLIN, 0};
    int count;
    do {
        count = poll(&entry, 1, milliseconds);
    } while (count < 0 && errno == EINTR);
    return count > 0;
}

uint64_t cplatform_acknowledged_bytes(int socket) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_acked : 0;
}
