//go:build e2e

package faults

import (
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

var upgrades = flag.Int("faults.upgrades", 2, "how many times an edge is replaced by another one")

// calmly are bounds under which nothing of the load is cut short by a drain. drain_delay
// is longer than a client keeps a connection that it does not use (load.IdleMost), so that
// each is told, or lets go by itself: what remains beyond that is no matter of chance.
const calmly = "response_head: 2s, stream_idle: 4s, upstream_keep_alive: 3s, drain: 20s, drain_delay: 5s"

// upgrade puts another edge into the place of the one that serves.
type upgrade struct {
	*stage
	crowds []*load.Crowd
}

// newUpgrade starts e and the load that has to notice nothing: no refusal, no error, no
// cut, no answer that is missing, nothing that runs twice, be it small, a stream, an
// upload or a tunnel, or a connection for each request. The upstream gives no reason for
// any.
func newUpgrade(t *testing.T, e *edge.Edge, l leg, change func(*load.Settings)) *upgrade {
	t.Helper()
	u := &upgrade{stage: startEdge(t, e, l.sides(t), func(s *load.Settings) { s.Timeouts = calmly; change(s) })}
	u.Load.Mood(load.Loyal)
	long, err := load.Everyday.Only([]string{"stream", "tunnel", "upload", "short", "chat"})
	testkit.Must(t, err)
	u.crowds = []*load.Crowd{u.gather(*crowd/4, nil), u.gatherOf(20, &long, nil), u.gatherOf(*crowd/8, &load.Posts, nil)}
	u.goOn("before any upgrade")
	return u
}

// goOn waits until all clients have been served some times more.
func (u *upgrade) goOn(while string) {
	u.t.Helper()
	u.await(u.crowds[0], "complete", *crowd/2, while)
	u.await(u.crowds[1], "complete", 20, while)
	u.await(u.crowds[2], "complete", *crowd/4, while)
}

// another returns an edge as e, that has not been started. Who is told of its lines is the
// same.
func another(e *edge.Edge) *edge.Edge {
	return &edge.Edge{Binary: e.Binary, Config: e.Config, Flags: slices.Clone(e.Flags), Sockets: e.Sockets, SocketNames: e.SocketNames, OnLine: e.OnLine}
}

// ends waits until e has ended by itself, as it should.
func (u *upgrade) ends(e *edge.Edge) {
	u.t.Helper()
	if _, err := e.Stop(); err != nil {
		u.t.Errorf("%v: %s", err, e.Words())
	}
	if stopped := e.Lines("stopped"); len(stopped) != 1 || stopped[0].Aborted != 0 {
		u.t.Errorf("stopped: %+v, want no exchange that was aborted", stopped)
	}
}

// finish ends the load and has each exchange judged.
func (u *upgrade) finish() {
	u.t.Helper()
	for _, c := range u.crowds {
		c.Halt()
		u.t.Log(c)
	}
	u.wantQuietUpstream()
	u.ends(u.Edge)
	u.ledger.CheckStrangers()
	u.ledger.Close()
	u.report()
	how, all := u.ledger.Endings()
	u.t.Logf("%d exchanges over %d upgrades: %v", all, *upgrades, how)
}

// TestUpgradeByTakeover: one edge after the other takes over while both listen, under a
// load that notices nothing.
func TestUpgradeByTakeover(t *testing.T) {
	t.Parallel() // most of it is waiting for drains
	first := &edge.Edge{Binary: edge.Built, Flags: []string{"--takeover", filepath.Join(t.TempDir(), "edge")}}
	u := newUpgrade(t, first, legs[1], func(*load.Settings) {})
	for range *upgrades {
		old, next := u.Edge, another(u.Edge)
		next.Flags = append(next.Flags, "--listen", old.Address()) // where the load is
		t.Cleanup(func() {
			if next.Exited() != nil {
				next.Kill()
			}
		})
		testkit.Must(t, next.Start())
		testkit.Must(t, next.Await("it takes over", next.Logged(`"message":"has taken over"`)))
		u.goOn("two edges listening")
		<-old.Exited()
		u.ends(old)
		u.Edge = next
		u.goOn("the old edge having gone")
	}
	u.finish()
}

// TestRestartWithASocket: the socket outlives each edge, as where systemd has it, and who
// calls between two of them waits.
func TestRestartWithASocket(t *testing.T) {
	t.Parallel()
	l := testkit.Listen(t)
	f, err := l.(*net.TCPListener).File()
	testkit.Must(t, err)
	defer f.Close()
	e := &edge.Edge{Binary: edge.Built, Sockets: []*os.File{f}, SocketNames: []string{"clients"}}
	u := newUpgrade(t, e, legs[0], func(s *load.Settings) { s.Listen = l.Addr().String() })
	for range *upgrades {
		u.signal(syscall.SIGTERM)
		<-u.Exited()
		u.ends(u.Edge)
		u.Edge = another(u.Edge)
		u.run()
		u.goOn("the edge having been restarted")
	}
	u.finish()
}
