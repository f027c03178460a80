//go:build linux && !portable

package wire

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller waits for all connections of a loop by one epoll instance, in one of two
// ways. Parked, the loop waits as any goroutine does, in Go's poller, and holds
// neither thread nor processor. Busy, it waits in the kernel and keeps its
// processor meanwhile, as the one thread of an nginx worker does: to be parked and
// woken costs two system calls and a pass through the scheduler, each time (3 to
// 5 % of an exchange, 17 % of an event that comes alone;
// docs/decisions/0006-event-loops.md).
//
// A wait that keeps its processor is ended by the signal with which Go's monitor
// interrupts whoever has run for 10 ms, and by which the collector stops the
// world. A loop that has had nothing to do meanwhile parks: it costs nothing.
type poller struct {
	ep       int                  // all sockets, and wake
	wake     int                  // eventfd: something was posted
	events   [128]unix.EpollEvent // of one turn; where more has happened the rest comes in turn
	listener *Listener            // nil: others accept

	// parking is an epoll instance that has ep in it exactly while the loop is parked:
	// else each event of a busy loop would wake a thread in Go's poller as well.
	parking int
	file    *os.File        // parking, as Go's poller takes it; it closes parking
	raw     syscall.RawConn // of file

	parks  bool          // always: see ParkAlways
	busy   bool          // how the loop waits; only look changes it
	turns  int           // with events, since looked
	looked time.Duration // when look was called last
}

// A loop is busy that has been woken at least once a millisecond, over so many
// times.
const (
	busyFrom = 1
	fewTimes = 128
)

// ParkAlways has a loop never keep its processor, nor bring one. Nothing is left then
// that only holds for the Go runtime as it is today.
func ParkAlways(l *Loop) { l.parks = true }

// cannotBusy: without the monitor's signals nobody could stop the world.
var cannotBusy = strings.Contains(os.Getenv("GODEBUG"), "asyncpreemptoff=1")

// wakeSeat marks the events of wake.
const wakeSeat = -1

func (l *Loop) start() error {
	l.parks = l.parks || cannotBusy
	var errs [4]error
	l.ep, errs[0] = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	l.parking, errs[1] = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	l.wake, errs[2] = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if errs[3] = unix.SetNonblock(l.parking, true); errors.Join(errs[:]...) != nil {
		l.closeDescriptors()
		return errors.Join(errs[:]...)
	}
	l.file = os.NewFile(uintptr(l.parking), "epoll")
	var err error
	if l.raw, err = l.file.SyscallConn(); err == nil {
		err = watch(l.ep, l.wake, unix.EPOLLIN|unix.EPOLLET, seat{wakeSeat, 0})
	}
	if err != nil {
		_ = l.file.Close() // with parking in it
		l.parking = -1
		l.closeDescriptors()
	}
	return err
}

func (l *Loop) closeDescriptors() {
	for _, fd := range []int{l.ep, l.parking, l.wake} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// watch adds fd to an epoll instance; its events carry s.
func watch(ep, fd int, events uint32, s seat) error {
	event := unix.EpollEvent{Events: events, Fd: s.number, Pad: s.gen}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &event))
}

// rouse ends the wait of the loop. It must be called under mu, and before the loop has
// ended: run takes mu once more before it closes wake, whose number may then be another's
// descriptor.
func (l *Loop) rouse() {
	one := [8]byte{1}
	_, _ = unix.Write(l.wake, one[:]) // full means that it is roused already
}

func (l *Loop) run() {
	defer close(l.done)
	if !l.parks {
		bringProcessor(1)
		defer bringProcessor(-1)
	}
	for !l.isEnded() {
		if l.busy {
			l.keepOn()
		} else {
			l.park()
		}
	}
	l.finish()
	l.pipes.closeFree()
	if l.listener != nil {
		l.listener.closeNow()
	}
	_ = l.file.Close()
	_ = unix.Close(l.ep)
	_ = unix.Close(l.wake)
}

// keepOn handles what happens until it is interrupted for want of more. It begins
// with a goroutine that makes a system call, as whoever keeps a thread would: the
// call wakes Go's monitor, which sleeps while all processors are idle and which no
// raw call wakes, and the thread of the goroutine stays behind to wait in Go's
// poller. Else nobody may do so until the next timer, and other loops were deaf.
func (l *Loop) keepOn() {
	go l.Post(func() {})
	for l.busy && !l.isEnded() {
		wait := -1
		if len(l.again) > 0 {
			wait = 0
		}
		n := epollWait(l.ep, l.events[:], wait)
		l.handleAll(n)
		if n == 0 && wait != 0 { // a signal: nothing had happened for up to 10 ms
			l.look()
			runtime.Gosched() // it is somebody else's turn, or the collector's
		}
	}
}

// park handles what happens until the loop becomes busy or ends. It stays inside
// one Read: each begins by forgetting what Go's poller knows, and would have to
// look once more before it may wait.
func (l *Loop) park() {
	if err := watch(l.parking, l.ep, unix.EPOLLIN|unix.EPOLLET, seat{}); err != nil {
		panic("BUG: " + err.Error()) // both are ours and open
	}
	_ = l.raw.Read(l.turn)
	_ = unix.EpollCtl(l.parking, unix.EPOLL_CTL_DEL, l.ep, nil)
}

// turn handles what has happened. It returns false to wait for more: whatever
// happens after its last look wakes the poller, because the instance is
// edge-triggered there too.
func (l *Loop) turn(uintptr) (leave bool) {
	for {
		n := epollWait(l.ep, l.events[:], 0)
		l.handleAll(n)
		if l.turns == fewTimes {
			l.look()
		}
		switch {
		case l.busy, l.isEnded():
			return true
		case len(l.again) == 0 && n < len(l.events):
			return false
		}
	}
}

// handleAll is one turn: the n events that were fetched, and behind them those that
// ask for another share, so that nobody has two before everybody has had one. Events
// are marked pending before the first handler runs, because it may look for a pooled
// connection: one of which the loop has been told, and has not heard, is not settled.
func (l *Loop) handleAll(n int) {
	l.now = 0
	l.countRound(n, n < len(l.events))
	for i := 1; i < n; i++ { // the first is handled before anybody asks
		if c := l.seated(seat{l.events[i].Fd, l.events[i].Pad}); c != nil {
			c.pending = true
		}
	}
	for i := range l.events[:n] {
		l.handle(&l.events[i])
	}
	if n > 0 {
		l.turns++
	}
	if len(l.again) > 0 {
		l.runAgain()
	}
}

// look decides whether the loop is busy: now and then while it is parked, and at
// each interruption while it is not.
func (l *Loop) look() {
	now := l.Now()
	l.busy = !l.parks && l.turns >= busyFrom*int((now-l.looked)/time.Millisecond)
	l.turns, l.looked = 0, now
}

// epollWait waits for at most so many milliseconds (-1: until a signal comes) and
// returns 0 if nothing has happened. The scheduler is not told.
func epollWait(ep int, events []unix.EpollEvent, milliseconds int) int {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(milliseconds), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

var (
	processors sync.Mutex // a change of GOMAXPROCS is a read and a write
	brought    int
)

// bringProcessor gives the scheduler one processor more for a loop, which may keep
// one to itself, or takes it away again.
func bringProcessor(n int) {
	processors.Lock()
	defer processors.Unlock()
	brought += n
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}

// Processors returns how many processors the program has been given (GOMAXPROCS),
// without those that loops have brought along.
func Processors() int {
	processors.Lock()
	defer processors.Unlock()
	return runtime.GOMAXPROCS(0) - brought
}
