/*
 * Single bits of nginx's structs, as C places them.
 *
 * Rust has no bit fields, and bindgen places those wrong that share their first word with a smaller
 * field before them: since nginx 1.29.3 those of ngx_http_request_t. So the module reaches the bits of a
 * request through the functions here. For the other structs, and for the size and the fields behind the
 * bits, check_bits() in layout.rs compares what bindgen has made with this file when the module is
 * loaded.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* Another module may be written like this one, and nginx loads all of them into one namespace. */
#pragma GCC visibility push(hidden)

#define GET(type, bit)                                                                             \
    ngx_uint_t cors_policy_##type##_##bit(const type *it);                                         \
    ngx_uint_t cors_policy_##type##_##bit(const type *it) { return it->bit; }

#define SET(type, bit)                                                                             \
    void cors_policy_##type##_set_##bit(type *it, ngx_uint_t value);                               \
    void cors_policy_##type##_set_##bit(type *it, ngx_uint_t value) { it->bit = value; }

GET(ngx_http_request_t, background)
GET(ngx_http_request_t, filter_finalize)
GET(ngx_http_request_t, header_only)
GET(ngx_http_request_t, header_sent)
GET(ngx_http_request_t, internal)
GET(ngx_http_request_t, post_action)

SET(ngx_http_request_t, error_page)

/* Whether nginx itself terminates TLS, or QUIC, for the request. */
ngx_uint_t cors_policy_ngx_http_request_t_is_tls(const ngx_http_request_t *r);
ngx_uint_t
cors_policy_ngx_http_request_t_is_tls(const ngx_http_request_t *r)
{
#if (NGX_HTTP_SSL)
    return r->connection->ssl != NULL;
#else
    (void) r;
    return 0;
#endif
}

/* Has the response end with its header, as that to HEAD. */
void cors_policy_ngx_http_request_t_end_with_header(ngx_http_request_t *r);
void
cors_policy_ngx_http_request_t_end_with_header(ngx_http_request_t *r)
{
    r->header_only = 1;
    r->expect_trailers = 0;
    r->allow_ranges = 0;
}

/* To compare with. */
SET(ngx_buf_t, memory)
SET(ngx_buf_t, last_buf)
SET(ngx_buf_t, last_in_chain)
SET(ngx_event_t, timer_set)
SET(ngx_event_t, cancelable)
SET(ngx_variable_value_t, len)
SET(ngx_variable_value_t, valid)
SET(ngx_variable_value_t, no_cacheable)
SET(ngx_variable_value_t, not_found)

/* The size of a request, and where the fields behind its bits are. */
extern const size_t cors_policy_request[3];
const size_t cors_policy_request[3] = {
    sizeof(ngx_http_request_t),
    offsetof(ngx_http_request_t, host_start),
    offsetof(ngx_http_request_t, host_end),
};

#pragma GCC visibility pop
