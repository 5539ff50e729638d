#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <uv.h>

// libuv's handles inherit by layout, which Swift cannot see: it has one struct per kind. The casts are made here, once.
static inline uv_handle_t *cuv_handle(void *handle) { return (uv_handle_t *)handle; }
static inline uv_stream_t *cuv_stream(void *handle) { return (uv_stream_t *)handle; }
static inline void *cuv_data(const void *handle) { return ((const uv_handle_t *)handle)->data; }
static inline void cuv_set_data(void *handle, void *data) { ((uv_handle_t *)handle)->data = data; }
