#define _GNU_SOURCE
#include "program.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

static char *path;

// The working directory by the name that a shell gives it, in which a symbolic link is still one;
// or else by its own name.
static const char *working_directory(char own[PATH_MAX]) {
    const char *name = getenv("PWD");
    struct stat named, here;
    if (name && *name == '/' && stat(name, &named) == 0 && stat(".", &here) == 0 &&
        named.st_dev == here.st_dev && named.st_ino == here.st_ino)
        return name;
    return getcwd(own, PATH_MAX);
}

// Before main, because a program may change its directory, and a deployment its links.
__attribute__((constructor)) static void note_path(void) {
    const char *name = (const char *)getauxval(AT_EXECFN);
    if (!name || !*name) return;
    // What a descriptor led to is no name by which a later version of the file is found.
    if (strncmp(name, "/proc/", 6) == 0 || strncmp(name, "/dev/fd/", 8) == 0) return;
    if (*name == '/') {
        path = strdup(name);
        return;
    }
    char own[PATH_MAX];
    const char *directory = working_directory(own);
    if (directory && asprintf(&path, "%s/%s", directory, name) < 0) path = NULL;
}

const char *csock_program_path(void) { return path; }
