/* Faults of the machine, for a node that runs under LD_PRELOAD: what the tests ask for stands in the file that GREFFE_PANNE
 * names, one order per line, and is read anew at each call.
 *
 *   horloge <ms>    the wall clock is off by so much (the monotonic one is not)
 *   fsync           every sync of the store fails with EIO
 *
 * Where GREFFE_OMBRE names a folder, it gets what a power cut would leave: at each sync that succeeds, the bytes of that file as
 * f-<inode>, the names in that folder, each with its kind and inode, as d-<inode>. What is never synced is never there.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The order that begins so, or NULL. */
static const char *ordre(const char *debut, char *tampon, size_t taille) {
    const char *chemin = getenv("GREFFE_PANNE");
    int fd = chemin ? (int)syscall(SYS_openat, AT_FDCWD, chemin, O_RDONLY | O_CLOEXEC, 0) : -1;
    if (fd < 0) return NULL;
    long lu = syscall(SYS_read, fd, tampon, taille - 1);
    syscall(SYS_close, fd);
    tampon[lu > 0 ? lu : 0] = 0;
    return strstr(tampon, debut);
}

int clock_gettime(clockid_t horloge, struct timespec *instant) {
    int rendu = (int)syscall(SYS_clock_gettime, horloge, instant);
    if (rendu == 0 && horloge == CLOCK_REALTIME) {
        int garde = errno;
        char tampon[256];
        const char *trouve = ordre("horloge ", tampon, sizeof tampon);
        long long ms = trouve ? atoll(trouve + strlen("horloge ")) : 0;
        long long ns = instant->tv_nsec + (ms % 1000) * 1000000LL;
        instant->tv_sec += ms / 1000 + (ns < 0 ? -1 : ns / 1000000000LL);
        instant->tv_nsec = ns < 0 ? ns + 1000000000LL : ns % 1000000000LL;
        errno = garde;
    }
    return rendu;
}

static void copier(int fd, const char *ombre, const struct stat *etat) {
    char provisoire[4200], place[4200], tampon[65536];
    snprintf(provisoire, sizeof provisoire, "%s/t-%lu-%ld", ombre, etat->st_ino, (long)syscall(SYS_gettid));
    int vers = open(provisoire, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (vers < 0) abort();
    if (S_ISDIR(etat->st_mode)) {
        char chemin[64];
        snprintf(chemin, sizeof chemin, "/proc/self/fd/%d", fd);
        DIR *dossier = opendir(chemin);
        struct dirent *entree;
        while (dossier && (entree = readdir(dossier)))
            if (strcmp(entree->d_name, ".") && strcmp(entree->d_name, ".."))
                dprintf(vers, "%c%lu %s\n", entree->d_type == DT_DIR ? 'd' : 'f', entree->d_ino, entree->d_name);
        if (dossier) closedir(dossier);
    } else {
        long lu;
        for (off_t ici = 0; (lu = pread(fd, tampon, sizeof tampon, ici)) > 0; ici += lu)
            if (write(vers, tampon, (size_t)lu) != lu) abort();
        if (lu < 0) {
            /* Opened for writing only. */
            char chemin[64];
            snprintf(chemin, sizeof chemin, "/proc/self/fd/%d", fd);
            int de = open(chemin, O_RDONLY | O_CLOEXEC);
            while (de >= 0 && (lu = read(de, tampon, sizeof tampon)) > 0)
                if (write(vers, tampon, (size_t)lu) != lu) abort();
            if (de >= 0) close(de);
        }
    }
    close(vers);
    snprintf(place, sizeof place, "%s/%c-%lu", ombre, S_ISDIR(etat->st_mode) ? 'd' : 'f', etat->st_ino);
    if (rename(provisoire, place)) abort();
}

static int synchroniser(long appel, int fd) {
    char tampon[256], lien[64], chemin[4096] = "";
    snprintf(lien, sizeof lien, "/proc/self/fd/%d", fd);
    long longueur = readlink(lien, chemin, sizeof chemin - 1);
    if (longueur > 0) chemin[longueur] = 0;
    if (strstr(chemin, "registre.sqlite") && ordre("fsync", tampon, sizeof tampon)) {
        errno = EIO;
        return -1;
    }
    int rendu = (int)syscall(appel, fd);
    const char *ombre = getenv("GREFFE_OMBRE");
    struct stat etat;
    if (rendu == 0 && ombre && fstat(fd, &etat) == 0) copier(fd, ombre, &etat);
    return rendu;
}

int fsync(int fd) { return synchroniser(SYS_fsync, fd); }
int fdatasync(int fd) { return synchroniser(SYS_fdatasync, fd); }
