package pace

import (
	"testing"
)

type counted struct {
	left  int
	times []int64
	done  chan struct{}
}

func (c *counted) Do(intended int64) bool {
	c.times = append(c.times, intended)
	c.left--
	if c.left == 0 {
		close(c.done)
		return false
	}
	return true
}

func TestPacerKeepsTheIntendedTimesOnePeriodApart(t *testing.T) {
	p := NewPacer(NewClock(), 1)
	defer p.Close()
	task := &counted{left: 20, done: make(chan struct{})}
	p.Add(task, 100_000)
	<-task.done
	for i := 1; i < len(task.times); i++ {
		if gap := task.times[i] - task.times[i-1]; gap != 100_000 {
			t.Fatalf("intended times %d and %d are %d ns apart, want 100000", i-1, i, gap)
		}
	}
}

func TestPacerNeverActsBeforeTheIntendedTime(t *testing.T) {
	clock := NewClock()
	p := NewPacer(clock, 1)
	defer p.Close()
	early := make(chan int64, 1)
	done := make(chan struct{})
	n := 0
	p.Add(taskFunc(func(intended int64) bool {
		if now := clock.Now(); now < intended {
			early <- intended - now
			close(done)
			return false
		}
		n++
		if n == 20 {
			close(done)
			return false
		}
		return true
	}), 200_000)
	<-done
	select {
	case by := <-early:
		t.Fatalf("a task was done %d ns early", by)
	default:
	}
}

type taskFunc func(intended int64) bool

func (f taskFunc) Do(intended int64) bool { return f(intended) }
