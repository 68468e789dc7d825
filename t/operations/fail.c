/* Makes allocations of a process fail, to be loaded by LD_PRELOAD: FAIL_CONTROL names a file of three
 * numbers, which may change while the process runs: which of the next allocations is to fail, 0 for
 * none; how large one must be to count; and 1 to count shared memory in place of the heap. */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static volatile long *control;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAIL_CONTROL");
    int file = path ? open(path, O_RDWR) : -1;
    void *map = file < 0 ? MAP_FAILED
                         : mmap(NULL, 3 * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    if (map != MAP_FAILED)
        control = map;
}

static int fails_as(int shared, size_t size)
{
    if (!control || control[0] <= 0 || size < (size_t) control[1] || shared != control[2])
        return 0;
    if (__sync_sub_and_fetch(&control[0], 1) != 0)
        return 0;
    errno = ENOMEM;
    return 1;
}

static int fails(size_t size)
{
    return fails_as(0, size);
}

void *malloc(size_t size)
{
    return fails(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return fails(number * size) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    /* To give memory back does not fail. */
    int grows = !old || size > malloc_usable_size(old);

    return grows && fails(size) ? NULL : __libc_realloc(old, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    if (fails(size))
        return ENOMEM;
    *result = __libc_memalign(alignment, size);
    return *result ? 0 : ENOMEM;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(size) ? NULL : __libc_memalign(alignment, size);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if ((flags & MAP_SHARED) && fails_as(1, size))
        return MAP_FAILED;
    return (void *) syscall(SYS_mmap, address, size, protection, flags, file, offset);
}

/* What mmap is called where files may be large. */
void *mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset)
    __attribute__((alias("mmap")));
