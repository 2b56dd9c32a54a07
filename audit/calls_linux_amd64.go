package audit

import "golang.org/x/sys/unix"

// older are calls that later processors do without.
var older = []call{
	{number: unix.SYS_EPOLL_WAIT, name: "epoll_wait", class: Waits},
	{number: unix.SYS_POLL, name: "poll", class: Waits},
	{number: unix.SYS_SELECT, name: "select", class: Waits},
	{number: unix.SYS_PAUSE, name: "pause", class: Waits},
	{number: unix.SYS_TIME, name: "time", class: Accounts},
	{number: unix.SYS_OPEN, name: "open", class: Arranges},
	{number: unix.SYS_STAT, name: "stat", class: Arranges},
	{number: unix.SYS_PIPE, name: "pipe", class: Arranges},
	{number: unix.SYS_DUP2, name: "dup2", class: Arranges},
	{number: unix.SYS_UNLINK, name: "unlink", class: Arranges},
	{number: unix.SYS_ARCH_PRCTL, name: "arch_prctl", class: Arranges},
}
