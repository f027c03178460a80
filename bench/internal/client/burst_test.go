package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestABurstIsThereAtOnce has a server that answers nobody before all have asked.
func TestABurstIsThereAtOnce(t *testing.T) {
	const n, rounds = 50, 2
	listener := testkit.Listen(t)
	var served sync.WaitGroup
	t.Cleanup(func() { listener.Close(); served.Wait() })
	asked := [rounds]sync.WaitGroup{}
	for i := range asked {
		asked[i].Add(n)
	}
	served.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for i := range asked {
					request, err := http.ReadRequest(in)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, request.Body)
					asked[i].Done()
					asked[i].Wait()
					_, _ = io.WriteString(c, fixedHead+"hello")
				}
			})
		}
	})
	target := Target{Address: listener.Addr().String(), Credential: "api-key: k"}
	b := &Burst{Target: target, Request: target.Request(Small, "json:512"), Clients: n, Meter: NewMeter()}
	b.Meter.Switch(true)
	testkit.Must(t, b.Connect())
	defer b.Close()
	for range rounds {
		b.Send(time.Minute)
	}
	if units, times := b.Meter.Units.Load(), b.Meter.Latency.Histogram().TotalCount(); units != n*rounds || times != n*rounds {
		t.Errorf("%d exchanges and %d times, want %d of each; errors: %v", units, times, n*rounds, b.Meter.Kinds())
	}
}

func TestErrorsOfOneKindAreOneWhateverThePort(t *testing.T) {
	m := NewMeter()
	for port := range 3 {
		m.Fail(&net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{Port: port}, Err: syscall.ECONNREFUSED})
		m.Fail(fmt.Errorf("number %d: %w", port, &net.OpError{Op: "read", Addr: &net.TCPAddr{Port: port}, Err: errors.New("gone")}))
	}
	m.Fail(StatusError{503, "edge_overloaded"})
	want := map[string]int64{"connection refused": 3, "gone": 3, "status 503 (edge_overloaded)": 1}
	got := m.Kinds()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("kinds = %v, want %v", got, want)
	}
}

func TestWhatIsTakenFromARecorderIsGone(t *testing.T) {
	r := NewRecorder()
	r.Switch(true)
	for worker := range 20 {
		r.Record(worker, 1000)
	}
	if first, second := r.Take().TotalCount(), r.Take().TotalCount(); first != 20 || second != 0 {
		t.Errorf("taken %d, then %d; want 20, then 0", first, second)
	}
}
