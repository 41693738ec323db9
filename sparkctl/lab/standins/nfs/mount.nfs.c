/*
 * STAND-IN of sparkctl's lab for mount.nfs(8) of nfs-utils; it is not that program.
 *
 * For kernels without an NFS client: a FUSE file system over libnfs (https://github.com/sahlberg/libnfs) that speaks
 * NFSv3 over TCP with the server. Each request carries its caller's uid, gid and groups, so that the server's squashing
 * and permissions act as with the kernel's client. The mount shows as type fuse.nfs. Locks are local (`nolock`).
 * A request to a dead server is repeated for ever (`hard`) or fails with EIO after `timeo` * `retrans` (`soft`).
 *
 * usage: mount.nfs HOST:/PATH DIRECTORY [-fnrsvw] [-o OPTIONS]; exit status 0 or, as mount(8) has it, 1 (usage), 32.
 */
#define FUSE_USE_VERSION 31
#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <netdb.h>
#include <nfsc/libnfs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { EX_USAGE = 1, EX_FAIL = 32, MOST_GROUPS = 16 /* RFC 5531, AUTH_SYS */, TEXT = 1024 };

struct options {
    int soft;
    int timeo;   /* tenths of a second */
    int retrans; /* how often a request is repeated before `soft` gives up */
    int attributes; /* seconds that attributes may be cached */
    int retry; /* minutes for which the mount itself is tried, as nfs(5) has it for a mount in the foreground */
    char fuse[TEXT];
};

struct handle {
    struct nfsfh *file;
    int dirty;
};

static struct nfs_context *server;
static struct options wanted = {0, 600, 2, 1, 2, ""};

/* ---- who asks ---------------------------------------------------------------------------------------------------- */

/* Every request goes out as its caller: a fixed uid 0 would be squashed to nobody. */
static void as_caller(void)
{
    static uid_t uid = (uid_t)-1;
    static gid_t gid = (gid_t)-1;
    static pid_t pid = -1;
    struct fuse_context *caller = fuse_get_context();
    gid_t groups[MOST_GROUPS];
    uint32_t numbers[MOST_GROUPS];
    int count, i;

    if (caller->uid == uid && caller->gid == gid && caller->pid == pid)
        return;
    uid = caller->uid;
    gid = caller->gid;
    pid = caller->pid;
    count = fuse_getgroups(MOST_GROUPS, groups);
    if (count < 0)
        count = 0;
    if (count > MOST_GROUPS)
        count = MOST_GROUPS;
    for (i = 0; i < count; i++)
        numbers[i] = groups[i];
    nfs_set_uid(server, (int)uid);
    nfs_set_gid(server, (int)gid);
    nfs_set_auxiliary_gids(server, (uint32_t)count, numbers);
}

/* libnfs says EINTR for a request that timed out or was cut off by a reconnect. */
static int again(int result)
{
    return result == -EINTR && !wanted.soft;
}

static int judged(int result)
{
    return result == -EINTR ? -EIO : result;
}

#define ASK(result, call)                                                                                             \
    do {                                                                                                              \
        as_caller();                                                                                                  \
        do                                                                                                            \
            (result) = (call);                                                                                        \
        while (again(result));                                                                                        \
        (result) = judged(result);                                                                                    \
    } while (0)

/* ---- names and attributes ---------------------------------------------------------------------------------------- */

static void translate(struct stat *to, const struct nfs_stat_64 *from)
{
    memset(to, 0, sizeof *to);
    to->st_ino = from->nfs_ino;
    to->st_mode = from->nfs_mode;
    to->st_nlink = from->nfs_nlink;
    to->st_uid = from->nfs_uid;
    to->st_gid = from->nfs_gid;
    to->st_rdev = from->nfs_rdev;
    to->st_size = (off_t)from->nfs_size;
    to->st_blksize = (blksize_t)from->nfs_blksize;
    to->st_blocks = (blkcnt_t)((from->nfs_used + 511) / 512);
    to->st_atim.tv_sec = (time_t)from->nfs_atime;
    to->st_atim.tv_nsec = (long)from->nfs_atime_nsec;
    to->st_mtim.tv_sec = (time_t)from->nfs_mtime;
    to->st_mtim.tv_nsec = (long)from->nfs_mtime_nsec;
    to->st_ctim.tv_sec = (time_t)from->nfs_ctime;
    to->st_ctim.tv_nsec = (long)from->nfs_ctime_nsec;
}

static int do_getattr(const char *path, struct stat *to, struct fuse_file_info *info)
{
    struct nfs_stat_64 seen;
    int result;

    (void)info;
    ASK(result, nfs_lstat64(server, path, &seen));
    if (result == 0)
        translate(to, &seen);
    return result;
}

static int do_readlink(const char *path, char *to, size_t size)
{
    int result;

    memset(to, 0, size);
    ASK(result, nfs_readlink(server, path, to, (int)size - 1));
    return result < 0 ? result : 0;
}

static int do_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info,
                      enum fuse_readdir_flags flags)
{
    struct nfsdir *directory;
    struct nfsdirent *entry;
    int result;

    (void)offset, (void)info, (void)flags;
    ASK(result, nfs_opendir(server, path, &directory));
    if (result)
        return result;
    while ((entry = nfs_readdir(server, directory))) {
        struct stat seen = {0};

        seen.st_ino = entry->inode;
        seen.st_mode = entry->mode;
        fill(buffer, entry->name, &seen, 0, 0);
    }
    nfs_closedir(server, directory);
    return 0;
}

static int do_mkdir(const char *path, mode_t mode)
{
    int result;

    ASK(result, nfs_mkdir2(server, path, (int)mode));
    return result;
}

static int do_mknod(const char *path, mode_t mode, dev_t device)
{
    int result;

    ASK(result, nfs_mknod(server, path, (int)mode, (int)device));
    return result;
}

static int do_rmdir(const char *path)
{
    int result;

    ASK(result, nfs_rmdir(server, path));
    return result;
}

static int do_unlink(const char *path)
{
    int result;

    ASK(result, nfs_unlink(server, path));
    return result;
}

static int do_rename(const char *from, const char *to, unsigned int flags)
{
    int result;

    if (flags) /* NFS knows neither RENAME_NOREPLACE nor RENAME_EXCHANGE */
        return -EINVAL;
    ASK(result, nfs_rename(server, from, to));
    return result;
}

static int do_symlink(const char *target, const char *path)
{
    int result;

    ASK(result, nfs_symlink(server, target, path));
    return result;
}

static int do_link(const char *from, const char *to)
{
    int result;

    ASK(result, nfs_link(server, from, to));
    return result;
}

static int do_chmod(const char *path, mode_t mode, struct fuse_file_info *info)
{
    int result;

    (void)info;
    ASK(result, nfs_chmod(server, path, (int)(mode & 07777)));
    return result;
}

static int do_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *info)
{
    int result;

    (void)info;
    ASK(result, nfs_lchown(server, path, (int)uid, (int)gid));
    return result;
}

static int do_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *info)
{
    struct nfs_stat_64 seen;
    struct timeval now, set[2];
    int result, i;

    (void)info;
    ASK(result, nfs_lstat64(server, path, &seen));
    if (result)
        return result;
    gettimeofday(&now, NULL);
    for (i = 0; i < 2; i++) {
        set[i].tv_sec = times[i].tv_sec;
        set[i].tv_usec = times[i].tv_nsec / 1000;
        if (times[i].tv_nsec == UTIME_NOW)
            set[i] = now;
        if (times[i].tv_nsec == UTIME_OMIT) {
            set[i].tv_sec = (time_t)(i ? seen.nfs_mtime : seen.nfs_atime);
            set[i].tv_usec = (suseconds_t)((i ? seen.nfs_mtime_nsec : seen.nfs_atime_nsec) / 1000);
        }
    }
    ASK(result, nfs_lutimes(server, path, set));
    return result;
}

static int do_statfs(const char *path, struct statvfs *to)
{
    int result;

    ASK(result, nfs_statvfs(server, path, to));
    return result;
}

/* ---- content ----------------------------------------------------------------------------------------------------- */

static struct handle *handle_of(const struct fuse_file_info *info)
{
    return (struct handle *)(uintptr_t)info->fh;
}

static int remember(struct nfsfh *file, struct fuse_file_info *info)
{
    struct handle *made = calloc(1, sizeof *made);

    if (!made) {
        nfs_close(server, file);
        return -ENOMEM;
    }
    made->file = file;
    info->fh = (uint64_t)(uintptr_t)made;
    return 0;
}

static int do_open(const char *path, struct fuse_file_info *info)
{
    struct nfsfh *file;
    int result;

    ASK(result, nfs_open(server, path, info->flags & (O_ACCMODE | O_TRUNC | O_SYNC), &file));
    return result ? result : remember(file, info);
}

static int do_create(const char *path, mode_t mode, struct fuse_file_info *info)
{
    struct nfsfh *file;
    int result;

    ASK(result, nfs_open2(server, path, O_CREAT | O_RDWR | (info->flags & (O_EXCL | O_TRUNC)), (int)mode, &file));
    return result ? result : remember(file, info);
}

static int do_read(const char *path, char *to, size_t size, off_t offset, struct fuse_file_info *info)
{
    size_t got = 0;
    int result;

    (void)path;
    while (got < size) {
        ASK(result, nfs_pread(server, handle_of(info)->file, (uint64_t)offset + got, size - got, to + got));
        if (result < 0)
            return result;
        if (result == 0)
            break;
        got += (size_t)result;
    }
    return (int)got;
}

static int do_write(const char *path, const char *from, size_t size, off_t offset, struct fuse_file_info *info)
{
    size_t put = 0;
    int result;

    (void)path;
    handle_of(info)->dirty = 1;
    while (put < size) {
        ASK(result, nfs_pwrite(server, handle_of(info)->file, (uint64_t)offset + put, size - put, from + put));
        if (result < 0)
            return result;
        if (result == 0)
            return -EIO;
        put += (size_t)result;
    }
    return (int)put;
}

static int sync_handle(struct handle *which)
{
    int result = 0;

    if (which->dirty)
        ASK(result, nfs_fsync(server, which->file));
    if (result == 0)
        which->dirty = 0;
    return result;
}

static int do_flush(const char *path, struct fuse_file_info *info)
{
    (void)path;
    return sync_handle(handle_of(info)); /* close-to-open consistency: what was written is there once it is closed */
}

static int do_fsync(const char *path, int data_only, struct fuse_file_info *info)
{
    (void)path, (void)data_only;
    return sync_handle(handle_of(info));
}

static int do_release(const char *path, struct fuse_file_info *info)
{
    (void)path;
    nfs_close(server, handle_of(info)->file);
    free(handle_of(info));
    return 0;
}

static int do_truncate(const char *path, off_t size, struct fuse_file_info *info)
{
    int result;

    if (info && info->fh)
        ASK(result, nfs_ftruncate(server, handle_of(info)->file, (uint64_t)size));
    else
        ASK(result, nfs_truncate(server, path, (uint64_t)size));
    return result;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void *do_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->use_ino = 1;
    config->nullpath_ok = 0;
    config->auto_cache = 1; /* pages stay while size and mtime do: a model is read over the wire once */
    config->attr_timeout = config->entry_timeout = wanted.attributes;
    config->negative_timeout = 0;
    return NULL;
}

static void do_destroy(void *data)
{
    (void)data;
    nfs_destroy_context(server);
}

static const struct fuse_operations operations = {
    .init = do_init, .destroy = do_destroy, .getattr = do_getattr, .readlink = do_readlink, .readdir = do_readdir,
    .mkdir = do_mkdir, .mknod = do_mknod, .rmdir = do_rmdir, .unlink = do_unlink, .rename = do_rename,
    .symlink = do_symlink, .link = do_link, .chmod = do_chmod, .chown = do_chown, .utimens = do_utimens,
    .statfs = do_statfs, .open = do_open, .create = do_create, .read = do_read, .write = do_write,
    .flush = do_flush, .fsync = do_fsync, .release = do_release, .truncate = do_truncate,
};

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void to_fuse(const char *option)
{
    size_t used = strlen(wanted.fuse);

    snprintf(wanted.fuse + used, sizeof wanted.fuse - used, ",%s", option);
}

static int is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return 1;
    return 0;
}

/* Takes one option; 0 where it is none that mount.nfs knows. */
static int take(char *option)
{
    static const char *const kernels[] = {"ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "atime",
                                          "noatime", "nodiratime", "relatime", "strictatime", "sync", "async",
                                          "dirsync", NULL};
    static const char *const harmless[] = {"defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group",
                                           "_netdev", "nofail", "fg", "bg", "intr", "nointr", "lock", "nolock", "tcp",
                                           "ac", "cto", "nocto", "acl", "noacl", "rdirplus", "nordirplus", "resvport",
                                           "noresvport", "sharecache", "nosharecache", "remount", NULL};
    static const char *const harmless_values[] = {"rsize", "wsize", "proto", "mountproto", "sec", "nconnect",
                                                  "acregmin", "acregmax", "acdirmin", "acdirmax", "lookupcache",
                                                  "local_lock", "namlen", "clientaddr", "addr", "mountaddr", "mounthost",
                                                  "fsc", "comment", "port", "mountport", "minorversion", "max_connect", NULL};
    char *value = strchr(option, '=');

    if (!*option || strncmp(option, "x-", 2) == 0)
        return 1;
    if (!value) {
        if (is_one_of(option, kernels))
            to_fuse(option);
        else if (strcmp(option, "soft") == 0 || strcmp(option, "softerr") == 0)
            wanted.soft = 1;
        else if (strcmp(option, "hard") == 0)
            wanted.soft = 0;
        else if (strcmp(option, "noac") == 0)
            wanted.attributes = 0;
        else
            return is_one_of(option, harmless);
        return 1;
    }
    *value++ = 0;
    if (strcmp(option, "timeo") == 0)
        wanted.timeo = atoi(value);
    else if (strcmp(option, "retrans") == 0)
        wanted.retrans = atoi(value);
    else if (strcmp(option, "retry") == 0)
        wanted.retry = atoi(value);
    else if (strcmp(option, "actimeo") == 0)
        wanted.attributes = atoi(value);
    else if (strcmp(option, "vers") == 0 || strcmp(option, "nfsvers") == 0)
        return *value == '3' || *value == '4'; /* version 4 is promised by the server, version 3 is spoken */
    else if (is_one_of(option, harmless_values))
        return !(strstr(option, "proto") && strncmp(value, "udp", 3) == 0);
    else
        return 0;
    return 1;
}

static int take_all(char *list)
{
    char *option;

    while ((option = strsep(&list, ",")))
        if (!take(option))
            return 0;
    return 1;
}

/* libnfs says only that the service failed: find out how by knocking at the server's port. 0 or an errno. */
static int knock(const char *host)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    struct pollfd door;
    socklen_t size = sizeof(int);
    int error = 0;

    if (getaddrinfo(host, "2049", &hints, &found))
        return ENOENT;
    door.fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    door.events = POLLOUT;
    if (door.fd < 0)
        error = errno;
    else if (connect(door.fd, found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS)
        error = errno;
    else if (poll(&door, 1, 10000) == 0)
        error = ETIMEDOUT;
    else
        getsockopt(door.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    close(door.fd);
    freeaddrinfo(found);
    return error;
}

/* A server that is still booting is waited for; these are the errors that nfs-utils calls temporary. */
static int knock_until(const char *host, time_t deadline)
{
    int error, pause = 1;

    while ((error = knock(host)) == ECONNREFUSED || error == ETIMEDOUT || error == EHOSTUNREACH) {
        if (time(NULL) + pause > deadline)
            break;
        sleep((unsigned)pause);
        if (pause < 10)
            pause *= 2;
    }
    return error;
}

static int refused(const char *source, int result)
{
    const char *why = nfs_get_error(server);

    if (result == -EACCES || result == -EPERM || strstr(why, "ACCES"))
        fprintf(stderr, "mount.nfs: access denied by server while mounting %s\n", source);
    else if (result == -ENOENT || strstr(why, "NOENT"))
        fprintf(stderr, "mount.nfs: mounting %s failed, reason given by server: No such file or directory\n", source);
    else
        fprintf(stderr, "mount.nfs: mounting %s failed: %s\n", source, why);
    return EX_FAIL;
}

int main(int count, char **words)
{
    const char *places[2] = {NULL, NULL};
    char *host, *path, arguments[2 * TEXT];
    int given = 0, result, i;

    server = nfs_init_context();
    if (!server)
        return EX_FAIL;
    for (i = 1; i < count; i++) {
        if (strcmp(words[i], "-o") == 0 && i + 1 < count) {
            if (!take_all(words[++i])) {
                fprintf(stderr, "mount.nfs: an incorrect mount option was specified for %s\n", places[0] ? places[0] : "");
                return EX_FAIL;
            }
        } else if (words[i][0] == '-') {
            if (strchr(words[i], 'r'))
                to_fuse("ro");
        } else if (given < 2) {
            places[given++] = words[i];
        }
    }
    if (given < 2 || !(host = strdup(places[0])) || !(path = strstr(host, ":/"))) {
        fprintf(stderr, "usage: mount.nfs remotetarget dir [-rvVwfnsh] [-o nfsoptions]\n");
        return EX_USAGE;
    }
    *path++ = 0;
    nfs_set_version(server, 3);
    nfs_set_uid(server, 0);
    nfs_set_gid(server, 0);
    nfs_set_autoreconnect(server, 3);
    nfs_set_timeout(server, 10000); /* of the mount itself */
    result = knock_until(host, time(NULL) + 60 * wanted.retry);
    if (result == ENOENT) {
        fprintf(stderr, "mount.nfs: Failed to resolve server %s: Name or service not known\n", host);
        return EX_FAIL;
    }
    if (result) {
        fprintf(stderr, "mount.nfs: %s for %s on %s\n", strerror(result), places[0], places[1]);
        return EX_FAIL;
    }
    result = nfs_mount(server, host, path);
    if (result)
        return refused(places[0], result);
    nfs_set_autoreconnect(server, -1);
    nfs_set_timeout(server, wanted.soft ? wanted.timeo * 100 * (wanted.retrans + 1) : 15000);
    snprintf(arguments, sizeof arguments, "-ofsname=%s,subtype=nfs,allow_other,default_permissions,dev,suid%s", places[0],
             wanted.fuse);
    char *arguments_of_fuse[] = {words[0], (char *)places[1], "-s", arguments, NULL};
    return fuse_main(4, arguments_of_fuse, &operations, NULL) ? EX_FAIL : 0;
}
