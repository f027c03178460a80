package pace

import (
	"container/heap"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// longestNap bounds how long the pacer's thread keeps its share of the Go
// scheduler while it naps, and so how late a new task can be seen.
const longestNap = 500_000

// Task is something to be done at a constant rate.
type Task interface {
	// Do is called when the task is due, with the intended time. It returns
	// false when the task is over.
	Do(intended int64) bool
}

// Pacer does tasks at their intended times, in one goroutine on a thread of its
// own. A late task is done at once and keeps its intended times: the rate holds.
type Pacer struct {
	clock Clock
	tick  int64

	mu     sync.Mutex
	due    queue
	added  int // tasks so far: spreads their phases
	wake   chan struct{}
	closed bool
}

// NewPacer starts a pacer that wakes on multiples of tick nanoseconds only, so
// that a fast rate costs no more than one wake-up per tick; 1 is exact.
func NewPacer(clock Clock, tick int64) *Pacer {
	p := &Pacer{clock: clock, tick: tick, wake: make(chan struct{}, 1)}
	go p.run()
	return p
}

// Add lets t be done every period nanoseconds. The phases of tasks are spread
// evenly over the period (multiples of the golden ratio), so that 400 tasks at
// 100/s come as one every 25 µs and not as 400 at once.
func (p *Pacer) Add(t Task, period int64) {
	p.mu.Lock()
	p.added++
	turns := float64(p.added) * 0.6180339887498949
	phase := int64((turns - float64(int64(turns))) * float64(period))
	heap.Push(&p.due, entry{task: t, at: p.clock.Now() + phase, period: period})
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Close ends the pacer; tasks that are left are not done any more.
func (p *Pacer) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Pacer) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sharpen()
	for {
		next, state := p.next()
		switch state {
		case closed:
			return
		case empty:
			<-p.wake
		case early:
			onTick := (next.at + p.tick - 1) / p.tick * p.tick
			nap(min(onTick-p.clock.Now(), longestNap))
		case ready:
			if next.task.Do(next.at) {
				next.at += next.period
				p.mu.Lock()
				heap.Push(&p.due, next)
				p.mu.Unlock()
			}
		}
	}
}

type state int

const (
	ready state = iota
	early
	empty
	closed
)

// next takes the next task that is due, or says why there is none.
func (p *Pacer) next() (entry, state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return entry{}, closed
	case len(p.due) == 0:
		return entry{}, empty
	case p.due[0].at > p.clock.Now():
		return p.due[0], early
	}
	return heap.Pop(&p.due).(entry), ready
}

// nap sleeps without telling Go's scheduler: entering and leaving its system
// call state costs a futex and up to 20 µs of polling each time.
func nap(nanoseconds int64) {
	if nanoseconds <= 0 {
		return
	}
	ts := unix.NsecToTimespec(nanoseconds)
	rawNanosleep(&ts)
}

type entry struct {
	task   Task
	at     int64
	period int64
}

// queue orders entries by their time; it implements heap.Interface.
type queue []entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}
