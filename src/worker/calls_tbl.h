/* SPDX-License-Identifier: Apache-2.0
 * System calls by name.  ALLOW(name): may be made in a rehearsal, whatever its arguments: it reads,
 * waits, or changes nothing but the copy's own memory.  NAME(name): for messages only; sandbox.c looks
 * at the arguments of some of these.
 */
/* clang-format off */
/* memory */
ALLOW(brk) ALLOW(munmap) ALLOW(mprotect) ALLOW(mremap) ALLOW(madvise) ALLOW(mincore)
/* files, for reading; what dlopen, malloc and libc want of them */
ALLOW(read) ALLOW(pread64) ALLOW(readv) ALLOW(preadv) ALLOW(lseek) ALLOW(close)
ALLOW(fstat) ALLOW(newfstatat) ALLOW(statx) ALLOW(statfs) ALLOW(fstatfs) ALLOW(faccessat)
ALLOW(readlinkat) ALLOW(getcwd) ALLOW(getdents64) ALLOW(fadvise64) ALLOW(readahead)
/* clocks, identity, limits, chance */
ALLOW(clock_gettime) ALLOW(clock_getres) ALLOW(gettimeofday) ALLOW(times) ALLOW(getrusage)
ALLOW(getpid) ALLOW(gettid) ALLOW(getppid) ALLOW(getuid) ALLOW(geteuid) ALLOW(getgid) ALLOW(getegid)
ALLOW(getgroups) ALLOW(getpgid) ALLOW(getsid) ALLOW(uname) ALLOW(sysinfo) ALLOW(getcpu)
ALLOW(sched_getaffinity) ALLOW(sched_yield) ALLOW(getrandom)
/* waiting: what never ends is found by the deadline */
ALLOW(futex) ALLOW(nanosleep) ALLOW(clock_nanosleep) ALLOW(ppoll) ALLOW(pselect6) ALLOW(restart_syscall)
/* the thread's own; membarrier and rseq are glibc's */
ALLOW(set_robust_list) ALLOW(get_robust_list) ALLOW(rt_sigreturn) ALLOW(rt_sigpending)
ALLOW(membarrier) ALLOW(rseq) ALLOW(exit) ALLOW(exit_group)
#ifdef SYS_faccessat2
ALLOW(faccessat2)
#endif
#ifdef __x86_64__
ALLOW(stat) ALLOW(lstat) ALLOW(access) ALLOW(readlink) ALLOW(time) ALLOW(getpgrp) ALLOW(pause) ALLOW(poll)
ALLOW(select) ALLOW(arch_prctl)
#endif

/* the arguments decide */
NAME(openat) NAME(write) NAME(writev) NAME(mmap) NAME(fcntl) NAME(ioctl) NAME(prlimit64) NAME(tgkill)
NAME(prctl) NAME(rt_sigprocmask)
/* never */
NAME(socket) NAME(socketpair) NAME(bind) NAME(listen) NAME(accept) NAME(accept4) NAME(connect)
NAME(getsockname) NAME(getpeername) NAME(setsockopt) NAME(getsockopt) NAME(shutdown)
NAME(sendto) NAME(recvfrom) NAME(sendmsg) NAME(recvmsg) NAME(sendmmsg) NAME(recvmmsg) NAME(sendfile)
NAME(pwrite64) NAME(pwritev) NAME(pipe2) NAME(dup) NAME(dup3) NAME(splice) NAME(tee) NAME(copy_file_range)
NAME(epoll_create1) NAME(epoll_ctl) NAME(epoll_pwait) NAME(eventfd2) NAME(signalfd4) NAME(timerfd_create)
NAME(timerfd_settime) NAME(timerfd_gettime) NAME(inotify_init1) NAME(inotify_add_watch) NAME(memfd_create)
NAME(truncate) NAME(ftruncate) NAME(fallocate) NAME(fsync) NAME(fdatasync) NAME(sync) NAME(syncfs) NAME(msync)
NAME(unlinkat) NAME(mkdirat) NAME(mknodat) NAME(renameat2) NAME(linkat) NAME(symlinkat) NAME(fchmod)
NAME(fchmodat) NAME(fchown) NAME(fchownat) NAME(utimensat) NAME(flock) NAME(chdir) NAME(fchdir) NAME(chroot)
NAME(umask) NAME(setxattr) NAME(fsetxattr) NAME(mount) NAME(umount2)
NAME(clone) NAME(execve) NAME(execveat) NAME(wait4) NAME(waitid) NAME(kill) NAME(tkill) NAME(rt_sigaction)
NAME(rt_sigqueueinfo) NAME(rt_tgsigqueueinfo) NAME(rt_sigtimedwait) NAME(rt_sigsuspend) NAME(sigaltstack)
NAME(ptrace) NAME(process_vm_readv) NAME(process_vm_writev) NAME(setpriority) NAME(sched_setscheduler)
NAME(sched_setaffinity) NAME(setrlimit) NAME(getrlimit) NAME(setuid) NAME(setgid) NAME(setgroups) NAME(setsid)
NAME(setpgid) NAME(capset) NAME(seccomp) NAME(bpf) NAME(unshare) NAME(setns) NAME(mlock) NAME(mlockall)
NAME(munlock) NAME(shmget) NAME(shmat) NAME(shmdt) NAME(shmctl) NAME(semget) NAME(semop) NAME(semctl)
NAME(msgget) NAME(msgsnd) NAME(msgrcv) NAME(mq_open) NAME(mq_timedsend) NAME(mq_timedreceive)
NAME(timer_create) NAME(timer_settime) NAME(timer_delete) NAME(setitimer) NAME(getitimer) NAME(clock_settime)
NAME(io_setup) NAME(io_submit) NAME(perf_event_open) NAME(userfaultfd) NAME(syslog) NAME(reboot)
NAME(sethostname) NAME(personality) NAME(set_tid_address)
#ifdef SYS_io_uring_setup
NAME(io_uring_setup) NAME(io_uring_enter) NAME(pidfd_open) NAME(pidfd_send_signal)
#endif
#ifdef SYS_clone3
NAME(clone3)
#endif
#ifdef SYS_close_range
NAME(close_range)
#endif
#ifdef SYS_openat2
NAME(openat2)
#endif
#ifdef __x86_64__
NAME(open) NAME(creat) NAME(pipe) NAME(dup2) NAME(fork) NAME(vfork) NAME(unlink) NAME(mkdir) NAME(rmdir)
NAME(rename) NAME(renameat) NAME(link) NAME(symlink) NAME(mknod) NAME(chmod) NAME(chown) NAME(lchown)
NAME(utime) NAME(utimes) NAME(epoll_create) NAME(epoll_wait) NAME(eventfd) NAME(signalfd) NAME(inotify_init)
NAME(alarm) NAME(getdents)
#endif
/* clang-format on */
