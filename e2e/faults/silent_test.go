//go:build e2e

package faults

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTenThousandSilentConnections: connections that say nothing cost little, keep
// nobody from being served, and are ended by timeouts.client_head.
func TestTenThousandSilentConnections(t *testing.T) {
	t.Parallel()
	const silent = 10000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Max < silent+2000 {
		t.Fatalf("this test needs %d open files, and the limit is %d (%v): raise it with ulimit -n", silent+2000, files.Max, err)
	}
	s := abused(t, sides{}, "client_head: 12s, ", "")
	before, pss := s.quiet(), s.memory("Pss")
	most := s.watchMemory()

	var all sync.WaitGroup
	var ended atomic.Int64
	faults := make(chan error, silent)
	for i := range silent {
		conn, err := raw.Dial(s.Address(), raw.Dialer{Client: 1 + i})
		testkit.Must(t, err)
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(2 * testkit.Patience))
		all.Go(func() {
			if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || strings.Contains(err.Error(), "timeout") {
				faults <- fmt.Errorf("connection %d: %d bytes, %v", i, n, err)
			}
			ended.Add(1)
		})
	}
	eventually(t, "the edge to have them all", func() bool {
		return s.scrape().Sum("apim_edge_client_connections") >= silent || ended.Load() > 0
	})
	if ended.Load() > 0 {
		t.Log("the first of them had ended before the last one began")
	}
	s.others("10,000 connections saying nothing")
	if grown := most() - pss; grown > silent*2<<10 {
		t.Errorf("%d connections that say nothing hold %d KiB, want less than 2 KiB each", silent, grown>>10)
	}
	all.Wait()
	close(faults)
	for err := range faults {
		t.Fatal(err)
	}
	s.wantQuiet(before)
	s.drained()
}
