/* Test equipment of the fault battery, loaded into the binary under test with LD_PRELOAD (Linux, glibc).
 *
 * Writes down, in order and with the data, everything that changes files under one folder and everything that makes changes last, so that
 * the battery can tell afterwards what a power cut at any moment would have left. Sending over a network is noted with its first bytes.
 *
 * BATTERY_JOURNAL_ROOT is the folder, BATTERY_JOURNAL_FILE the file to write into, which is elsewhere. Several processes may write into it:
 * the command, and a database server with all its children. Two locks, one among threads and one among processes, are held over an
 * operation and its record, so the order of the records is the order of what happened. Nothing is really synced: it would only take time.
 *
 * A record: one byte of what, then inode, offset (u64), length of a path, of a second path, of data (u32), all in the machine's order;
 * then both paths and the data. C created, O opened, T cut to the offset, W written, S synced, M folder made, D folder synced, R renamed,
 * L linked, U removed, N sent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 65536
#define HEAD 48

struct known {
    uint64_t inode;
    char *folder; /* of a folder: its path */
};

static struct known *files[MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static int journal = -1;

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("BATTERY_JOURNAL_ROOT"), *file = getenv("BATTERY_JOURNAL_FILE");
    if (!folder || !file || !realpath(folder, root)) return;
    journal = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* A signal's handler may write too, and must not wait for what it has interrupted. */
static void enter(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
    pthread_mutex_lock(&lock);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    if (journal >= 0 && syscall(SYS_fcntl, journal, F_SETLKW, &whole) != 0) abort();
}

static void leave(const sigset_t *before) {
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int error = errno;
    if (journal >= 0) syscall(SYS_fcntl, journal, F_SETLK, &whole);
    errno = error;
    pthread_mutex_unlock(&lock);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* One write, so that a process that is killed leaves no half of a record among those of others. */
static void note(char what, uint64_t inode, uint64_t offset, const char *path, const char *other, const struct iovec *data, int parts,
                 size_t length) {
    uint32_t lengths[3] = {path ? (uint32_t)strlen(path) : 0, other ? (uint32_t)strlen(other) : 0, (uint32_t)length};
    char head[29];
    head[0] = what;
    memcpy(head + 1, &inode, 8);
    memcpy(head + 9, &offset, 8);
    memcpy(head + 17, lengths, 12);
    struct iovec all[IOV_MAX];
    int used = 0;
    size_t total = sizeof head + lengths[0] + lengths[1] + length;
    all[used++] = (struct iovec){head, sizeof head};
    if (path) all[used++] = (struct iovec){(void *)path, lengths[0]};
    if (other) all[used++] = (struct iovec){(void *)other, lengths[1]};
    for (int part = 0; part < parts && length > 0 && used < IOV_MAX; part++) {
        size_t some = data[part].iov_len < length ? data[part].iov_len : length;
        all[used++] = (struct iovec){data[part].iov_base, some};
        length -= some;
    }
    if (length > 0 || syscall(SYS_writev, journal, all, used) != (long)total) abort();
}

/* The path below the folder, without the slash before it; nothing for what is elsewhere. */
static const char *below(const char *path, char *whole) {
    if (journal < 0 || !path) return NULL;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return NULL;
        int length = snprintf(whole, PATH_MAX, "%s/%s", here, path);
        if (length >= PATH_MAX) return NULL;
    }
    /* A folder may be named by a point after itself. */
    size_t end = strlen(whole);
    while (end > 1 && (whole[end - 1] == '/' || (whole[end - 1] == '.' && whole[end - 2] == '/'))) whole[--end] = 0;
    for (char *point; (point = strstr(whole, "/./"));) memmove(point, point + 2, strlen(point + 2) + 1);
    size_t length = strlen(root);
    if (strncmp(whole, root, length) != 0 || (whole[length] != '/' && whole[length] != 0)) return NULL;
    return whole[length] ? whole + length + 1 : whole + length;
}

static struct known *known(int file) { return file >= 0 && file < MOST ? files[file] : NULL; }

static int opened(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    const char *name = at == AT_FDCWD || (path && path[0] == '/') ? below(path, whole) : NULL;
    if (!name) return (int)syscall(SYS_openat, at, path, flags, mode);
    sigset_t before;
    enter(&before);
    struct stat found;
    int existed = syscall(SYS_newfstatat, at, path, &found, 0) == 0;
    int file = (int)syscall(SYS_openat, at, path, flags, mode), error = errno;
    if (file >= 0 && file < MOST && syscall(SYS_fstat, file, &found) == 0) {
        struct known *entry = calloc(1, sizeof *entry);
        entry->inode = found.st_ino;
        if (S_ISDIR(found.st_mode)) {
            entry->folder = strdup(name);
        } else {
            note(existed ? 'O' : 'C', found.st_ino, 0, name, NULL, NULL, 0, 0);
            if (existed && (flags & O_TRUNC)) note('T', found.st_ino, 0, NULL, NULL, NULL, 0, 0);
        }
        files[file] = entry;
    }
    leave(&before);
    errno = error;
    return file;
}

#define MODE(flags, last)                                                                                                                    \
    mode_t mode = 0;                                                                                                                         \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                                                   \
        va_list more;                                                                                                                        \
        va_start(more, last);                                                                                                                \
        mode = va_arg(more, mode_t);                                                                                                         \
        va_end(more);                                                                                                                        \
    }

int open(const char *path, int flags, ...) { MODE(flags, flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, flags) return opened(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int file) {
    if (known(file)) {
        sigset_t before;
        enter(&before);
        struct known *entry = files[file];
        files[file] = NULL;
        leave(&before);
        if (entry) {
            free(entry->folder);
            free(entry);
        }
    }
    return (int)syscall(SYS_close, file);
}

/* Before anything is sent: whoever receives it may act on it at once. */
static void sending(int file, const struct iovec *data, int parts) {
    if (journal < 0 || parts < 1) return;
    int kind = 0;
    socklen_t length = sizeof kind;
    if (getsockopt(file, SOL_SOCKET, SO_TYPE, &kind, &length) != 0) return;
    size_t sent = 0;
    for (int part = 0; part < parts; part++) sent += data[part].iov_len;
    sigset_t before;
    enter(&before);
    note('N', 0, sent, NULL, NULL, data, parts, sent < HEAD ? sent : HEAD);
    leave(&before);
}

static ssize_t written(int file, const struct iovec *data, int parts, off_t offset, int placed) {
    struct known *entry = known(file);
    if (!entry) {
        if (!placed) sending(file, data, parts);
        return placed ? syscall(SYS_pwritev, file, data, parts, offset, 0) : syscall(SYS_writev, file, data, parts);
    }
    sigset_t before;
    enter(&before);
    ssize_t done = placed ? syscall(SYS_pwritev, file, data, parts, offset, 0) : syscall(SYS_writev, file, data, parts);
    int error = errno;
    if (done > 0) {
        if (!placed) offset = (off_t)syscall(SYS_lseek, file, 0, SEEK_CUR) - done;
        note('W', entry->inode, (uint64_t)offset, NULL, NULL, data, parts, (size_t)done);
    }
    leave(&before);
    errno = error;
    return done;
}

ssize_t write(int file, const void *bytes, size_t length) {
    struct iovec data = {(void *)bytes, length};
    return written(file, &data, 1, 0, 0);
}
ssize_t writev(int file, const struct iovec *data, int parts) { return written(file, data, parts, 0, 0); }
ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
    struct iovec data = {(void *)bytes, length};
    return written(file, &data, 1, offset, 1);
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off_t offset) { return pwrite(file, bytes, length, offset); }
ssize_t pwritev(int file, const struct iovec *data, int parts, off_t offset) { return written(file, data, parts, offset, 1); }
ssize_t pwritev64(int file, const struct iovec *data, int parts, off_t offset) { return written(file, data, parts, offset, 1); }

ssize_t send(int file, const void *bytes, size_t length, int flags) {
    struct iovec data = {(void *)bytes, length};
    sending(file, &data, 1);
    return syscall(SYS_sendto, file, bytes, length, flags, NULL, 0);
}
ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
    sending(file, message->msg_iov, (int)message->msg_iovlen);
    return syscall(SYS_sendmsg, file, message, flags);
}

int ftruncate(int file, off_t length) {
    struct known *entry = known(file);
    if (!entry) return (int)syscall(SYS_ftruncate, file, length);
    sigset_t before;
    enter(&before);
    int done = (int)syscall(SYS_ftruncate, file, length), error = errno;
    if (done == 0) note('T', entry->inode, (uint64_t)length, NULL, NULL, NULL, 0, 0);
    leave(&before);
    errno = error;
    return done;
}
int ftruncate64(int file, off_t length) { return ftruncate(file, length); }

/* Room that is taken up in advance reads as zeros. */
static int taken_up(int file, int how, off_t offset, off_t length) {
    struct known *entry = known(file);
    if (!entry) return (int)syscall(SYS_fallocate, file, how, offset, length);
    sigset_t before;
    enter(&before);
    int done = (int)syscall(SYS_fallocate, file, how, offset, length), error = errno;
    struct stat found;
    if (done == 0 && how == 0 && syscall(SYS_fstat, file, &found) == 0 && found.st_size == offset + length) {
        note('T', entry->inode, (uint64_t)found.st_size, NULL, NULL, NULL, 0, 0);
    }
    leave(&before);
    errno = error;
    return done;
}
int fallocate(int file, int how, off_t offset, off_t length) { return taken_up(file, how, offset, length); }
int fallocate64(int file, int how, off_t offset, off_t length) { return taken_up(file, how, offset, length); }
int posix_fallocate(int file, off_t offset, off_t length) { return taken_up(file, 0, offset, length) == 0 ? 0 : errno; }
int posix_fallocate64(int file, off_t offset, off_t length) { return posix_fallocate(file, offset, length); }

int fsync(int file) {
    struct known *entry = known(file);
    if (!entry) return (int)syscall(SYS_fsync, file);
    sigset_t before;
    enter(&before);
    note(entry->folder ? 'D' : 'S', entry->inode, 0, entry->folder, NULL, NULL, 0, 0);
    leave(&before);
    return 0;
}
int fdatasync(int file) { return fsync(file); }

static int named(char what, const char *path, const char *other, long done, const sigset_t *before) {
    char whole[PATH_MAX], second[PATH_MAX];
    const char *name = below(path, whole), *next = other ? below(other, second) : NULL;
    int error = errno;
    if (done == 0 && name && (!other || next)) note(what, 0, 0, name, next, NULL, 0, 0);
    leave(before);
    errno = error;
    return (int)done;
}

int rename(const char *from, const char *to) {
    sigset_t before;
    enter(&before);
    return named('R', from, to, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0), &before);
}
int renameat(int at, const char *from, int into, const char *to) {
    sigset_t before;
    enter(&before);
    return named('R', from, to, syscall(SYS_renameat2, at, from, into, to, 0), &before);
}
int link(const char *from, const char *to) {
    sigset_t before;
    enter(&before);
    return named('L', from, to, syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0), &before);
}
int linkat(int at, const char *from, int into, const char *to, int flags) {
    sigset_t before;
    enter(&before);
    return named('L', from, to, syscall(SYS_linkat, at, from, into, to, flags), &before);
}
int unlink(const char *path) {
    sigset_t before;
    enter(&before);
    return named('U', path, NULL, syscall(SYS_unlinkat, AT_FDCWD, path, 0), &before);
}
int unlinkat(int at, const char *path, int flags) {
    sigset_t before;
    enter(&before);
    return named('U', path, NULL, syscall(SYS_unlinkat, at, path, flags), &before);
}
int rmdir(const char *path) {
    sigset_t before;
    enter(&before);
    return named('U', path, NULL, syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR), &before);
}
int mkdir(const char *path, mode_t mode) {
    sigset_t before;
    enter(&before);
    return named('M', path, NULL, syscall(SYS_mkdirat, AT_FDCWD, path, mode), &before);
}
int mkdirat(int at, const char *path, mode_t mode) {
    sigset_t before;
    enter(&before);
    return named('M', path, NULL, syscall(SYS_mkdirat, at, path, mode), &before);
}
