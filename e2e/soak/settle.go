package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
)

// settle ends the load and checks what the edge is left with.
func (s *soak) settle() {
	fmt.Fprintln(s.out, "the load has ended; the edge must come back to where it began")
	if s.Gone() {
		s.check("the edge runs to the end", false, "it ended by itself; its last lines:\n%s", s.Log())
		return
	}
	s.check("the edge runs to the end", true, "process %d", s.Pid())
	s.awaitClients()
	s.awaitRest()
	s.checkCounts()
	begun := time.Now()
	_, err := s.Stop()
	s.check("SIGTERM ends it with exit code 0", err == nil, "%v after %s", orZero(err), time.Since(begun).Round(time.Millisecond))
	s.ledger.Close()
	s.ledger.CheckStrangers()
	s.ledger.CheckNameless()
	s.checkLog()
	_, exchanges := s.ledger.Endings()
	_, faults := s.ledger.Findings()
	s.check("every exchange ended as it was meant to", faults == 0, "%d exchanges, %d findings", exchanges, faults)
	count, p50, p99, longest := s.ledger.CancelTimes()
	s.check("a departure cancels upstream", count > 0 || len(s.mix.Names()) < len(load.Everyday.Names()), "%d departures; upstream was free after %s (p50), %s (p99), %s (longest)",
		count, p50.Round(10*time.Microsecond), p99.Round(10*time.Microsecond), longest.Round(10*time.Microsecond))
}

func orZero(err error) any {
	if err == nil {
		return "exit code 0"
	}
	return err
}

// awaitClients waits for the exchanges that still run.
func (s *soak) awaitClients() {
	running, ended := s.Load.Await(load.Patience + 5*time.Second)
	s.check("every client comes to its end", ended, "%d still wait", running)
}

// spare is how many descriptors and goroutines more than at the start mean
// nothing: a connection of this tool to the admin listener, a timer.
const spare = 3

// awaitRest waits until the edge holds nothing that it did not hold at the start.
// Idle connections to upstream may stay for their time; then they must go.
func (s *soak) awaitRest() {
	now, err := s.AwaitRest(s.rest, spare, load.UpstreamIdle+load.ClientKeepAlive+5*time.Second)
	kinds, _, _ := s.Files()
	s.check("no connection, exchange, stream, goroutine or descriptor is left", err == nil, "%+v %v, at the start %+v", now, kinds, s.rest)
	s.ledger.Sweep()
	pss, err := s.Memory("Pss")
	s.check("memory at rest", err == nil, "%.1f MiB PSS, at the start %.1f MiB", float64(pss)/(1<<20), s.before.pss)
}

// checkCounts holds that the metrics, the log and the clients tell the same story.
func (s *soak) checkCounts() {
	var now sample
	var err error
	for range 50 { // the log is written beside the exchanges
		if now, err = s.look(); err != nil || now.requests == now.lines {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.check("one access line for each exchange", err == nil && now.requests == now.lines && now.lines > 0,
		"requests_total %.0f, access lines %.0f", now.requests, now.lines)
	s.check("no log line is lost", err == nil && now.linesLost == 0, "%.0f lost", now.linesLost)
	if m, err := s.Scrape(); err == nil {
		s.ledger.CheckCounters(m)
	}
	changes, signals, spoiled := s.told["changes of the configuration file"], s.told["SIGHUP"], s.told["spoiled configuration files"]
	s.check("reloads are taken, bad ones are refused", err == nil && now.reloads >= float64(changes) && now.reloadsFailed >= float64(spoiled),
		"%.0f taken, %.0f refused; the file was changed %d times and spoiled %d times, SIGHUP sent %d times", now.reloads, now.reloadsFailed, changes, spoiled, signals)
}

// checkLog holds what can be said when the log is complete.
func (s *soak) checkLog() {
	var other []string
	_, messages := s.ledger.Messages("")
	for message, n := range messages {
		other = append(other, fmt.Sprintf("%d × %s", n, message))
	}
	slices.Sort(other)
	leaks, size := s.ledger.Leaks()
	s.check("no credential is in the log", leaks == 0, "searched %.1f MiB; besides access lines: %s", float64(size)/(1<<20), strings.Join(other, "; "))
}
